//! The service's paths, and the limits around them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, FromRequest, Request as HttpRequest, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use rayon::prelude::*;
use recode_core::reward::{Missing, Rubric};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

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
        .with_state(service)
}

async fn score(State(service): State<Arc<Service>>, request: HttpRequest) -> Response {
    let Settings {
        rubric,
        max_body_bytes,
        timeout,
    } = Settings::clone(&service.settings);
    let deadline = Instant::now() + timeout;
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > max_body_bytes as u64) {
        // Who asks first whether to send it is told so at once; others would miss the answer while they send.
        if !request.headers().contains_key(header::EXPECT) {
            let _ = timeout_at(deadline.into(), let_pass(request.into_body())).await;
        }
        return closing(too_long(max_body_bytes));
    }
    let body = match timeout_at(deadline.into(), Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return closing(too_long(max_body_bytes));
        }
        Ok(Err(error)) => return fault(error.status(), &error.body_text()),
        Err(_) => {
            let reason = format!(
                "the body did not arrive within {} seconds",
                timeout.as_secs()
            );
            return closing(fault(StatusCode::REQUEST_TIMEOUT, &reason));
        }
    };
    let Ok(Ok(place)) = timeout_at(deadline.into(), service.places.clone().acquire_owned()).await
    else {
        return busy(timeout);
    };
    let small = body.len() <= SMALL_BODY_BYTES;
    let work = move || {
        // The place is given back when the work has ended, be anyone still there for the answer or not.
        let _place = place;
        answer(&body, rubric, deadline).unwrap_or_else(|| busy(timeout))
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

/// Reads a body to its end and keeps nothing of it.
async fn let_pass(mut body: Body) {
    while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {}
}

fn too_long(max_body_bytes: usize) -> Response {
    let reason = format!(
        "the body has more than {max_body_bytes} bytes: send less at once, or raise --max-body-mib"
    );
    fault(StatusCode::PAYLOAD_TOO_LARGE, &reason)
}

/// An answer before all of the body is there: what may still come of it is no next request.
fn closing(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// There was more to do than there was time.
fn busy(timeout: Duration) -> Response {
    let reason = format!(
        "not answered within {} seconds: send less at once, or raise --timeout",
        timeout.as_secs()
    );
    let mut response = fault(StatusCode::SERVICE_UNAVAILABLE, &reason);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The answer to a body; `None` where it was not ready in time.
fn answer(body: &[u8], rubric: Rubric, deadline: Instant) -> Option<Response> {
    let request = match Request::parse(body) {
        Ok(request) => request,
        Err(reason) => return Some(fault(StatusCode::BAD_REQUEST, &reason)),
    };
    let rubric = request.rules.over(rubric);
    if let Err(reason) = request.check(&rubric) {
        return Some(fault(StatusCode::UNPROCESSABLE_ENTITY, &reason));
    }
    let unprocessable = |reason: String| fault(StatusCode::UNPROCESSABLE_ENTITY, &reason);
    Some(match &request.items {
        Items::One(item) => match item.score(&rubric, request.explain) {
            Ok(answer) => json(StatusCode::OK, &answer),
            Err(missing) => unprocessable(missing.to_string()),
        },
        Items::Many(items) => {
            let in_time = |item: &Item| {
                (Instant::now() < deadline).then(|| item.score(&rubric, request.explain))
            };
            let answers = items.par_iter().map(in_time).collect::<Option<Vec<_>>>()?;
            let named = |(index, answer): (usize, Result<_, Missing>)| {
                answer.map_err(|missing| format!("items[{index}]: {missing}"))
            };
            match answers.into_iter().enumerate().map(named).collect() {
                Ok::<Vec<_>, _>(answers) => json(StatusCode::OK, &answers),
                Err(reason) => unprocessable(reason),
            }
        }
    })
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
