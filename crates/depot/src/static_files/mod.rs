//! Files that are served as they are: whole, in part, or not at all when the client has them.

mod memory;
pub mod outlet;
mod range;
mod stream;

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use bytes::Bytes;
use writ_trust::digest::Digest;

pub use self::memory::FileMemory;
use self::memory::Remembered;
use self::outlet::Outlet;
use crate::depot::Depot;
use crate::fault::Fault;

/// The largest file that is read whole and remembered, in bytes; larger ones are sent from where they are.
const WHOLE: u64 = 64 * 1024;

/// A file to serve.
#[derive(Debug)]
pub struct StaticFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub content_type: &'static str,
    /// Whether this name can never mean other bytes.
    pub immutable: bool,
}

/// Serves a file: `GET` and `HEAD`, one range, `If-None-Match`.
pub async fn serve(depot: &Arc<Depot>, parts: &Parts, file: StaticFile) -> Result<Response<Body>, Fault> {
    if let Some(remembered) = depot.file_memory.get(&file.path) {
        return whole(parts, &file, &remembered.bytes, &remembered.etag);
    }
    let path = file.path.clone();
    let opened = depot.blocking(move |depot| open(depot, path)).await?;
    match opened {
        Opened::Whole(remembered) => whole(parts, &file, &remembered.bytes, &remembered.etag),
        Opened::Large { handle, size, etag } => {
            let plan = plan(parts, size, &etag)?;
            let body = match plan.range {
                None => Body::empty(),
                Some((start, end)) => match parts.extensions.get::<Outlet>() {
                    Some(outlet) => outlet::body(outlet.clone(), handle, start, end),
                    None => stream::body(handle, start, end),
                },
            };
            respond(&file, plan, etag, size, body)
        }
    }
}

enum Opened {
    Whole(Arc<Remembered>),
    Large { handle: std::fs::File, size: u64, etag: HeaderValue },
}

fn open(depot: &Depot, path: PathBuf) -> Result<Opened, Fault> {
    use std::os::unix::fs::MetadataExt as _;
    let handle = match std::fs::File::open(&path) {
        Ok(handle) => handle,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(Fault::NotFound),
        Err(e) => return Err(Fault::io(&path)(e)),
    };
    let metadata = handle.metadata().map_err(Fault::io(&path))?;
    if !metadata.is_file() {
        return Err(Fault::NotFound);
    }
    let size = metadata.len();
    if size <= WHOLE {
        let bytes = writ_durable::read_bounded(&path, usize::try_from(WHOLE).unwrap_or(usize::MAX));
        let bytes = Bytes::from(bytes.map_err(Fault::io(&path))?);
        let remembered = Arc::new(Remembered { etag: etag(&Digest::of(&bytes).hex()[..32]), bytes });
        depot.file_memory.put(&path, &remembered);
        return Ok(Opened::Whole(remembered));
    }
    // Files are never written in place: another content is another inode.
    let etag = etag(&format!("{:x}-{:x}-{size:x}", metadata.ino(), metadata.mtime()));
    Ok(Opened::Large { handle, size, etag })
}

fn etag(text: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{text}\"")).unwrap_or(HeaderValue::from_static("\"-\""))
}

fn whole(parts: &Parts, file: &StaticFile, bytes: &Bytes, etag: &HeaderValue) -> Result<Response<Body>, Fault> {
    let size = bytes.len() as u64;
    let plan = plan(parts, size, etag)?;
    let slice = |at: u64| usize::try_from(at).unwrap_or(bytes.len());
    let body = plan.range.map_or_else(Body::empty, |(start, end)| Body::from(bytes.slice(slice(start)..slice(end))));
    respond(file, plan, etag.clone(), size, body)
}

/// What to answer.
struct Plan {
    status: StatusCode,
    /// What the headers tell of: the first byte, and the one after the last.
    told: (u64, u64),
    /// What the body holds of it.
    range: Option<(u64, u64)>,
}

fn plan(parts: &Parts, size: u64, etag: &HeaderValue) -> Result<Plan, Fault> {
    if has_etag(&parts.headers, etag) {
        return Ok(Plan { status: StatusCode::NOT_MODIFIED, told: (0, size), range: None });
    }
    let ranged = range::asked(&parts.headers, size, etag)?;
    let (status, told) = match ranged {
        Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        None => (StatusCode::OK, (0, size)),
    };
    Ok(Plan { status, told, range: (parts.method != Method::HEAD).then_some(told) })
}

/// Whether `If-None-Match` names this tag (RFC 9110 §13.1.2).
pub fn has_etag(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let (values, etag) = (headers.get_all(header::IF_NONE_MATCH), etag.as_bytes());
    values.iter().any(|value| {
        let named = value.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii);
        named.into_iter().any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag)
    })
}

fn respond(file: &StaticFile, plan: Plan, etag: HeaderValue, size: u64, body: Body) -> Result<Response<Body>, Fault> {
    let mut response = Response::new(body);
    *response.status_mut() = plan.status;
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if file.immutable {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    if plan.status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let (start, end) = plan.told;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
    if plan.status == StatusCode::PARTIAL_CONTENT {
        let value = format!("bytes {start}-{}/{size}", end.saturating_sub(1));
        headers.insert(header::CONTENT_RANGE, HeaderValue::try_from(value).map_err(|_| Fault::Broken)?);
    }
    Ok(response)
}
