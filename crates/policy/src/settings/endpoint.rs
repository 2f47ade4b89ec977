//! Where a language model answers. Pure: no name is looked up.

use core::net::IpAddr;

/// The longest address, in bytes.
const LONGEST: usize = 200;

/// The base of an OpenAI-compatible interface, such as `https://models.example.org/v1`: whoever may ask it is asked below its
/// path. It holds no user, no password and no query, for those belong to nobody who reads a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether it is asked by TLS.
    pub tls: bool,
    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, without a slash at its end: empty, or `/v1`.
    pub path: String,
}

/// Where that is, as far as the address alone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// This machine.
    Loopback,
    /// A private address (RFC 1918, RFC 4193).
    Private,
    /// Anywhere, also behind a name.
    Elsewhere,
}

impl Endpoint {
    /// Reads an address, or says what is wrong with it.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        if url.len() > LONGEST || !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("it is no plain address of at most 200 characters");
        }
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err("it begins with neither https:// nor http://"),
        };
        if rest.contains('@') {
            return Err("it holds a user or a password");
        }
        if rest.contains(['?', '#']) {
            return Err("it holds a query");
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = authority_of(authority).ok_or("its host or port is none")?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        let sound = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(plain);
        if !path.is_empty() && !path.split('/').skip(1).all(sound) {
            return Err("its path is none");
        }
        if path.ends_with("/chat/completions") {
            return Err("it is the base, without /chat/completions");
        }
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host: host.to_owned(), port, path: path.to_owned() })
    }

    /// Scheme, host and port: `https://models.example.org:443`.
    pub fn base(&self) -> String {
        format!("{}://{}:{}", if self.tls { "https" } else { "http" }, self.host, self.port)
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        let bare = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host);
        match bare.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() => Place::Loopback,
            Ok(IpAddr::V4(address)) if address.is_private() => Place::Private,
            Ok(IpAddr::V6(address)) if address.segments()[0] & 0xfe00 == 0xfc00 => Place::Private,
            Err(_) if bare == "localhost" => Place::Loopback,
            _ => Place::Elsewhere,
        }
    }

    /// Why it may not be asked without TLS; none where it may, or is asked by TLS. `insecure` is the policy's word for it.
    pub fn bare(&self, insecure: bool) -> Option<&'static str> {
        match self.place() {
            _ if self.tls => None,
            Place::Loopback => None,
            Place::Private if insecure => None,
            Place::Private => Some("plain HTTP to another machine: whoever is on the line reads it, and the key"),
            Place::Elsewhere => {
                Some("plain HTTP is for this machine, and for a private address, which is written as a number")
            }
        }
    }
}

fn authority_of(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(end);
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        None => return None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port > 0)?)
        }
        Some(_) => return None,
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            !host.is_empty() && host.chars().all(plain) && host.starts_with(|c: char| c.is_ascii_alphanumeric())
        }
    };
    is_host.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_a_port_and_a_path() {
        for (url, tls, host, port, path) in [
            ("https://models.example/v1", true, "models.example", 443, "/v1"),
            ("https://models.example", true, "models.example", 443, ""),
            ("https://models.example:8443/a/b/", true, "models.example", 8443, "/a/b"),
            ("http://127.0.0.1:11434/v1", false, "127.0.0.1", 11434, "/v1"),
            ("http://[fd00::1]:80/", false, "[fd00::1]", 80, ""),
        ] {
            let endpoint = Endpoint { tls, host: host.into(), port, path: path.into() };
            assert_eq!(Endpoint::parse(url), Ok(endpoint), "{url}");
        }
        for bad in [
            "",
            "models.example",
            "ftp://models.example",
            "HTTPS://models.example",
            "https://",
            "https://user:password@models.example/v1",
            "https://models.example/v1?key=x",
            "https://models.example/v1#x",
            "https://models.example/v1/chat/completions",
            "https://models.example//v1",
            "https://models.example/../v1",
            "https://models.example/%2e",
            "https://models.example\\v1",
            "https://models example",
            "https://models.example:0",
            "https://models.example:65536",
            "https://models.example:+1",
            "https://models.example:",
            "https://[::1",
            "https://[models]",
            "https://-x",
            "https://ü.example",
            &format!("https://models.example/{}", "x".repeat(200)),
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_or_by_a_word_for_a_private_address() {
        let bare = |url: &str, insecure| Endpoint::parse(url).unwrap().bare(insecure).is_some();
        for loopback in ["http://127.0.0.1:1", "http://localhost/v1", "http://[::1]:9", "http://127.9.9.9"] {
            assert!(!bare(loopback, false), "{loopback}");
        }
        for private in ["http://10.0.0.4:8000/v1", "http://192.168.1.2", "http://172.31.0.1", "http://[fd12::1]"] {
            assert!(bare(private, false) && !bare(private, true), "{private}");
        }
        for other in [
            "http://models.example",
            "http://8.8.8.8",
            "http://172.32.0.1",
            "http://10.0.0.1.example",
            "http://[2001:db8::1]",
        ] {
            assert!(bare(other, true) && bare(other, false), "{other}");
        }
        assert!(!bare("https://8.8.8.8/v1", false));
    }
}
