//! What is the same for every request and every answer.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse as _;
use hyper::body::Body as _;
use writ_trust::text::one_line;

use crate::fault::{Fault, Told};
use crate::html::Page;
use crate::portal::Portal;
use crate::views::{View, What};

/// How long one answer may take: a site that is not held is read first.
const PATIENCE: Duration = Duration::from_secs(60);
/// What every answer carries, and the log and the record of views too.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Nothing is loaded from elsewhere, nothing runs, nobody frames a page, and forms come back here.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'";

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The number of a request, and from where it comes.
#[derive(Debug, Clone)]
pub struct Numbered {
    /// Its number.
    pub id: String,
    /// From where it comes.
    pub source: String,
}

/// What a request did, where that is not that somebody looked at a page.
#[derive(Debug, Clone, Copy)]
pub struct Did(pub What);

/// Where there is no address.
pub async fn nothing_here() -> Response<Body> {
    Fault::NotFound.into_response()
}

/// Where an address has no such method.
pub async fn no_such_method() -> Response<Body> {
    Fault::Method.into_response()
}

/// Lets in who is signed in, and lets nothing out before it is recorded that they looked at it.
pub async fn entered(State(portal): State<Arc<Portal>>, mut request: Request, next: Next) -> Response<Body> {
    let now = portal.now();
    let name = portal.gate.token(request.headers()).and_then(|token| portal.sessions.whose(token, now));
    let Some(user) = name.and_then(|name| portal.access().users.get(&name)) else {
        return Fault::SignIn.into_response();
    };
    let Some(numbered) = request.extensions().get::<Numbered>().cloned() else {
        return Fault::Broken("a request without a number".to_owned()).into_response();
    };
    let page = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    request.extensions_mut().insert(user.clone());
    let response = next.run(request).await;
    let what = response.extensions().get::<Did>().map_or(What::Viewed, |did| did.0);
    let view = View::of(&user, what, now, &page, response.status().as_u16(), &numbered.source, &numbered.id);
    match portal.trail.record(view).await {
        Ok(()) => response,
        Err(error) => Fault::Busy(error.to_string()).into_response(),
    }
}

/// The outermost layer.
pub async fn finished(State(portal): State<Arc<Portal>>, mut request: Request, next: Next) -> Response<Body> {
    let id = request_id();
    let (method, path) = (request.method().clone(), told_path(request.uri().path()));
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    let source = portal.gate.source(request.headers(), peer);
    request.extensions_mut().insert(Numbered { id: id.clone(), source });
    let mut response = match judged(&portal, &request) {
        Err(fault) => fault.into_response(),
        Ok(()) => match tokio::time::timeout(PATIENCE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Fault::Busy("it took too long".to_owned()).into_response(),
        },
    };
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        tell(&id, &method, &path, &mut response);
    } else {
        tracing::debug!(id, %method, path, status = status.as_u16());
    }
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if portal.gate.is_secure() {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000");
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// What a request must be whatever it asks for.
fn judged(portal: &Portal, request: &Request) -> Result<(), Fault> {
    let headers = request.headers();
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Fault::Encoded);
    }
    // Whoever stands in front may have read the other one (RFC 9112, 3.2).
    if headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Fault::Malformed("two headers Host".to_owned()));
    }
    let brings_nothing = matches!(*request.method(), Method::GET | Method::HEAD);
    if brings_nothing && !request.body().is_end_stream() {
        return Err(Fault::Malformed(format!("{} with a body", request.method())));
    }
    // Whoever looks whether this process answers may call it by any name.
    if request.uri().path() != "/health"
        && let Some(other) = portal.gate.other_host(headers, request.uri())
    {
        return Err(Fault::Misdirected(one_line(other)));
    }
    if !brings_nothing && !portal.gate.is_own_form(headers) {
        return Err(Fault::Elsewhere);
    }
    Ok(())
}

/// A path as logs have it: of a link never its token.
pub fn told_path(path: &str) -> String {
    if path.starts_with("/login/") { "/login/…".to_owned() } else { one_line(path) }
}

/// Gives the client the status, a sentence and a number to ask about, and the log the rest.
fn tell(id: &str, method: &Method, path: &str, response: &mut Response<Body>) {
    let status = response.status();
    let told = response.extensions().get::<Told>().map(|told| told.0.clone());
    let detail = told.as_ref().map(one_line).unwrap_or_default();
    if status.is_server_error() {
        tracing::error!(id, %method, path, status = status.as_u16(), detail);
    } else {
        tracing::info!(id, %method, path, status = status.as_u16(), detail);
    }
    let words = told.map_or_else(|| general(status), |fault| fault.words());
    let mut page = Page::new(status.canonical_reason().unwrap_or("Error"));
    page.say(words);
    page.add(crate::html::Block::Paragraph(
        crate::html::Line::of("Number of this request: ").code(id).text(". ").link("/", "To the fleet"),
    ));
    let html = page.html(None).unwrap_or_else(|_| format!("{} ({id})\n", status.as_u16()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(html.len()));
    headers.remove(header::CONTENT_DISPOSITION);
    *response.body_mut() = Body::from(html);
}

/// Of an answer that none of our code made.
fn general(status: StatusCode) -> &'static str {
    if status.is_server_error() {
        Fault::Broken(String::new()).words()
    } else {
        Fault::Malformed(String::new()).words()
    }
}

/// A number that no other request of this process has, and hardly one of another.
fn request_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    use std::sync::LazyLock;
    static PROCESS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{:016x}", PROCESS.hash_one(NEXT.fetch_add(1, Ordering::Relaxed)))
}
