//! One depot, and what it can be asked.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use ureq::http::request::Builder;
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::{Agent, AsSendBody, Body, SendBody};
use writ_wire::courier;
use writ_wire::paths::Target;

use crate::answer::{self, header};
use crate::error::{Error, LONGEST_WAIT, MAX_REFUSAL};
use crate::settings::{self, Settings, SettingsError, Timeouts};
use crate::signer::Signer;
use crate::upload::Upload;

/// The longest time that an idle connection is kept for the next request.
const KEPT: Duration = Duration::from_secs(5);
/// The largest headers of an answer, in bytes.
const MAX_HEADERS: usize = 16 * 1024;
/// What is buffered of either direction, in bytes: more than the largest headers, so that larger ones are seen to be.
const BUFFER: usize = 2 * MAX_HEADERS;
/// The longest `ETag` that is given back.
const MAX_ETAG: usize = 200;

/// One depot. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    pub(crate) timeouts: Timeouts,
    signer: Option<Arc<Signer>>,
}

/// An answer that may be asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The body.
    pub bytes: Vec<u8>,
    /// What to give the next time, so that an unchanged answer is not sent again.
    pub etag: Option<String>,
}

/// What a request sends.
pub(crate) enum Sent<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Stream(&'a mut dyn Read, u64),
}

/// What every request of this crate is sent by: no redirect followed, no proxy, all of it bounded in size and time.
pub(crate) fn agent(settings: &Settings) -> Result<Agent, SettingsError> {
    let Timeouts { connect, first_byte, idle } = settings.timeouts;
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .tls_config(settings::tls(settings)?)
        .user_agent(&*settings.user_agent)
        .max_response_header_size(MAX_HEADERS)
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .max_idle_connections(2)
        .max_idle_age(KEPT)
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .timeout_send_request(Some(idle))
        .timeout_recv_response(Some(first_byte))
        .timeout_per_read(Some(idle.max(first_byte)))
        .timeout_per_write(Some(idle))
        .build();
    Ok(config.into())
}

