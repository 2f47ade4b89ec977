//! Why a bucket did not do what it was asked for.

use writ_trust::text::one_line;

use crate::xml;

/// The most of a server's own words that is shown, in characters.
const MAX_SAID: usize = 300;

/// Why a bucket did not do what it was asked for. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// There was no answer, or none within its bounds.
    #[error(transparent)]
    Http(#[from] writ_client::Error),
    /// It said no.
    #[error("{what}: answered {status} {code}{}{}", said(.message), hint(.code, *.status))]
    Refused {
        /// What it was asked for.
        what: String,
        /// The status.
        status: u16,
        /// S3's name of the error, or `-`.
        code: String,
        /// What it says besides.
        message: String,
    },
    /// It answered something that is no answer to that.
    #[error("{what}: not a good answer: {why}")]
    Malformed {
        /// What it was asked for.
        what: String,
        /// What is wrong.
        why: String,
    },
}

impl BucketError {
    /// The error that an answer other than a success is.
    pub(crate) fn refused(what: &str, status: u16, body: &[u8]) -> Self {
        let parsed = xml::parse(body).ok().filter(|root| root.name == "Error");
        let of = |name: &str| parsed.as_ref().and_then(|root| root.text_of(name)).map(shown).unwrap_or_default();
        let code = Some(of("Code")).filter(|code| !code.is_empty()).unwrap_or_else(|| "-".to_owned());
        Self::Refused { what: what.to_owned(), status, code, message: of("Message") }
    }

    /// S3's name of the error, where it said no.
    pub fn code(&self) -> Option<&str> {
        if let Self::Refused { code, .. } = self { Some(code) } else { None }
    }

    /// Whether nothing is to be had of the server for now, whatever it is asked: it does not answer, or it answers that it cannot.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Http(error) => !matches!(error, writ_client::Error::Local { .. }),
            Self::Refused { status, .. } => *status >= 500 || *status == 429 || *status == 403,
            Self::Malformed { .. } => true,
        }
    }
}

fn shown(text: &str) -> String {
    one_line(text.chars().take(MAX_SAID).collect::<String>()).to_string()
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn hint(code: &str, status: u16) -> &'static str {
    match (code, status) {
        ("InvalidAccessKeyId" | "SignatureDoesNotMatch", _) => {
            "; look at --credentials, --region and this machine's clock"
        }
        ("RequestTimeTooSkewed", _) => "; look at this machine's clock",
        ("AccessDenied", _) | ("-", 403) => {
            "; what the key must be allowed: https://github.com/writ-project/writ/blob/main/docs/depot.md"
        }
        ("PermanentRedirect" | "AuthorizationHeaderMalformed", _) | ("-", 301 | 307) => {
            "; the bucket is elsewhere: look at --endpoint and --region"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_what_the_server_named() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>No\n\x1b[31m</Message></Error>";
        let error = BucketError::refused("PUT x", 403, body);
        assert_eq!(error.code(), Some("AccessDenied"));
        let text = error.to_string();
        assert!(text.starts_with("PUT x: answered 403 AccessDenied: No") && text.contains("allowed"), "{text}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
        let text = BucketError::refused("GET x", 502, b"<html>").to_string();
        assert_eq!(text, "GET x: answered 502 -");
        let long = format!("<Error><Code>{0}</Code><Message>{0}</Message></Error>", "x".repeat(9_000));
        assert!(BucketError::refused("GET x", 500, long.as_bytes()).to_string().len() < 700);
    }
}
