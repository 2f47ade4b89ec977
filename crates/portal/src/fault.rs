//! Everything that can be wrong with a request, and the one place that gives it a status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request is not answered as it wishes. The client is told the status and one sentence; the rest goes to the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing is at this address, or nothing that this person may know of.
    #[error("nothing is here")]
    NotFound,
    /// The address has no such method.
    #[error("the address has no such method")]
    Method,
    /// The request cannot be read.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// It asks for another machine.
    #[error("the request is for {0}, which is not this portal")]
    Misdirected(String),
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignIn,
    /// It comes from a page of somebody else.
    #[error("it does not come from a page of this portal")]
    Elsewhere,
    /// The link is not good, or no more.
    #[error("the link is not good: {0}")]
    Link(String),
    /// It is for operators.
    #[error("it is for operators")]
    Forbidden,
    /// It is too large.
    #[error("more than {0} bytes")]
    TooLarge(usize),
    /// It is packed, which requests never are.
    #[error("the body has a content encoding: requests are not packed")]
    Encoded,
    /// It came too slowly.
    #[error("the body came too slowly")]
    Slow,
    /// There were too many like it.
    #[error("too many requests; again after {after} s")]
    TooMany {
        /// When the next one is taken, in seconds.
        after: u64,
    },
    /// The file is no longer what was verified.
    #[error("{0} is no longer what was verified")]
    Changed(String),
    /// It cannot be answered now.
    #[error("{0}")]
    Busy(String),
    /// A bug.
    #[error("{0}")]
    Broken(String),
}

impl Fault {
    /// The status that the client is told.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Misdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::SignIn => StatusCode::SEE_OTHER,
            Self::Elsewhere | Self::Link(_) | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Changed(_) => StatusCode::CONFLICT,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the client is told besides the status.
    pub fn words(&self) -> &'static str {
        match self {
            Self::NotFound => "There is no such page, or none that you may see.",
            Self::Method => "This address does not take that method.",
            Self::Malformed(_) => "The request cannot be read.",
            Self::Misdirected(_) => "The request is for another host than this portal.",
            Self::SignIn => "Sign in first.",
            Self::Elsewhere => {
                "The form was not sent from a page of this portal, as your browser says. Go back, reload, and try again."
            }
            Self::Link(_) => {
                "This link is not good any more: each is good once, and for 15 minutes. Ask for another one."
            }
            Self::Forbidden => "This page is for operators.",
            Self::TooLarge(_) => "The request is too large.",
            Self::Encoded => "Requests are not packed.",
            Self::Slow => "The request came too slowly.",
            Self::TooMany { .. } => "There were too many requests. Try again later.",
            Self::Changed(_) => {
                "The file in the audit folder is not the one that was verified: it is not shown. The folder is read again."
            }
            Self::Busy(_) => "This cannot be answered now. Try again in a minute.",
            Self::Broken(_) => "Something is wrong with the portal. Its log tells more, by the number below.",
        }
    }
}

/// What went wrong, for the log and for the page about it; travels with the response as far as the outermost layer.
#[derive(Debug, Clone)]
pub struct Told(pub Fault);

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        match &self {
            Self::TooMany { after } => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*after));
            }
            Self::SignIn => {
                response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/sign-in"));
            }
            _ => {}
        }
        response.extensions_mut().insert(Told(self));
        response
    }
}
