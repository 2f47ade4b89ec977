//! Mail, handed to one server (RFC 6409) over TLS: from the first byte, or by STARTTLS (RFC 3207). Written here because what a
//! server says must be bounded in size and time: no library that was looked at bounds its lines.

mod compose;
mod session;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

pub use compose::compose;

use self::session::Session;
use super::Unsent;
use crate::message::Message;

/// The largest file of authorities, in bytes.
const MAX_CA_FILE: usize = 1024 * 1024;

/// How the line to the server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// TLS from the first byte: `smtps://`, usually port 465.
    Tls,
    /// TLS by STARTTLS, or nothing: `smtp://`, usually port 587.
    StartTls,
    /// None, on this machine alone: `smtp+plain://`.
    Plain,
}

/// Where mail is handed over.
pub struct Server {
    host: String,
    port: u16,
    line: Line,
    tls: Arc<ClientConfig>,
    login: Option<(String, Zeroizing<String>)>,
    from: String,
}

impl Server {
    /// A server by its address: `smtps://host[:port]`, `smtp://host[:port]`, or `smtp+plain://127.0.0.1:port`. Mail comes from
    /// `from`; `ca_file` holds the authorities (PEM) that may vouch for its name, instead of the public web's.
    ///
    /// # Errors
    /// One line.
    pub fn new(
        url: &str,
        from: &str,
        login: Option<(String, Zeroizing<String>)>,
        ca_file: Option<&Path>,
    ) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("{url:?} is no mail server: {why}; expected smtps://host, or smtp://host with STARTTLS")
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let (line, usual) = match scheme {
            "smtps" => (Line::Tls, 465),
            "smtp" => (Line::StartTls, 587),
            "smtp+plain" => (Line::Plain, 25),
            _ => return Err(wrong("its scheme is another")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && (!host.contains(':') || host.starts_with('[')) => {
                (host, port.parse().map_err(|_| wrong("its port cannot be read"))?)
            }
            _ => (rest, usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b)) {
            return Err(wrong("it names no host"));
        }
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if line == Line::Plain && !here {
            return Err(wrong("without TLS it must be on this machine"));
        }
        if line == Line::Plain && login.is_some() {
            return Err(wrong("a password is not sent without TLS"));
        }
        if !is_address(from) {
            return Err(format!("{from:?} is no address that mail can come from"));
        }
        let (host, from) = (host.to_owned(), from.to_owned());
        Ok(Self { host, port, line, tls: Arc::new(tls(ca_file)?), login, from })
    }

    /// Sends one message over a connection of its own. That takes two minutes at most.
    ///
    /// # Errors
    /// [`Unsent`]: for ever where the server refuses (5yz) this sender, recipient or message; later in all other cases, also where
    /// its last answer was lost and it may have taken the message.
    pub fn send(&self, message: &Message, to: &str) -> Result<(), Unsent> {
        if !is_address(to) {
            return Err(Unsent::never("its address is none that mail can be sent to"));
        }
        let mail = compose(message, &self.from, to);
        let mut session = Session::open(&self.host, self.port, self.line, &self.tls)?;
        if let Some((user, password)) = &self.login {
            session.log_in(user, password)?;
        }
        session.hand_over(&self.from, to, &mail)?;
        session.leave();
        Ok(())
    }
}

/// Whether this is an address as mail commands take it without quoting: no spaces, no brackets, nothing but ASCII.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let name = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
    (1..=64).contains(&local.len())
        && (1..=255).contains(&domain.len())
        && local.bytes().all(plain)
        && domain.bytes().all(name)
}

fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        None => roots.roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let pem = writ_durable::read_bounded(path, MAX_CA_FILE).map_err(|e| format!("{}: {e}", path.display()))?;
            let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
            if roots.add_parsable_certificates(certificates).0 == 0 {
                return Err(format!("{}: it holds no authority in PEM", path.display()));
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Result<(String, u16, Line), String> {
        Server::new(url, "writ@msp.example", None, None).map(|server| (server.host, server.port, server.line))
    }

    #[test]
    fn a_server_is_a_host_and_a_port_with_tls_or_here() {
        assert_eq!(of("smtps://mail.example").unwrap(), ("mail.example".into(), 465, Line::Tls));
        assert_eq!(of("smtp://mail.example:25/").unwrap(), ("mail.example".into(), 25, Line::StartTls));
        assert_eq!(of("smtp+plain://127.0.0.1:2525").unwrap(), ("127.0.0.1".into(), 2525, Line::Plain));
        assert_eq!(of("smtp+plain://[::1]:25").unwrap(), ("::1".into(), 25, Line::Plain));
        for bad in [
            "",
            "mail.example",
            "smtp://",
            "smtp://a b",
            "http://mail.example",
            "smtp+plain://mail.example",
            "smtp://x:y",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
        let login = Some(("writ".to_owned(), Zeroizing::new("secret".to_owned())));
        assert!(Server::new("smtp+plain://127.0.0.1", "writ@msp.example", login, None).is_err());
        assert!(Server::new("smtps://mail.example", "Writ <writ@msp.example>", None, None).is_err());
    }

    #[test]
    fn an_address_cannot_hold_a_command() {
        assert!(is_address("on-call+writ@msp.example"));
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a",
            "a b@c",
            "a@b>\r\nDATA",
            "<a@b>",
            "a@b c",
            "ä@b",
            &format!("{}@b", "x".repeat(65)),
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
