//! Where a probe of the network looks: `host:port`, with an address or a name as the host.

use std::net::{IpAddr, Ipv6Addr};

use writ_trust::text::one_line;

/// The longest name of a host (RFC 1035 §2.3.4), in bytes.
const LONGEST_NAME: usize = 253;
/// The longest label of one.
const LONGEST_LABEL: usize = 63;

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// By its address.
    Address(IpAddr),
    /// By its name, in small letters and without the last dot.
    Name(String),
}

impl Host {
    /// Reads an address, or a name of letters, digits, hyphens and underscores.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            (1..=LONGEST_LABEL).contains(&label.len()) && !label.starts_with('-') && label.bytes().all(plain)
        };
        // A last label of digits would be taken for an address by others (RFC 3696 §2).
        let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        let fits = name.len() <= LONGEST_NAME && !numeric && name.split('.').all(label);
        fits.then(|| Self::Name(name.to_ascii_lowercase()))
    }
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Reads `host:port`, or `host` where a port is usual; an IPv6 address with a port stands in brackets.
    ///
    /// # Errors
    /// One line that says what was expected.
    pub fn parse(text: &str, usual_port: Option<u16>) -> Result<Self, String> {
        let bad = || {
            let port = if usual_port.is_some() { "host or host:port" } else { "host:port" };
            format!("{:?} is no address: expected {port}, such as \"ehr.example:443\" or \"[::1]:443\"", one_line(text))
        };
        if let (Some(port), Ok(address)) = (usual_port, text.parse::<IpAddr>()) {
            return Ok(Self { host: Host::Address(address), port });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?),
            None => (text, usual_port.ok_or_else(bad)?),
        };
        if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            let address: Ipv6Addr = inner.parse().map_err(|_| bad())?;
            return Ok(Self { host: Host::Address(address.into()), port });
        }
        let host = Host::parse(host).filter(|host| !matches!(host, Host::Address(IpAddr::V6(_)))).ok_or_else(bad)?;
        Ok(Self { host, port })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_and_a_port_are_told_apart() {
        let name = |name: &str, port| Address { host: Host::Name(name.into()), port };
        let address = |address: &str, port| Address { host: Host::Address(address.parse().unwrap()), port };
        for (text, usual, expected) in [
            ("ehr.example:443", None, name("ehr.example", 443)),
            ("EHR.Example.:443", None, name("ehr.example", 443)),
            ("127.0.0.1:53", None, address("127.0.0.1", 53)),
            ("[::1]:443", None, address("::1", 443)),
            ("::1", Some(53), address("::1", 53)),
            ("192.0.2.1", Some(123), address("192.0.2.1", 123)),
            ("time.example", Some(123), name("time.example", 123)),
            ("time.example:1123", Some(123), name("time.example", 1123)),
        ] {
            assert_eq!(Address::parse(text, usual).as_ref(), Ok(&expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_said() {
        for text in [
            "",
            ":",
            ":443",
            "ehr",
            "ehr:",
            "ehr:0",
            "ehr:65536",
            "ehr:http",
            "a b:1",
            "-a:1",
            "a..b:1",
            "::1:443",
            "[::1]",
            "[ehr]:1",
            "1.2.3:4",
            "300.1.1.1:4",
            "ehr:1\n2",
            "https://ehr:443",
            "user@ehr:1",
        ] {
            let error = Address::parse(text, None).unwrap_err();
            assert!(error.contains("expected host:port") && !error.contains('\n'), "{text}: {error}");
        }
        assert!(Address::parse(&format!("{}:1", "a.".repeat(130)), None).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), usual in any::<Option<u16>>()) {
            let _ = Address::parse(&text, usual);
        }
    }
}
