//! The paths that are served, and the headers around every answer.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::file_body::FileBody;
use super::{Page, Runs};

/// As index.html has it, and for every file: nothing from elsewhere, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; worker-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Served {
    page: Page,
    runs: Option<Runs>,
}

pub(super) fn router(page: Page, runs: Option<Runs>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/index.html", get(index))
        .route("/{*file}", get(file))
        .route("/runs", get(list))
        .route("/runs/{run}/{*path}", get(run_file))
        .fallback(nothing_there)
        .method_not_allowed_fallback(only_reading)
        .with_state(Arc::new(Served { page, runs }))
        .layer(from_fn(guard))
}

/// Turns away who came by another name than this machine's own, and says what a browser may do with the answers.
async fn guard(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let mut response = match host.map(name_of) {
        Some("127.0.0.1" | "localhost" | "[::1]") => next.run(request).await,
        _ => said(
            StatusCode::FORBIDDEN,
            "this is served to http://127.0.0.1 alone",
        ),
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A host without its port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

async fn index(State(served): State<Arc<Served>>) -> Response {
    match served.page.index(served.runs.is_some()) {
        Some(text) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        None => nothing_there().await,
    }
}

async fn file(
    State(served): State<Arc<Served>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some((kind, zipped, bytes)) = served.page.file(&name) else {
        return nothing_there().await;
    };
    let kind = [(header::CONTENT_TYPE, kind)];
    if !zipped {
        return (kind, bytes.clone()).into_response();
    }
    let takes = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|takes| takes.to_str().ok());
    match takes.is_some_and(|takes| takes.contains("gzip")) {
        true => (kind, [(header::CONTENT_ENCODING, "gzip")], bytes.clone()).into_response(),
        false => said(
            StatusCode::NOT_ACCEPTABLE,
            "the page is kept gzipped: send Accept-Encoding: gzip (curl --compressed)",
        ),
    }
}

async fn list(State(served): State<Arc<Served>>) -> Response {
    let listed = tokio::task::spawn_blocking(move || {
        let listing = served.runs.as_ref()?.list();
        Some(listing.and_then(|listing| Ok(serde_json::to_vec(&listing)?)))
    });
    match listed.await {
        Ok(Some(Ok(json))) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Ok(Some(Err(error))) => said(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}")),
        Ok(None) => nothing_there().await,
        Err(_) => said(
            StatusCode::INTERNAL_SERVER_ERROR,
            "reading failed; this is a fault of the server",
        ),
    }
}

async fn run_file(
    State(served): State<Arc<Served>>,
    Path((run, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let range = match headers.get(header::RANGE) {
        None => None,
        Some(range) => match range.to_str().ok().and_then(parse_range) {
            Some(range) => Some(range),
            None => {
                return said(
                    StatusCode::BAD_REQUEST,
                    "the range is not bytes=FROM-TO or bytes=FROM-",
                );
            }
        },
    };
    let kind = match path.rsplit_once('.') {
        Some((_, "toml")) => "text/plain; charset=utf-8",
        Some((_, "json")) => "application/json",
        Some((_, "safetensors")) => "application/octet-stream",
        _ => "application/jsonl",
    };
    let found = tokio::task::spawn_blocking(move || {
        let file = served.runs.as_ref().map(|runs| runs.file(&run, &path));
        file.transpose().map(Option::flatten)
    });
    let (file, size) = match found.await {
        Ok(Ok(Some(found))) => found,
        Ok(Ok(None)) => return nothing_there().await,
        Ok(Err(error)) => return said(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(_) => {
            return said(
                StatusCode::INTERNAL_SERVER_ERROR,
                "reading failed; this is a fault of the server",
            );
        }
    };
    let (from, to) = range.map_or((0, size), |(from, to)| (from, to.min(size)));
    if range.is_some() && from >= to {
        let of = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
        return (StatusCode::RANGE_NOT_SATISFIABLE, of, "").into_response();
    }
    let body = match FileBody::of(file, from, to) {
        Ok(body) => Body::new(body),
        Err(error) => return said(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    };
    let about = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_LENGTH, (to - from).to_string()),
    ];
    match range {
        None => (about, body).into_response(),
        Some(_) => {
            let of = format!("bytes {from}-{}/{size}", to - 1);
            let of = [(header::CONTENT_RANGE, of)];
            (StatusCode::PARTIAL_CONTENT, about, of, body).into_response()
        }
    }
}

/// From and behind the last byte of `bytes=FROM-LAST`; several ranges and those from the end are not taken.
fn parse_range(range: &str) -> Option<(u64, u64)> {
    let (from, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from = from.parse().ok()?;
    let to = match last {
        "" => u64::MAX,
        last => last.parse::<u64>().ok()?.checked_add(1)?,
    };
    (from < to).then_some((from, to))
}

async fn nothing_there() -> Response {
    said(
        StatusCode::NOT_FOUND,
        "nothing is there: the page is at /, the runs are listed at /runs",
    )
}

async fn only_reading() -> Response {
    said(
        StatusCode::METHOD_NOT_ALLOWED,
        "only GET: nothing is written here",
    )
}

fn said(status: StatusCode, what: &str) -> Response {
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        format!("{what}\n"),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_range("bytes=0-9"), Some((0, 10)));
        assert_eq!(parse_range("bytes=7-"), Some((7, u64::MAX)));
        for range in [
            "",
            "bytes=",
            "bytes=-5",
            "bytes=5-4",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(parse_range(range), None, "{range}");
        }
    }

    #[test]
    fn a_host_is_known_without_its_port() {
        assert_eq!(
            [
                "127.0.0.1:8917",
                "[::1]:80",
                "localhost",
                "evil.example:8917"
            ]
            .map(name_of),
            ["127.0.0.1", "[::1]", "localhost", "evil.example"]
        );
    }
}
