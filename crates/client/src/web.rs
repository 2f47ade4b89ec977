//! Another server than a depot: whatever method, headers and body, within the bounds of everything here.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HOST};
use ureq::http::request::Builder;
use ureq::http::{Method, Request};
use ureq::{Agent, AsSendBody, SendBody};

use crate::answer;
use crate::client::agent;
use crate::error::{Error, MAX_REFUSAL};
use crate::settings::{self, Settings, SettingsError, Timeouts};
use crate::upload::Upload;

/// A server, by its address.
#[derive(Clone)]
pub struct Web {
    agent: Agent,
    base: String,
    timeouts: Timeouts,
    most: Option<Duration>,
}

/// What is asked.
pub struct Ask<'a, 's> {
    /// `GET`, `HEAD`, `PUT` or another.
    pub method: &'a str,
    /// Path and query, as they are sent.
    pub target: &'a str,
    /// Headers besides `Host`, `Content-Length` and what keeps the answer plain.
    pub headers: &'a [(&'a str, String)],
    /// What is sent.
    pub sending: Sending<'s>,
    /// The most bytes that the body of a successful answer may have.
    pub limit: u64,
}

/// What is sent with a request.
pub enum Sending<'a> {
    /// No body.
    Nothing,
    /// So many bytes of a reader.
    Stream(&'a mut dyn Read, u64),
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers of which the value is text, by lower-case name.
    pub headers: Vec<(String, String)>,
    /// Of an answer that is no success, the beginning of its body: at most 64 KiB.
    pub refusal: Vec<u8>,
}

impl Answer {
    /// The value of a header that is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next()?;
        values.next().is_none().then_some(value.1.as_str())
    }

    /// Whether something was done as asked.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Web {
    /// A server that is reached as `settings` say; `depot` there is its address.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let base = settings::base(settings)?;
        Ok(Self { agent: agent(settings)?, base, timeouts: settings.timeouts, most: None })
    }

    /// The same server, of which a request takes this long at most with its whole answer, whichever part of it is slow.
    #[must_use]
    pub fn within(self, most: Duration) -> Self {
        Self { most: Some(most), ..self }
    }

    /// The server's address.
    pub fn address(&self) -> &str {
        &self.base
    }

    /// What the header `Host` says: the name, and the port where it is not the usual one.
    pub fn host(&self) -> &str {
        let (scheme, authority) = self.base.split_once("://").unwrap_or(("", &self.base));
        let usual = if scheme.eq_ignore_ascii_case("http") { ":80" } else { ":443" };
        authority.strip_suffix(usual).unwrap_or(authority)
    }

    /// Asks once. The body of a success is handed to `sink` piece by piece; of anything else the beginning is in the answer. No
    /// redirect is followed: it is a status like others.
    pub fn ask(&self, ask: Ask<'_, '_>, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<Answer, Error> {
        let Ask { method, target, headers, sending, limit } = ask;
        let malformed = |why: String| Error::Malformed { target: target.to_owned(), why };
        let method = Method::from_bytes(method.as_bytes()).map_err(|e| malformed(e.to_string()))?;
        let is_head = method == Method::HEAD;
        let mut request = Request::builder().method(method).uri(format!("{}{target}", self.base));
        request = request.header(HOST, self.host()).header(ACCEPT_ENCODING, "identity");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let (mut upload, size) = match sending {
            Sending::Nothing => (None, 0),
            Sending::Stream(reader, size) => (Some(Upload::stream(reader, size)), size),
        };
        if upload.is_some() {
            request = request.header(CONTENT_LENGTH, size);
        }
        let result = match &mut upload {
            Some(upload) => self.run(request, SendBody::from_reader(upload), size, limit),
            None => self.run(request, (), size, limit),
        };
        let response = result.map_err(|error| match upload.and_then(Upload::into_failure) {
            Some(source) => Error::Local { target: target.to_owned(), source },
            None => Error::of_request(error, &self.base, target),
        })?;
        let text = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers = response.headers().iter().filter_map(text).collect();
        let mut answer = Answer { status: response.status().as_u16(), headers, refusal: Vec::new() };
        if is_head {
            return Ok(answer);
        }
        if answer.is_success() {
            answer::read(response, target, limit, &self.timeouts, sink)?;
        } else {
            // However that ends: the status is what counts.
            let _ = answer::read(response, target, MAX_REFUSAL, &self.timeouts, |piece| {
                answer.refusal.extend_from_slice(piece);
                Ok(())
            });
        }
        Ok(answer)
    }

    fn run(
        &self,
        request: Builder,
        body: impl AsSendBody,
        size: u64,
        limit: u64,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        // The totals that no trickle escapes, however it is cut into chunks and headers.
        let request = self.agent.configure_request(request.body(body)?);
        let request = request.timeout_global(self.most).timeout_send_body(Some(self.timeouts.whole(size)));
        self.agent.run(request.timeout_recv_body(Some(self.timeouts.whole(limit))).build())
    }
}
