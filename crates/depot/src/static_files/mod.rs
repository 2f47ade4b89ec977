//! Files that are served as they are: whole, in part, or not at all when the client has them.
//!
//! What is asked for often is remembered by its address, small files with their bytes and large ones open, and is answered
//! before anything else looks at the request ([`remembered`]).

mod memory;
pub mod outlet;
mod range;
mod stream;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use writ_trust::digest::Digest;

pub use self::memory::FileMemory;
use self::memory::{Content, Remembered};
use self::outlet::Outlet;
use crate::depot::Depot;
use crate::fault::Fault;

/// The largest file that is remembered with its bytes; larger ones are sent from where they are.
const WHOLE: u64 = 64 * 1024;

/// A file to serve.
#[derive(Debug)]
pub struct StaticFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What a binary cache says of a store path. May be signed anew, or be of another build.
    Narinfo,
    /// What is in a NAR.
    Listing,
    /// A NAR, named by its content.
    Nar,
}

impl Kind {
    fn content_type(self) -> &'static str {
        match self {
            Self::Narinfo => "text/x-nix-narinfo",
            Self::Listing => "application/json",
            Self::Nar => "application/x-nix-nar",
        }
    }

    /// The endpoint that serves it, as it is registered.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::Narinfo | Self::Listing => "/{file}",
            Self::Nar => "/nar/{file}",
        }
    }
}

/// Answers a request for a file that is remembered; `None` leaves it to whoever else answers requests.
pub fn remembered<B: hyper::body::Body>(depot: &Depot, request: &Request<B>) -> Option<Response<Body>> {
    let plain = matches!(*request.method(), Method::GET | Method::HEAD)
        && request.body().is_end_stream()
        && !request.headers().contains_key(header::CONTENT_ENCODING);
    let file = depot.file_memory.get(request.uri().path()).filter(|_| plain)?;
    let response = answer(request.method(), request.headers(), request.extensions(), &file).ok()?;
    depot.metrics.answered(file.kind.endpoint(), response.status().as_u16());
    Some(response)
}

/// Serves a file: `GET` and `HEAD`, one range, `If-None-Match`.
pub async fn serve(depot: &Arc<Depot>, parts: &Parts, file: StaticFile) -> Result<Response<Body>, Fault> {
    let address = parts.uri.path().to_owned();
    let opened = depot.blocking(move |depot| {
        let generation = depot.file_memory.generation();
        let opened = Arc::new(open(&file)?);
        depot.file_memory.put(&address, &opened, generation);
        Ok(opened)
    });
    answer(&parts.method, &parts.headers, &parts.extensions, &*opened.await?)
}

/// Forgets what is remembered of a narinfo and its listing, which were replaced.
pub fn forget(depot: &Depot, hash: &str) {
    for extension in ["narinfo", "ls"] {
        depot.file_memory.forget(&format!("/{hash}.{extension}"));
    }
}

fn open(file: &StaticFile) -> Result<Remembered, Fault> {
    use std::os::unix::fs::MetadataExt as _;
    let (path, kind) = (&file.path, file.kind);
    let handle = match File::open(path) {
        Ok(handle) => handle,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(Fault::NotFound),
        Err(e) => return Err(Fault::io(path)(e)),
    };
    let metadata = handle.metadata().map_err(Fault::io(path))?;
    if !metadata.is_file() {
        return Err(Fault::NotFound);
    }
    let size = metadata.len();
    if size <= WHOLE {
        let bytes = whole(path)?;
        return Ok(Remembered { etag: etag(&Digest::of(&bytes).hex()[..32]), content: Content::Whole(bytes), kind });
    }
    // Files are never written in place: another content is another inode.
    let etag = etag(&format!("{:x}-{:x}-{size:x}", metadata.ino(), metadata.mtime()));
    Ok(Remembered { etag, content: Content::Open(Arc::new(handle), size), kind })
}

fn whole(path: &Path) -> Result<Bytes, Fault> {
    let bytes = writ_durable::read_bounded(path, usize::try_from(WHOLE).unwrap_or(usize::MAX));
    Ok(Bytes::from(bytes.map_err(Fault::io(path))?))
}

fn etag(text: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{text}\"")).unwrap_or(HeaderValue::from_static("\"-\""))
}

/// Whether `If-None-Match` names this tag (RFC 9110 §13.1.2).
pub fn has_etag(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let (values, etag) = (headers.get_all(header::IF_NONE_MATCH), etag.as_bytes());
    values.iter().any(|value| {
        let mut named = value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii);
        named.any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag)
    })
}

fn answer(
    method: &Method,
    headers: &HeaderMap,
    extensions: &Extensions,
    file: &Remembered,
) -> Result<Response<Body>, Fault> {
    let size = file.content.size();
    let known = has_etag(headers, &file.etag);
    let asked = if known { None } else { range::asked(headers, size, &file.etag)? };
    let (status, (start, end)) = match asked {
        _ if known => (StatusCode::NOT_MODIFIED, (0, size)),
        Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        None => (StatusCode::OK, (0, size)),
    };
    let body = if known || *method == Method::HEAD { Body::empty() } else { body(file, extensions, start, end) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::ETAG, file.etag.clone());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if file.kind == Kind::Nar {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    if known {
        return Ok(response);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind.content_type()));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
    if status == StatusCode::PARTIAL_CONTENT {
        let value = format!("bytes {start}-{}/{size}", end.saturating_sub(1));
        headers.insert(header::CONTENT_RANGE, HeaderValue::try_from(value).map_err(|_| Fault::Broken)?);
    }
    Ok(response)
}

fn body(file: &Remembered, extensions: &Extensions, start: u64, end: u64) -> Body {
    match &file.content {
        Content::Whole(bytes) => {
            let index = |at: u64| usize::try_from(at).unwrap_or(bytes.len());
            Body::from(bytes.slice(index(start)..index(end)))
        }
        Content::Open(handle, _) => match extensions.get::<Outlet>() {
            Some(outlet) => outlet::body(outlet.clone(), handle.clone(), start, end),
            None => stream::body(handle.clone(), start, end),
        },
    }
}
