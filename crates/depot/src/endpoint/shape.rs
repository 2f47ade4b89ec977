//! What endpoints have in common: reading their address, knowing their caller, answering.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, Uri, header};
use bytes::Bytes;
use hyper::body::Body as _;
use serde::Serialize;
use writ_trust::digest::Digest;
use writ_wire::{MAX_ENVELOPE, Signed};

use crate::depot::Depot;
use crate::fault::Fault;
use crate::identity::{Identity, IdentityError, identify};
use crate::limits::body::{Peer, Sender, Share, WholeBody, read};
use crate::writer::WriteError;

/// The largest body, in bytes, that is read on the thread that answers: about a tenth of a millisecond.
const PARSED_AT_ONCE: usize = 64 * 1024;

/// A part of an address; what cannot be the name of anything is not found.
pub fn part<T: FromStr>(text: &str) -> Result<T, Fault> {
    text.parse().map_err(|_| Fault::NotFound)
}

/// One number of a query `a=1&b=2`; `None` when it is not there.
pub fn number(parts: &Parts, name: &str) -> Result<Option<u64>, Fault> {
    let none = || Fault::Malformed(format!("{name} is not one number"));
    match word(&parts.uri, name).map_err(|()| none())? {
        None => Ok(None),
        Some(value) if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
            let number = value.parse().map_err(|_| Fault::Malformed(format!("{name} is too large")))?;
            Ok(Some(number))
        }
        Some(_) => Err(none()),
    }
}

/// One value of a query, as it stands there; `None` when it is not there, an error when it is there twice.
pub fn word<'u>(uri: &'u Uri, name: &str) -> Result<Option<&'u str>, ()> {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(()),
    }
}

/// Who asks, where nothing comes with the request.
pub fn caller(depot: &Depot, request: &Request) -> Result<Identity, Fault> {
    let (identity, verified) = identify(depot, request.method(), request.uri(), request.headers())?;
    let body = (!request.body().is_end_stream()).then(|| Digest::of(b"not read"));
    verified.check_body(body).map_err(IdentityError::from)?;
    Ok(identity)
}

/// Who sends a body of at most `limit` bytes, and the body. Nothing of it is read before its sender is known.
pub async fn caller_and_body(
    depot: &Arc<Depot>,
    request: Request,
    limit: usize,
    may: impl FnOnce(&Identity) -> Result<(), Fault>,
) -> Result<(Identity, WholeBody), Fault> {
    let (parts, body) = request.into_parts();
    let (identity, verified) = identify(depot, &parts.method, &parts.uri, &parts.headers)?;
    may(&identity)?;
    let body = read(&depot.body_memory, &depot.options, known(&identity), &parts.headers, body, limit as u64).await?;
    let digest = (!body.bytes.is_empty()).then(|| Digest::of(&body.bytes));
    verified.check_body(digest).map_err(IdentityError::from)?;
    Ok((identity, body))
}

/// Who sends a body, where that is known.
fn known(identity: &Identity) -> Sender {
    let key = *identity.key().ed25519();
    match identity {
        Identity::Appliance(appliance) => Sender::Appliance(key, appliance.site.clone()),
        Identity::Reader(_) => Sender::Reader(key),
    }
}

/// Who sends a body that counts by what is in it.
pub fn anybody(parts: &Parts) -> Sender {
    parts.extensions.get::<Peer>().map_or(Sender::Anybody, |peer| Sender::From(*peer))
}

/// A whole body that counts by what is in it, whoever sends it.
pub async fn open_body(depot: &Arc<Depot>, request: Request, limit: u64) -> Result<WholeBody, Fault> {
    let (parts, body) = request.into_parts();
    read(&depot.body_memory, &depot.options, anybody(&parts), &parts.headers, body, limit).await
}

/// Reads what is in a body, on a thread that may take its time where there is much of it. The body's share of the memory is
/// to be held as long as what was read.
pub async fn parsed<T: Send + 'static, E: Display + 'static>(
    depot: &Arc<Depot>,
    body: WholeBody,
    parse: fn(&[u8]) -> Result<T, E>,
) -> Result<(T, Share), Fault> {
    let at_once = body.bytes.len() <= PARSED_AT_ONCE;
    let read = move || {
        // Here also when nobody waits any more.
        let WholeBody { bytes, share } = body;
        let read = parse(&bytes).map_err(|e| Fault::Malformed(e.to_string()))?;
        Ok((read, share))
    };
    if at_once { read() } else { depot.blocking(move |_| read()).await }
}

/// An envelope, and its share of the memory for bodies for as long as anybody has it.
#[derive(Debug)]
pub struct Envelope {
    /// What came.
    pub signed: Signed,
    _share: Share,
}

/// An envelope that counts by its signatures, whoever sends it.
pub async fn envelope(depot: &Arc<Depot>, request: Request) -> Result<Arc<Envelope>, Fault> {
    let body = open_body(depot, request, MAX_ENVELOPE as u64).await?;
    let (signed, share) = parsed(depot, body, Signed::parse).await?;
    Ok(Arc::new(Envelope { signed, _share: share }))
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

/// The JSON of an answer that is large or asked for often, its members in the order in which they are declared: sorting them
/// would cost more than all else, and no reader asks for it.
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
