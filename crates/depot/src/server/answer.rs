//! What is the same for every answer: what went wrong is logged and not told, and everything is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use hyper::body::Body as _;
use writ_trust::text::one_line;

use crate::depot::Depot;
use crate::fault::{Detail, Fault};

/// What every answer carries, and the log beside whatever it tells of the request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of the endpoint that answered.
#[derive(Debug, Clone, Copy)]
struct Named(&'static str);

/// Notes which endpoint answers.
pub(super) async fn named(State(names): State<Arc<Vec<&'static str>>>, request: Request, next: Next) -> Response<Body> {
    let matched = request.extensions().get::<MatchedPath>();
    let name = matched.and_then(|matched| names.iter().find(|name| **name == matched.as_str()).copied());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Named(name.unwrap_or("none")));
    response
}

/// Where there is no address.
pub(super) async fn nothing_here() -> Response<Body> {
    Fault::NotFound.into_response()
}

/// Where an address has no such method.
pub(super) async fn no_such_method() -> Response<Body> {
    Fault::Method.into_response()
}

/// The outermost layer.
pub(super) async fn finished(State(depot): State<Arc<Depot>>, request: Request, next: Next) -> Response<Body> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let brings_nothing = matches!(method, Method::GET | Method::HEAD);
    // Whoever stands in front may have read the other one (RFC 9112 §3.2).
    let two_hosts = request.headers().get_all(header::HOST).iter().nth(1).is_some();
    let mut response = if request.headers().contains_key(header::CONTENT_ENCODING) {
        Fault::Encoded.into_response()
    } else if two_hosts {
        Fault::Malformed("two headers Host".to_owned()).into_response()
    } else if brings_nothing && !request.body().is_end_stream() {
        Fault::Malformed(format!("{method} with a body")).into_response()
    } else {
        next.run(request).await
    };
    let status = response.status();
    let name = response.extensions().get::<Named>().map_or("none", |named| named.0);
    depot.metrics.answered(name, status.as_u16());
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let id = request_id();
    if status.is_client_error() || status.is_server_error() {
        tell(&id, &method, &path, &mut response);
    } else {
        tracing::debug!(id, %method, path = one_line(&path), status = status.as_u16());
    }
    numbered(response, &id)
}

/// An answer that no endpoint looked at, with its number.
pub(super) fn at_once(response: Response<Body>) -> Response<Body> {
    numbered(response, &request_id())
}

fn numbered(mut response: Response<Body>, id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Gives the client the status phrase and a number to ask about, and the log the rest. An answer that has a document of its
/// own keeps it.
fn tell(id: &str, method: &Method, path: &str, response: &mut Response<Body>) {
    let status = response.status();
    let detail = response.extensions().get::<Detail>().map(|detail| one_line(&detail.0)).unwrap_or_default();
    let path = one_line(path);
    if status.is_server_error() {
        tracing::error!(id, %method, path, status = status.as_u16(), detail);
    } else {
        tracing::info!(id, %method, path, status = status.as_u16(), detail);
    }
    let has_document =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|found| found.as_bytes() == b"application/json");
    if has_document || status == StatusCode::NOT_MODIFIED {
        return;
    }
    let phrase = status.canonical_reason().unwrap_or("Error");
    let text = format!("{} {phrase} ({id})\n", status.as_u16());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    *response.body_mut() = Body::from(text);
}

/// A number that no other request of this process has, and hardly one of another.
fn request_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    use std::sync::LazyLock;
    static PROCESS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{:016x}", PROCESS.hash_one(NEXT.fetch_add(1, Ordering::Relaxed)))
}
