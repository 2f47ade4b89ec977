//! Whose requests are answered: for which host they are, from which page they come, and whether they show the token.

use std::net::SocketAddr;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode, Uri};

use super::token::Token;

/// Where the server is.
pub const PATH: &str = "/mcp";

/// What lets requests in.
pub struct Gate {
    /// The hosts that requests may name, with their ports.
    hosts: Vec<String>,
    /// Where pages come from whose scripts may ask: those of the same hosts.
    origins: Vec<String>,
    token: Option<Token>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turned {
    /// The status.
    pub status: StatusCode,
    /// In words.
    pub why: &'static str,
}

impl Gate {
    /// A server that listens at an address, and is found under these further names, behind a proxy that ends TLS.
    pub fn new(listens: SocketAddr, names: &[String], token: Option<Token>) -> Self {
        let mut hosts = vec![listens.to_string()];
        if listens.ip().is_loopback() {
            hosts.push(format!("localhost:{}", listens.port()));
        }
        hosts.extend(names.iter().map(|name| name.to_ascii_lowercase()));
        let origins = hosts.iter().flat_map(|host| [format!("http://{host}"), format!("https://{host}")]).collect();
        Self { hosts, origins, token }
    }

    /// The hosts that requests may name.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// The origins of pages whose scripts may ask.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// Why a request is not answered; none when it is.
    ///
    /// A page whose name was made to lead to this machine names itself as host and origin (DNS rebinding). That is judged before
    /// the token, so that no browser can be made to try any.
    pub fn turns_away(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Turned> {
        let turned = |status, why| Some(Turned { status, why });
        if !self.is_own_host(uri, headers) {
            return turned(StatusCode::FORBIDDEN, "this is for another host");
        }
        if !self.is_own_origin(headers) {
            return turned(StatusCode::FORBIDDEN, "this comes from a page of somebody else");
        }
        if let Some(token) = &self.token
            && !token.is_shown(one(headers, header::AUTHORIZATION).map(HeaderValue::as_bytes))
        {
            return turned(StatusCode::UNAUTHORIZED, "show the token: Authorization: Bearer …");
        }
        if uri.path() != PATH {
            return turned(StatusCode::NOT_FOUND, "the server is at /mcp");
        }
        if method != Method::POST {
            return turned(
                StatusCode::METHOD_NOT_ALLOWED,
                "each message is a POST: there are no sessions and no streams",
            );
        }
        None
    }

    fn is_own_host(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let named = match uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => one(headers, header::HOST).and_then(|host| host.to_str().ok()),
        };
        named.is_some_and(|named| self.hosts.iter().any(|host| host.eq_ignore_ascii_case(named)))
    }

    /// Programs send no origin; browsers always do with a POST.
    fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        if !headers.contains_key(header::ORIGIN) {
            return true;
        }
        let origin = one(headers, header::ORIGIN).and_then(|origin| origin.to_str().ok());
        origin.is_some_and(|origin| self.origins.iter().any(|own| own.eq_ignore_ascii_case(origin)))
    }
}

/// A header that is there once.
fn one(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none())
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn status(gate: &Gate, method: &Method, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        gate.turns_away(method, &path.parse().unwrap(), &map).map_or(200, |turned| turned.status.as_u16())
    }

    #[test]
    fn other_hosts_pages_and_tokens_are_turned_away() {
        let at = "127.0.0.1:8091".parse().unwrap();
        let token = Token::parse(Zeroizing::new(TOKEN.as_bytes().to_vec())).unwrap();
        let gate = Gate::new(at, &["Mcp.msp.example".to_owned()], Some(token));
        let bearer = format!("Bearer {TOKEN}");
        let post = |headers: &[(&str, &str)]| {
            let all: Vec<(&str, &str)> =
                [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
            status(&gate, &Method::POST, "/mcp", &all)
        };
        for host in ["127.0.0.1:8091", "localhost:8091", "LOCALHOST:8091", "mcp.msp.example"] {
            assert_eq!(post(&[("host", host)]), 200, "{host}");
        }
        for host in
            ["evil.example", "evil.example:8091", "127.0.0.1", "127.0.0.1:80", "localhost", "mcp.msp.example:1", ""]
        {
            assert_eq!(post(&[("host", host)]), 403, "{host}");
        }
        assert_eq!(post(&[]), 403);
        assert_eq!(post(&[("host", "localhost:8091"), ("host", "localhost:8091")]), 403);
        let from = |origin: &str| post(&[("host", "localhost:8091"), ("origin", origin)]);
        assert_eq!((from("http://localhost:8091"), from("https://mcp.msp.example")), (200, 200));
        for origin in ["http://evil.example", "null", "http://localhost", "http://localhost:80", "localhost:8091", ""] {
            assert_eq!(from(origin), 403, "{origin}");
        }
        let host = ("host", "localhost:8091");
        assert_eq!(status(&gate, &Method::POST, "/mcp", &[host]), 401);
        assert_eq!(status(&gate, &Method::POST, "/mcp", &[host, ("authorization", "Bearer wrong")]), 401);
        let twice = [host, ("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
        assert_eq!(status(&gate, &Method::POST, "/mcp", &twice), 401);
        let shown = [host, ("authorization", bearer.as_str())];
        assert_eq!(status(&gate, &Method::POST, "/", &shown), 404);
        assert_eq!(status(&gate, &Method::GET, "/mcp", &shown), 405);
        assert_eq!(status(&gate, &Method::POST, "http://evil.example/mcp", &shown), 403);
        let open = Gate::new(at, &[], None);
        assert_eq!(status(&open, &Method::POST, "/mcp", &[host]), 200);
    }
}
