//! What endpoints have in common: reading their address, knowing their caller, answering.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use hyper::body::Body as _;
use serde::Serialize;
use writ_trust::digest::Digest;
use writ_wire::{MAX_ENVELOPE, Signed};

use crate::depot::Depot;
use crate::fault::Fault;
use crate::identity::{Identity, IdentityError, identify};
use crate::limits::body::{Sender, WholeBody, read};
use crate::writer::WriteError;

/// A part of an address; what cannot be the name of anything is not found.
pub fn part<T: FromStr>(text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::NotFound)
}

/// One number of a query `a=1&b=2`; `None` when it is not there.
pub fn number(parts: &Parts, name: &str) -> Result<Option<u64>, Fault> {
    let pairs = parts.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
            let number = value.parse().map_err(|_| Fault::Malformed(format!("{name} is too large")))?;
            Ok(Some(number))
        }
        _ => Err(Fault::Malformed(format!("{name} is not one number"))),
    }
}

/// Who asks, where nothing comes with the request.
pub fn caller(depot: &Depot, request: &Request) -> Result<Identity, Fault> {
    // The parts are only read; a request has no way to lend them.
    let parts = parts_of(request);
    let (identity, verified) = identify(depot, &parts)?;
    let body = (!request.body().is_end_stream()).then(|| Digest::of(b"not read"));
    verified.check_body(body).map_err(IdentityError::from)?;
    Ok(identity)
}

fn parts_of(request: &Request) -> Parts {
    let (mut parts, ()) = axum::http::Request::new(()).into_parts();
    parts.method = request.method().clone();
    parts.uri = request.uri().clone();
    parts.headers = request.headers().clone();
    parts
}

/// Who sends a body of at most `limit` bytes, and the body. Nothing of it is read before its sender is known.
pub async fn caller_and_body(
    depot: &Arc<Depot>,
    request: Request,
    limit: usize,
    may: impl FnOnce(&Identity) -> Result<(), Fault>,
) -> Result<(Identity, WholeBody), Fault> {
    let (parts, body) = request.into_parts();
    let (identity, verified) = identify(depot, &parts)?;
    may(&identity)?;
    let body = read(&depot.body_memory, &depot.options, Sender::Known, &parts.headers, body, limit as u64).await?;
    let digest = (!body.bytes.is_empty()).then(|| Digest::of(&body.bytes));
    verified.check_body(digest).map_err(IdentityError::from)?;
    Ok((identity, body))
}

/// A whole body that counts by what is in it, whoever sends it.
pub async fn open_body(depot: &Arc<Depot>, request: Request, limit: u64) -> Result<WholeBody, Fault> {
    let (parts, body) = request.into_parts();
    read(&depot.body_memory, &depot.options, Sender::Unknown, &parts.headers, body, limit).await
}

/// An envelope that counts by its signatures, whoever sends it.
pub async fn envelope(depot: &Arc<Depot>, request: Request) -> Result<Signed, Fault> {
    let body = open_body(depot, request, MAX_ENVELOPE as u64).await?;
    Signed::parse(&body.bytes).map_err(|e| Fault::Malformed(e.to_string()))
}

/// Judges and stores something, again when something else was published between the one and the other.
pub async fn unless_stale<F: Future<Output = Result<(), Fault>>>(mut publish: impl FnMut() -> F) -> Result<(), Fault> {
    for _ in 0..8 {
        match publish().await {
            Err(Fault::Write(WriteError::Stale)) => {}
            other => return other,
        }
    }
    Err(WriteError::Stale.into())
}

/// A JSON document.
pub fn json(document: Vec<u8>) -> Response<Body> {
    bytes(document.into(), "application/json")
}

/// The JSON of a large answer, its members in the order in which they are declared: sorting them would cost more than all
/// else, and no reader asks for it.
pub fn unordered<T: Serialize>(document: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(document).map_err(|_| Fault::Broken)
}

/// Plain text.
pub fn text(text: impl Into<Bytes>) -> Response<Body> {
    bytes(text.into(), "text/plain; charset=utf-8")
}

/// Some bytes.
pub fn bytes(bytes: Bytes, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Some bytes with a tag, or that the client has them.
pub fn tagged(parts: &Parts, mut response: Response<Body>, tag: &str) -> Result<Response<Body>, Fault> {
    let tag = HeaderValue::try_from(format!("\"{tag}\"")).map_err(|_| Fault::Broken)?;
    if crate::static_files::has_etag(&parts.headers, &tag) {
        response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}
