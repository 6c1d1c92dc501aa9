//! The service's paths, and the limits around them.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request as HttpRequest, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use rayon::prelude::*;
use recode_core::reward::Rubric;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::Settings;
use super::request::{Item, Items, Request};

/// Bodies up to here are scored where they were read: handing them to another thread would take longer.
const SMALL_BODY_BYTES: usize = 16 << 10;

/// The description of the service, by the OpenAPI standard.
const OPENAPI: &str = include_str!("openapi.json");

struct Service {
    settings: Arc<Settings>,
    /// One for each request that is worked on; the others wait.
    places: Arc<Semaphore>,
}

pub(super) fn router(settings: Arc<Settings>) -> Router {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let limit = DefaultBodyLimit::max(settings.max_body_bytes);
    let service = Arc::new(Service {
        settings,
        places: Arc::new(Semaphore::new(cores)),
    });
    Router::new()
        .route("/score", post(score))
        .route("/health", get(health))
        .route("/openapi.json", get(openapi))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(limit)
        .layer(from_fn_with_state(service.clone(), in_time))
        .with_state(service)
}

/// Ends what takes too long, the reading of a body that does not come above all.
async fn in_time(
    State(service): State<Arc<Service>>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let timeout = service.settings.timeout;
    match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let seconds = timeout.as_secs_f64();
            let reason = format!(
                "not answered within {seconds} seconds: send less at once, or raise --timeout"
            );
            let mut response = fault(StatusCode::REQUEST_TIMEOUT, &reason);
            // The rest of the body may still come.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        }
    }
}

async fn score(
    State(service): State<Arc<Service>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let max = service.settings.max_body_bytes;
    let body = match body {
        Ok(body) => body,
        Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let reason = format!(
                "the body has more than {max} bytes: send less at once, or raise --max-body-mib"
            );
            return fault(StatusCode::PAYLOAD_TOO_LARGE, &reason);
        }
        Err(error) => return fault(error.status(), &error.body_text()),
    };
    let small = body.len() <= SMALL_BODY_BYTES;
    let Ok(place) = service.places.clone().acquire_owned().await else {
        return fault(StatusCode::SERVICE_UNAVAILABLE, "stopping");
    };
    let Settings {
        rubric, timeout, ..
    } = Settings::clone(&service.settings);
    let work = move || {
        // The place is given back when the work has ended, be anyone still there for the answer or not.
        let _place = place;
        answer(&body, rubric, Instant::now() + timeout)
    };
    if small {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(response) => response,
        Err(_) => fault(
            StatusCode::INTERNAL_SERVER_ERROR,
            "scoring failed; this is a fault of the service",
        ),
    }
}

fn answer(body: &[u8], rubric: Rubric, deadline: Instant) -> Response {
    let request = match Request::parse(body) {
        Ok(request) => request,
        Err(reason) => return fault(StatusCode::BAD_REQUEST, &reason),
    };
    let rubric = request.rubric.clone().unwrap_or(rubric);
    if let Err(reason) = request.check(&rubric) {
        return fault(StatusCode::UNPROCESSABLE_ENTITY, &reason);
    }
    match &request.items {
        Items::One(item) => json(StatusCode::OK, &item.score(&rubric, request.explain)),
        Items::Many(items) => {
            let in_time = |item: &Item| {
                (Instant::now() < deadline).then(|| item.score(&rubric, request.explain))
            };
            match items.par_iter().map(in_time).collect::<Option<Vec<_>>>() {
                Some(answers) => json(StatusCode::OK, &answers),
                None => fault(StatusCode::REQUEST_TIMEOUT, "not scored in time"),
            }
        }
    }
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    #[derive(Serialize)]
    struct Health<'a> {
        status: &'static str,
        version: &'static str,
        rubric: &'a Rubric,
    }
    let version = env!("CARGO_PKG_VERSION");
    json(
        StatusCode::OK,
        &Health {
            status: "ok",
            version,
            rubric: &service.settings.rubric,
        },
    )
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn no_such_path() -> Response {
    fault(
        StatusCode::NOT_FOUND,
        "no such path: use POST /score, GET /health or GET /openapi.json",
    )
}

async fn no_such_method() -> Response {
    fault(
        StatusCode::METHOD_NOT_ALLOWED,
        "no such method: use POST /score, GET /health or GET /openapi.json",
    )
}

#[derive(Serialize)]
struct Fault<'a> {
    error: &'a str,
}

fn fault(status: StatusCode, reason: &str) -> Response {
    json(status, &Fault { error: reason })
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        // Nothing that is answered with has a key that is no text or a map that fails.
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
