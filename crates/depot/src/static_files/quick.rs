//! Answers that need nothing but memory: a narinfo that was asked for before. A client asks for thousands of them one after
//! another, and the way through the router and its layers costs as much as the answer.

use axum::body::Body;
use axum::http::{Method, Request, Response, header};

use super::whole;
use crate::depot::Depot;
use crate::endpoint::cache_file;

/// The answer to a request for a file of the binary cache that is in memory. `None` sends the request the usual way, which
/// answers the same, and everything else.
pub fn answer<B: hyper::body::Body>(depot: &Depot, request: &Request<B>) -> Option<Response<Body>> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads || !request.body().is_end_stream() || request.headers().contains_key(header::CONTENT_ENCODING) {
        return None;
    }
    let file = cache_file::file(depot, request.uri().path().strip_prefix('/')?)?;
    let remembered = depot.file_memory.get(&file.path)?;
    whole(request.method(), request.headers(), &file, &remembered).ok()
}