impl Client {
    /// A client that signs nothing.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let agent = agent(settings)?;
        let base = settings::base(settings)?;
        Ok(Self { agent, base, timeouts: settings.timeouts, signer: None })
    }

    /// The same depot, asked by somebody.
    #[must_use]
    pub fn signed_by(&self, signer: Signer) -> Self {
        Self { signer: Some(Arc::new(signer)), ..self.clone() }
    }

    /// The same depot, asked by nobody in particular: for what is open to all.
    #[must_use]
    pub fn unsigned(&self) -> Self {
        Self { signer: None, ..self.clone() }
    }

    /// The depot's address.
    pub fn depot(&self) -> &str {
        &self.base
    }

    /// Asks for a body of at most `limit` bytes.
    pub fn get(&self, target: &Target, limit: u64) -> Result<Vec<u8>, Error> {
        let response = self.send(Method::GET, target, Sent::Nothing, &[], limit)?;
        self.whole(self.expect(response, target, StatusCode::OK)?, target, limit)
    }

    /// Asks for a body of at most `limit` bytes that may be the one which came with `etag`: then the answer is `None`.
    pub fn get_if_changed(&self, target: &Target, etag: Option<&str>, limit: u64) -> Result<Option<Fetched>, Error> {
        let headers: Vec<(&str, &str)> = etag.map(|etag| (IF_NONE_MATCH.as_str(), etag)).into_iter().collect();
        let response = self.send(Method::GET, target, Sent::Nothing, &headers, limit)?;
        if etag.is_some() && response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let response = self.expect(response, target, StatusCode::OK)?;
        let etag = header(&response, ETAG.as_str()).filter(|etag| etag.len() <= MAX_ETAG).map(str::to_owned);
        Ok(Some(Fetched { bytes: self.whole(response, target, limit)?, etag }))
    }

    /// Whether there is something: `false` on 404.
    pub fn exists(&self, target: &Target) -> Result<bool, Error> {
        let response = self.send(Method::HEAD, target, Sent::Nothing, &[], 0)?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        self.expect(response, target, StatusCode::OK).map(|_| true)
    }

    /// Sends JSON and takes an answer of at most `limit` bytes.
    pub fn post(&self, target: &Target, json: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        self.send_json(Method::POST, target, json, limit)
    }

    /// Sends a gzip file and takes an answer of at most `limit` bytes.
    pub fn post_gzip(&self, target: &Target, gzip: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        self.send_bytes(Method::POST, target, gzip, "application/gzip", limit)
    }

    /// Sends bytes of a kind, as a content type names it, and takes an answer of at most `limit` bytes.
    pub fn post_bytes(&self, target: &Target, bytes: &[u8], kind: &str, limit: u64) -> Result<Vec<u8>, Error> {
        self.send_bytes(Method::POST, target, bytes, kind, limit)
    }

    /// Puts text in place and takes an answer of at most `limit` bytes.
    pub fn put_text(&self, target: &Target, text: &str, limit: u64) -> Result<Vec<u8>, Error> {
        self.send_bytes(Method::PUT, target, text.as_bytes(), "text/plain; charset=utf-8", limit)
    }

    /// Puts JSON in place and takes an answer of at most `limit` bytes.
    pub fn put(&self, target: &Target, json: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        self.send_json(Method::PUT, target, json, limit)
    }

    fn send_json(&self, method: Method, target: &Target, json: &[u8], limit: u64) -> Result<Vec<u8>, Error> {
        self.send_bytes(method, target, json, "application/json", limit)
    }

    fn send_bytes(
        &self,
        method: Method,
        target: &Target,
        bytes: &[u8],
        kind: &str,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        let headers = [(CONTENT_TYPE.as_str(), kind)];
        let response = self.send(method, target, Sent::Bytes(bytes), &headers, limit)?;
        self.whole(self.expect_success(response, target)?, target, limit)
    }

    /// Puts `size` bytes in place, streamed and so not signed, and takes an answer of at most `limit` bytes.
    pub fn put_stream(&self, target: &Target, body: &mut dyn Read, size: u64, limit: u64) -> Result<Vec<u8>, Error> {
        let headers = [(CONTENT_TYPE.as_str(), "application/octet-stream")];
        let response = self.send(Method::PUT, target, Sent::Stream(body, size), &headers, limit)?;
        self.whole(self.expect_success(response, target)?, target, limit)
    }

    fn whole(&self, response: Response<Body>, target: &Target, limit: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        answer::read(response, &target.to_string(), limit, &self.timeouts, |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// The answer, if something was done as asked.
    fn expect_success(&self, response: Response<Body>, target: &Target) -> Result<Response<Body>, Error> {
        let status = if response.status().is_success() { response.status() } else { StatusCode::OK };
        self.expect(response, target, status)
    }

    /// The answer, if it has this status; otherwise what the depot said instead.
    pub(crate) fn expect(
        &self,
        response: Response<Body>,
        target: &Target,
        status: StatusCode,
    ) -> Result<Response<Body>, Error> {
        let found = response.status();
        if found == status {
            return Ok(response);
        }
        let target = target.to_string();
        let wait = header(&response, RETRY_AFTER.as_str()).and_then(|seconds| seconds.parse().ok());
        let retry_after = wait.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        let mut body = Vec::new();
        // However that ends: the status is what counts.
        let _ = answer::read(response, &target, MAX_REFUSAL, &self.timeouts, |piece| {
            body.extend_from_slice(piece);
            Ok(())
        });
        Err(Error::Refused { target, status: found.as_u16(), retry_after, body })
    }

    /// Sends a request; the answer's body will be read up to `limit` bytes.
    pub(crate) fn send(
        &self,
        method: Method,
        target: &Target,
        sent: Sent<'_>,
        headers: &[(&str, &str)],
        limit: u64,
    ) -> Result<Response<Body>, Error> {
        let name = target.to_string();
        let mut request =
            Request::builder().method(&method).uri(format!("{}{name}", self.base)).header(ACCEPT_ENCODING, "identity");
        for (header, value) in headers {
            request = request.header(*header, *value);
        }
        if let (Some(signer), Sent::Nothing | Sent::Bytes(_)) = (&self.signer, &sent) {
            let bytes = if let Sent::Bytes(bytes) = &sent { Some(*bytes) } else { None };
            for (header, value) in signer.sign(method.as_str(), target, bytes).pairs() {
                request = request.header(header, value);
            }
            if let Some(delegation) = signer.delegation() {
                request = request.header(courier::HEADER, delegation);
            }
        }
        let (mut upload, size) = match sent {
            Sent::Nothing => (None, 0),
            Sent::Bytes(bytes) => (Some(Upload::bytes(bytes)), bytes.len() as u64),
            Sent::Stream(reader, size) => (Some(Upload::stream(reader, size)), size),
        };
        if upload.is_some() {
            request = request.header(CONTENT_LENGTH, size);
        }
        let result = match &mut upload {
            Some(upload) => self.run(request, SendBody::from_reader(upload), size, limit),
            None => self.run(request, (), size, limit),
        };
        result.map_err(|error| match upload.and_then(Upload::into_failure) {
            Some(source) => Error::Local { target: name, source },
            None => Error::of_request(error, &self.base, &name),
        })
    }

    fn run(
        &self,
        request: Builder,
        body: impl AsSendBody,
        size: u64,
        limit: u64,
    ) -> Result<Response<Body>, ureq::Error> {
        // The totals that no trickle escapes, however it is cut into chunks and headers.
        let request = self.agent.configure_request(request.body(body)?);
        let request = request.timeout_send_body(Some(self.timeouts.whole(size)));
        self.agent.run(request.timeout_recv_body(Some(self.timeouts.whole(limit))).build())
    }
}
