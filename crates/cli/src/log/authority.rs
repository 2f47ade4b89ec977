//! Asking an authority of time (RFC 3161 §3.4: HTTP): its answer is hostile until the token in it was verified.

use std::path::PathBuf;
use std::str::FromStr;

use writ_client::{Client, Settings};
use writ_trust::root::TrustRoot;
use writ_trust::time::{Span, Time};
use writ_trust::timestamp::{MAX_RESPONSE, NONCE, Stamped, TimestampError, Token, request};
use writ_wire::paths::Target;

use crate::failure::{Failure, Outcome};
use crate::{clock, random};

/// How far an authority's clock may be from this machine's, in milliseconds: 10 minutes.
const SKEW_MILLIS: i64 = 10 * 60_000;

/// Where an authority is asked: `http://host/path` or `https://host:port/path`.
#[derive(Debug, Clone)]
pub struct Address {
    base: String,
    target: Target,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "expected http://host/path or https://host:port/path".to_owned();
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(bad)?;
        if text.len() > 1000 || !text.bytes().all(|b| b.is_ascii_graphic()) || text.contains('#') || rest.is_empty() {
            return Err(bad());
        }
        let slash = rest.find('/').unwrap_or(rest.len());
        let (base, path) = text.split_at(text.len() - rest.len() + slash);
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() { "/" } else { path };
        let target = Target { path: path.to_owned(), query: query.map(str::to_owned) };
        Ok(Self { base: base.to_owned(), target })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.base, self.target)
    }
}

/// What an authority gave for some bytes.
pub struct Given {
    /// What its token says, and who vouches for it.
    pub stamped: Stamped,
    /// Its exact answer.
    pub response: Vec<u8>,
}

/// Has bytes timestamped by an authority that the trust root lists.
pub fn ask(
    address: &Address,
    ca_file: Option<&PathBuf>,
    patience: &Span,
    covered: &[u8],
    root: &TrustRoot,
) -> Outcome<Given> {
    let mut settings = Settings::new(&address.base);
    settings.ca_file = ca_file.cloned();
    // What it answers is signed, and what it is asked is a hash.
    settings.allow_http = true;
    settings.timeouts.first_byte = patience.duration();
    settings.timeouts.idle = patience.duration();
    let client = Client::new(&settings).map_err(|e| {
        Failure::could_not("the timestamp authority cannot be asked like that").at(address).caused_by(&e)
    })?;
    let (query, nonce) = request(covered, *random::bytes::<NONCE>()?);
    let response = client
        .post_bytes(&address.target, &query, "application/timestamp-query", MAX_RESPONSE as u64)
        .map_err(|e| {
            Failure::could_not("the timestamp authority did not answer as it should")
                .at(address)
                .caused_by(&e)
                .next("the next run stamps the newest checkpoint, which covers this one too")
        })?;
    let stamped = judge(&response, covered, &nonce, root, clock::now()).map_err(|error| {
        let failure = Failure::refused("the timestamp authority's answer is of no use").at(address).because(&error);
        match error {
            TimestampError::UnknownAuthority => failure.next(
                "list it in the trust root, if it is the one you chose: writ trust next --tsa NAME=certificate.pem",
            ),
            TimestampError::Refused { .. } => failure.next("ask whoever runs it; the next run tries again"),
            _ => failure.next("nothing was stored; if it stays so, use another authority"),
        }
    })?;
    Ok(Given { stamped, response })
}

/// Judges an answer to a request.
fn judge(
    response: &[u8],
    covered: &[u8],
    nonce: &[u8],
    root: &TrustRoot,
    now: Time,
) -> Result<Stamped, TimestampError> {
    let stamped = Token::parse(response)?.verify(covered, &root.timestamp_authorities)?;
    if stamped.nonce.as_deref() != Some(nonce) {
        return Err(TimestampError::Nonce);
    }
    if stamped.at.millis_since(now).abs() > SKEW_MILLIS {
        return Err(TimestampError::Clock { at: stamped.at, now });
    }
    Ok(stamped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_path() {
        for (text, base, target) in [
            ("http://tsa.example", "http://tsa.example", "/"),
            ("https://tsa.example:8443/tsr", "https://tsa.example:8443", "/tsr"),
            ("http://tsa.example/a/b?c=d", "http://tsa.example", "/a/b?c=d"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.base.as_str(), address.target.to_string().as_str()), (base, target));
        }
        for bad in
            ["", "tsa.example", "ftp://tsa.example", "http://", "http://tsa.example/a b", "http://tsa.example/#x"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
