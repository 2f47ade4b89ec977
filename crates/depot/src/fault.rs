//! Everything that can be wrong with a request, and the one place that gives it a status.

use std::io;
use std::path::{Path, PathBuf};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use writ_wire::http::nonce::ReplayError;

use crate::identity::IdentityError;
use crate::sitelog::LogFileError;
use crate::store::StoreError;
use crate::writer::WriteError;

/// Why a request is not answered as it wishes. The client is told the status alone; the rest goes to the log.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Nothing is at this address, or nothing that this caller may know of.
    #[error("nothing is here")]
    NotFound,
    /// The address has no such method.
    #[error("the address has no such method")]
    Method,
    /// The request cannot be read.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// Nobody known sent it.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Whoever sent it, or signed what it brings, may not do that.
    #[error("not allowed: {0}")]
    Forbidden(String),
    /// It came too slowly.
    #[error("the body came too slowly: {0}")]
    Slow(&'static str),
    /// It contradicts what is here.
    #[error("contradicts what is here: {0}")]
    Conflict(String),
    /// It is too large.
    #[error("more than {0} bytes")]
    TooLarge(u64),
    /// It is packed, which requests never are.
    #[error("the body has a content encoding: requests are not packed")]
    Encoded,
    /// The range asked for does not lie within the file.
    #[error("the range asked for does not lie within {0} bytes")]
    Range(u64),
    /// It can be read and is refused.
    #[error("refused: {0}")]
    Refused(String),
    /// There are too many like it.
    #[error("too many requests of this appliance; again after {after} s")]
    TooMany {
        /// When the next one is taken, in seconds.
        after: u64,
    },
    /// The writing thread did not take it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A log's file cannot be read.
    #[error(transparent)]
    Log(#[from] LogFileError),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no memory for one more body.
    #[error("{0}")]
    NoMemory(&'static str),
    /// The same store path is being uploaded by somebody else.
    #[error("a NAR of this store path is being received already: again when that has ended")]
    Uploading,
    /// A task ended without an answer: a bug.
    #[error("a task ended without an answer")]
    Broken,
}

impl Fault {
    /// For `map_err` where a file is read or written.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    /// The status that the client is told.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Identity(IdentityError::Replay(ReplayError::Full(_))) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Identity(IdentityError::Replay(ReplayError::TooMany(_))) => StatusCode::TOO_MANY_REQUESTS,
            Self::Identity(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_)
            | Self::Write(WriteError::Stale | WriteError::Unfit(_) | WriteError::OtherOrder | WriteError::ManyOrders) => {
                StatusCode::CONFLICT
            }
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Write(WriteError::Failed | WriteError::Busy | WriteError::NoLog(_) | WriteError::LogKey(_))
            | Self::Store(_)
            | Self::Log(_)
            | Self::Io { .. }
            | Self::Uploading
            | Self::NoMemory(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What went wrong, for the log; travels with the response as far as the outermost layer, and not to the client.
#[derive(Debug, Clone)]
pub struct Detail(pub String);

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        let headers = response.headers_mut();
        match &self {
            Self::TooMany { after } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*after));
            }
            Self::Range(size) => {
                if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
                    headers.insert(header::CONTENT_RANGE, value);
                }
            }
            Self::Identity(IdentityError::Replay(ReplayError::TooMany(_))) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            Self::Identity(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Signature"));
            }
            _ => {}
        }
        response.extensions_mut().insert(Detail(self.to_string()));
        response
    }
}
