//! Which depot, how it is reached, and how long anything may take.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ProtocolVersion;
use rustls::crypto::{CryptoProvider, ring};
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// The slowest that an answer or an upload may be over its whole length, in bytes per second (16 KiB/s), after the time
/// that [`Timeouts::idle`] grants in any case.
pub const SLOWEST: u64 = 16 * 1024;
/// The largest file of certificates that is read, in bytes (1 MiB).
const MAX_CA_FILE: usize = 1024 * 1024;

/// Which depot, and how it is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://host` or `https://host:port`; `http://…` for loopback, or with `allow_http`.
    pub depot: String,
    /// Certificates (PEM) of the authorities that may vouch for the depot's name, instead of the public web's.
    pub ca_file: Option<PathBuf>,
    /// Whether plain HTTP is allowed beyond loopback. What is fetched is verified all the same; what is sent can be read.
    pub allow_http: bool,
    /// How the program calls itself.
    pub user_agent: String,
    /// How long anything may take.
    pub timeouts: Timeouts,
}

/// How long anything may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Finding and reaching the depot, each.
    pub connect: Duration,
    /// From the end of the request to the end of the answer's headers.
    pub first_byte: Duration,
    /// The longest silence within a body; also what a body may take in any case, before [`SLOWEST`] is asked of it.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), first_byte: seconds(20), idle: seconds(20) }
    }
}

impl Timeouts {
    /// The longest that a body of so many bytes may take.
    pub(crate) fn whole(&self, bytes: u64) -> Duration {
        self.idle.saturating_add(Duration::from_secs(bytes / SLOWEST))
    }
}

impl Settings {
    /// A depot reached in the usual way.
    pub fn new(depot: impl Into<String>) -> Self {
        Self {
            depot: depot.into(),
            ca_file: None,
            allow_http: false,
            user_agent: concat!("writ/", env!("CARGO_PKG_VERSION")).to_owned(),
            timeouts: Timeouts::default(),
        }
    }

    /// The port that the depot listens at; none where its address cannot be read.
    pub fn port(&self) -> Option<u16> {
        let uri: Uri = self.depot.parse().ok()?;
        uri.port_u16().or(if *uri.scheme()? == Scheme::HTTP { Some(80) } else { Some(443) })
    }
}

/// Why no client can be made of settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address is not one of a depot.
    #[error("{depot:?} is not a depot's address: {why}; expected https://host or https://host:port")]
    Address {
        /// The address.
        depot: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Plain HTTP to another machine.
    #[error("{0:?} is plain HTTP to another machine: use https, or allow_http if the line itself is protected")]
    PlainHttp(String),
    /// The certificates cannot be read.
    #[error("{}: {why}", .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The depot's address without a slash at its end, when it is one that may be used.
pub(crate) fn base(settings: &Settings) -> Result<String, SettingsError> {
    let Settings { depot, allow_http, .. } = settings;
    let wrong = |why| SettingsError::Address { depot: depot.chars().take(200).collect(), why };
    let text = depot.strip_suffix('/').unwrap_or(depot);
    let uri: Uri = text.parse().map_err(|_| wrong("it cannot be read"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(wrong("it names no scheme or no host"));
    };
    if authority.as_str().contains('@') {
        return Err(wrong("it holds a user or a password"));
    }
    // A path would be part of what requests sign, and a proxy that strips it would break every signature.
    if uri.path_and_query().is_some_and(|rest| rest.as_str() != "/") || text.contains('#') {
        return Err(wrong("it holds more than a host and a port"));
    }
    if *scheme == Scheme::HTTP {
        if !(*allow_http || is_loopback(authority.host())) {
            return Err(SettingsError::PlainHttp(depot.clone()));
        }
    } else if *scheme != Scheme::HTTPS {
        return Err(wrong("its scheme is neither https nor http"));
    }
    Ok(text.to_owned())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// TLS 1.3 and nothing older, as depots serve it: a protocol without any cipher suite is not offered.
fn only_tls13() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    provider.cipher_suites.retain(|suite| suite.version().version == ProtocolVersion::TLSv1_3);
    Arc::new(provider)
}

/// What TLS takes for true: the given authorities, or the public web's.
pub(crate) fn tls(settings: &Settings) -> Result<TlsConfig, SettingsError> {
    let builder = TlsConfig::builder().unversioned_rustls_crypto_provider(only_tls13());
    let Some(path) = &settings.ca_file else { return Ok(builder.build()) };
    let wrong = |why: String| SettingsError::CaFile { path: path.clone(), why };
    let pem = writ_durable::read_bounded(path, MAX_CA_FILE).map_err(|e| wrong(e.to_string()))?;
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| wrong(format!("not PEM: {e}")))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong("holds no certificate in PEM".into()));
    }
    Ok(builder.root_certs(RootCerts::from(certificates)).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(depot: &str, allow_http: bool) -> Result<String, SettingsError> {
        base(&Settings { allow_http, ..Settings::new(depot) })
    }

    #[test]
    fn the_port_is_the_one_that_is_named_or_usual() {
        let port = |depot: &str| Settings::new(depot).port();
        assert_eq!(port("https://depot.example"), Some(443));
        assert_eq!(port("https://depot.example:8443/"), Some(8443));
        assert_eq!(port("http://[::1]:80"), Some(80));
        assert_eq!(port("http://127.0.0.1"), Some(80));
        assert_eq!((port("depot.example"), port("")), (None, None));
    }

    #[test]
    fn a_depot_is_a_host_and_a_port() {
        assert_eq!(judged("https://depot.example/", false).unwrap(), "https://depot.example");
        for good in ["https://depot.example:8443", "http://127.0.0.1:80", "http://localhost:1", "http://[::1]:9"] {
            assert_eq!(judged(good, false).unwrap(), good);
        }
        for bad in [
            "",
            "depot.example",
            "https://",
            "ftp://depot.example",
            "file:///etc/passwd",
            "https://user:password@depot.example",
            "https://depot.example/path",
            "https://depot.example/?q",
            "https://depot.example#x",
            "https://depot example",
            "//depot.example",
        ] {
            assert!(matches!(judged(bad, true), Err(SettingsError::Address { .. })), "{bad}");
        }
    }

    #[test]
    fn plain_http_to_another_machine_takes_a_word() {
        for other in
            ["http://depot.example", "http://10.0.0.1:80", "http://127.0.0.1.example", "http://localhost.example"]
        {
            assert!(matches!(judged(other, false), Err(SettingsError::PlainHttp(_))), "{other}");
            assert!(judged(other, true).is_ok(), "{other}");
        }
    }

    #[test]
    fn a_file_of_certificates_must_hold_some() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let settings = Settings { ca_file: Some(path.clone()), ..Settings::new("https://depot.example") };
        assert!(tls(&settings).is_err(), "missing");
        for bad in ["", "nothing", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, bad).unwrap();
            let message = tls(&settings).unwrap_err().to_string();
            assert!(message.contains("ca.pem") && !message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn large_bodies_may_take_longer() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.whole(0), Duration::from_secs(20));
        assert_eq!(timeouts.whole(SLOWEST * 100), Duration::from_secs(120));
        assert!(timeouts.whole(u64::MAX) > Duration::from_secs(1 << 40), "no overflow");
    }
}
