//! One POST to somebody else's server: no redirect, no proxy, an answer of at most so many bytes in bounded time.

use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use ureq::Agent;
use ureq::http::Uri;
use ureq::http::header::RETRY_AFTER;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::{LONGEST_WAIT, Unsent};

/// How long one request may take in all.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most of an answer that is read, in bytes: it says why something is refused.
const ANSWER: u64 = 4 * 1024;
/// The largest file of authorities, in bytes.
const MAX_CA_FILE: usize = 1024 * 1024;

/// What sends.
#[derive(Clone)]
pub struct Poster(Agent);

impl Poster {
    /// One that takes the public web's authorities, or those of a file in PEM instead.
    ///
    /// # Errors
    /// One line, where the file is not usable.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
        if let Some(path) = ca_file {
            let wrong = |why: String| format!("{}: {why}", path.display());
            let pem = writ_durable::read_bounded(path, MAX_CA_FILE).map_err(|e| wrong(e.to_string()))?;
            let items: Result<Vec<_>, _> = parse_pem(&pem).collect();
            let items = items.map_err(|e| wrong(format!("not PEM: {e}")))?;
            let certificate =
                |item| if let PemItem::Certificate(certificate) = item { Some(certificate) } else { None };
            let certificates: Vec<Certificate<'static>> = items.into_iter().filter_map(certificate).collect();
            if certificates.is_empty() {
                return Err(wrong("holds no certificate in PEM".into()));
            }
            tls = tls.root_certs(RootCerts::from(certificates));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .tls_config(tls.build())
            .user_agent(concat!("writ-notify/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(16 * 1024)
            .max_idle_connections(0)
            .timeout_global(Some(PATIENCE))
            .build();
        Ok(Self(config.into()))
    }

    /// Sends a body with these headers.
    ///
    /// # Errors
    /// [`Unsent`]: a refusal of this request is for ever; being busy (408, 425, 429, 5xx), a redirect and silence are not.
    pub fn post(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Unsent> {
        let url = address(url).map_err(Unsent::never)?;
        let mut request = self.0.post(&url).header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // An address may be a secret: errors say what went wrong, and never where.
        let answer = request.send(body).map_err(|e| Unsent::later(shown(&e)))?;
        let status = answer.status().as_u16();
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        if (200..300).contains(&status) {
            return Ok(());
        }
        let mut said = Vec::new();
        // However that ends: the status is what counts.
        let _ = answer.into_body().into_reader().take(ANSWER).read_to_end(&mut said);
        let said: String = writ_trust::text::one_line(String::from_utf8_lossy(&said)).chars().take(200).collect();
        let why = format!("it answered {status}: {said}");
        match status {
            408 | 425 | 429 | 300..=399 | 500..=599 => {
                let wait = wait.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
                Err(Unsent::Later { why, wait, of_this: false })
            }
            _ => Err(Unsent::Never(why)),
        }
    }

    /// Asks for an address and takes any answer of success.
    ///
    /// # Errors
    /// One line.
    pub fn ping(&self, url: &str) -> Result<(), String> {
        let url = address(url)?;
        let answer = self.0.get(&url).call().map_err(|e| shown(&e))?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status().as_u16())) }
    }
}

fn shown(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("it did not answer within {} s", PATIENCE.as_secs()),
        ureq::Error::Io(e) => format!("it cannot be reached: {}", e.kind()),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => format!("no TLS with it: {error}"),
        _ => "it does not speak HTTP as it should".to_owned(),
    }
}

/// An address that may be sent to: https, or plain HTTP on this machine.
///
/// # Errors
/// One line, without the address: it may be a secret.
pub fn address(url: &str) -> Result<String, String> {
    let wrong = |why: &str| format!("its address cannot be used: {why}");
    let uri: Uri = url.trim().parse().map_err(|_| wrong("it cannot be read"))?;
    let Some(host) = uri.host() else { return Err(wrong("it names no host")) };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(wrong("it holds a user or a password"));
    }
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let here = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(url.trim().to_owned()),
        Some("http") if here => Ok(url.trim().to_owned()),
        _ => Err(wrong("it is not https")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_leaves_this_machine_and_no_error_tells_the_address() {
        for good in ["https://hooks.example/a?b", "http://127.0.0.1:1/x", "http://localhost/", "http://[::1]:9/"] {
            assert_eq!(address(good).unwrap(), good);
        }
        for bad in
            ["", "hooks.example", "http://hooks.example/secret", "ftp://x/secret", "https://u:secret@h/", "https://"]
        {
            let why = address(bad).unwrap_err();
            assert!(!why.contains("secret") && !why.contains("hooks"), "{why}");
        }
    }
}
