//! What is the same for every request of a browser: for which host it is, whether a form comes from a page of ours, whose
//! session its cookie is, and from where it comes.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue, Uri, header};

use super::sessions::LONGEST;

/// Where the portal is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// `https://portal.example`, without anything behind.
    origin: String,
    /// The hosts that requests may name.
    hosts: Vec<String>,
    secure: bool,
    /// A proxy that is asked to know its clients stands in front.
    behind_proxy: bool,
}

/// Why an address of the portal is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "url: {0:?} is no address of a portal: expected https://portal.msp.example, without a path; http:// only on this machine"
)]
pub struct UrlError(String);

impl Gate {
    /// A portal that listens at an address, and is found at a URL; without one it is found where it listens.
    ///
    /// # Errors
    /// [`UrlError`]
    pub fn new(url: Option<&str>, listens: SocketAddr, behind_proxy: bool) -> Result<Self, UrlError> {
        let own = format!("http://{listens}");
        let url = url.unwrap_or(&own).trim_end_matches('/');
        let bad = || UrlError(url.chars().take(100).collect());
        let (scheme, host) = url.split_once("://").ok_or_else(bad)?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]".contains(&b);
        if host.is_empty() || !host.bytes().all(plain) {
            return Err(bad());
        }
        let secure = match scheme {
            "https" => true,
            "http" if is_here(host) => false,
            _ => return Err(bad()),
        };
        let mut hosts = vec![host.to_owned(), listens.to_string()];
        if listens.ip().is_loopback() {
            hosts.push(format!("localhost:{}", listens.port()));
        }
        Ok(Self { origin: url.to_owned(), hosts, secure, behind_proxy })
    }

    /// Where the portal is found, for links.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it is found by TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host that a request names, if it is another. A page of somebody else whose name leads to this machine is not
    /// answered (DNS rebinding).
    pub fn other_host(&self, headers: &HeaderMap, uri: &Uri) -> Option<String> {
        let named = match uri.authority() {
            Some(authority) => authority.as_str().to_owned(),
            None => headers
                .get(header::HOST)
                .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned())
                .unwrap_or_default(),
        };
        let known = self.hosts.iter().any(|host| host.eq_ignore_ascii_case(&named));
        (!known).then_some(named)
    }

    /// Whether a form was sent from a page of this portal, as the browser says. Our pages send no referrer, and then browsers
    /// send `Origin: null` (Fetch, "append a request `Origin` header"), so `Sec-Fetch-Site` counts; where it is not sent, the
    /// origin must be ours by name.
    pub fn is_own_form(&self, headers: &HeaderMap) -> bool {
        let one = |name: &str| {
            let mut all = headers.get_all(name).iter();
            let first = all.next().map(HeaderValue::as_bytes);
            if all.next().is_some() { Some(&b"two"[..]) } else { first }
        };
        let (site, origin) = (one("sec-fetch-site"), one("origin"));
        let ours = origin.is_some_and(|origin| self.is_own_origin(origin));
        match site {
            Some(b"same-origin") => ours || matches!(origin, None | Some(b"null")),
            Some(_) => false,
            None => ours,
        }
    }

    fn is_own_origin(&self, origin: &[u8]) -> bool {
        let scheme = if self.secure { "https" } else { "http" };
        let at = |host: &String| format!("{scheme}://{host}").into_bytes() == origin;
        origin == self.origin.as_bytes() || (!self.secure && self.hosts.iter().any(at))
    }

    /// The name of the cookie. With TLS it is bound to this host, this path and TLS by its name (RFC 6265bis, 4.1.3.2).
    fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-writ" } else { "writ" }
    }

    /// The token in a request's cookies; none where there are two.
    pub fn token<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut tokens = lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.cookie_name())
            .map(|(_, value)| value);
        match (tokens.next(), tokens.next()) {
            (Some(token), None) => Some(token),
            _ => None,
        }
    }

    /// The cookie of a session that begins, or with nothing, of one that has ended. `Strict` is enough: the button on the page
    /// behind a link is on a page of ours.
    pub fn cookie(&self, token: Option<&str>) -> Option<HeaderValue> {
        let name = self.cookie_name();
        let secure = if self.secure { "; Secure" } else { "" };
        let (value, age) = token.map_or(("", 0), |token| (token, LONGEST / 1000));
        HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")).ok()
    }

    /// From where a request comes: the other end of the connection, or behind a proxy the last address that it noted.
    pub fn source(&self, headers: &HeaderMap, peer: IpAddr) -> String {
        let noted = || {
            let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
        };
        let address = if self.behind_proxy { noted().unwrap_or(peer) } else { peer };
        match address.to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            // As one subscriber has it.
            IpAddr::V6(v6) => std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).to_string(),
        }
    }
}

fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(url: Option<&str>, behind: bool) -> Gate {
        Gate::new(url, "127.0.0.1:8080".parse().unwrap(), behind).unwrap()
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(axum::http::HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        let listens = "127.0.0.1:1".parse().unwrap();
        for good in
            ["https://portal.example", "https://portal.example:8443/", "http://localhost:8080", "http://[::1]:80"]
        {
            assert!(Gate::new(Some(good), listens, false).is_ok(), "{good}");
        }
        for bad in [
            "http://portal.example",
            "portal.example",
            "https://",
            "https://a/b",
            "https://a b",
            "ftp://a",
            "https://ä",
        ] {
            assert!(Gate::new(Some(bad), listens, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_our_pages_send_forms() {
        let gate = gate(Some("https://portal.example"), true);
        let is_own = |lines: &[(&str, &str)]| gate.is_own_form(&headers(lines));
        assert!(is_own(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(is_own(&[("sec-fetch-site", "same-origin")]) && is_own(&[("origin", "https://portal.example")]));
        for bad in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://portal.example.evil")],
            &[("origin", "http://portal.example")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://portal.example")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://evil")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("origin", "https://portal.example"), ("origin", "https://evil")],
        ] {
            assert!(!is_own(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_cookie_is_bound_to_its_host_and_read_once() {
        let secure = gate(Some("https://portal.example"), true);
        let cookie = secure.cookie(Some("abc")).unwrap();
        assert_eq!(cookie, "__Host-writ=abc; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(secure.token(&headers(&[("cookie", "a=b; __Host-writ=abc; writ=x")])), Some("abc"));
        assert_eq!(secure.token(&headers(&[("cookie", "__Host-writ=a"), ("cookie", "__Host-writ=b")])), None);
        let plain = gate(None, false);
        assert!(!plain.cookie(Some("abc")).unwrap().to_str().unwrap().contains("Secure"));
        assert_eq!(plain.token(&headers(&[("cookie", "writ=abc")])), Some("abc"));
    }

    #[test]
    fn other_hosts_are_not_answered_and_a_proxy_says_who_asks() {
        let gate = gate(Some("https://portal.example"), true);
        let uri: Uri = "/".parse().unwrap();
        let host = |host: &str| gate.other_host(&headers(&[("host", host)]), &uri);
        assert!(
            host("portal.example").is_none() && host("PORTAL.example").is_none() && host("127.0.0.1:8080").is_none()
        );
        assert_eq!(host("evil.example").as_deref(), Some("evil.example"));
        assert!(gate.other_host(&HeaderMap::new(), &uri).is_some());
        let peer: IpAddr = "127.0.0.1".parse().unwrap();
        let noted = headers(&[("x-forwarded-for", "203.0.113.9, 198.51.100.7")]);
        assert_eq!(gate.source(&noted, peer), "198.51.100.7", "what the proxy noted itself");
        assert_eq!(self::gate(None, false).source(&noted, peer), "127.0.0.1");
        assert_eq!(gate.source(&HeaderMap::new(), "2001:db8::1:2:3:4".parse().unwrap()), "2001:db8::");
    }
}
