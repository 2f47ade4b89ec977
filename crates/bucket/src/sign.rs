//! AWS Signature Version 4 in the header `Authorization` (Amazon S3 API Reference, "Authenticating Requests: Using the
//! Authorization Header").

use std::fmt::Write as _;

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use writ_trust::time::Time;

use crate::credentials::Credentials;

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `HEAD`, `PUT`.
    pub method: &'a str,
    /// What the header `Host` says.
    pub host: &'a str,
    /// The path as it is sent.
    pub path: &'a str,
    /// The query, by name and value, not escaped.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers besides, by lower-case name.
    pub headers: &'a [(&'a str, String)],
    /// SHA-256 of the body in hexadecimal.
    pub body: &'a str,
}

/// The headers that sign a request at an instant, for a region: to be sent besides its own.
pub fn sign(request: &Request<'_>, region: &str, by: &Credentials, at: Time) -> Vec<(&'static str, String)> {
    let time = basic(at);
    let date = &time[..8];
    let mut added = vec![("x-amz-content-sha256", request.body.to_owned()), ("x-amz-date", time.clone())];
    added.extend(by.token.iter().map(|token| ("x-amz-security-token", token.to_string())));
    let own = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let all = own.chain(added.iter().map(|(name, value)| (*name, value.as_str()))).chain([("host", request.host)]);
    let mut headers: Vec<(&str, &str)> = all.collect();
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers.iter().fold(String::new(), |mut lines, (name, value)| {
        let _ = writeln!(lines, "{name}:{}", value.trim());
        lines
    });
    let canonical = [request.method, request.path, &query(request.query), &lines, &names, request.body].join("\n");
    let scope = format!("{date}/{region}/s3/aws4_request");
    let hashed = hex(&Sha256::digest(canonical.as_bytes()));
    let to_sign = ["AWS4-HMAC-SHA256", &time, &scope, &hashed].join("\n");
    let first = zeroize::Zeroizing::new(format!("AWS4{}", by.secret.as_str()));
    let steps = [date, region, "s3", "aws4_request"];
    let key = steps.iter().fold(zeroize::Zeroizing::new(first.as_bytes().to_vec()), |key, step| {
        zeroize::Zeroizing::new(mac(&key, step.as_bytes()))
    });
    let signature = hex(&mac(&key, to_sign.as_bytes()));
    let value = format!("AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}", by.id);
    added.push(("authorization", value));
    added
}

/// The query as it is signed and sent: by name, escaped. Empty where there is none.
pub fn query(parts: &[(&str, &str)]) -> String {
    let mut pairs: Vec<String> =
        parts.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// Everything but what RFC 3986 leaves alone by `%` and two digits.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

/// ISO 8601 in its basic form, as in `20261128T042033Z`.
fn basic(at: Time) -> String {
    let second = Time::from_unix_millis(at.unix_millis().div_euclid(1000) * 1000);
    second.to_string().chars().filter(char::is_ascii_alphanumeric).collect()
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key of any length is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the reference, with the key that it gives.
    fn signed(method: &str, path: &str, query: &[(&str, &str)], headers: &[(&str, String)], body: &[u8]) -> String {
        let text = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
                    aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";
        let by = Credentials::parse(text).unwrap();
        let body = hex(&Sha256::digest(body));
        let host = "examplebucket.s3.amazonaws.com";
        let request = Request { method, host, path, query, headers, body: &body };
        let added = sign(&request, "us-east-1", &by, "2013-05-24T00:00:00.400Z".parse().unwrap());
        let (_, value) = added.iter().find(|(name, _)| *name == "authorization").unwrap();
        assert!(value.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="
        ));
        value.rsplit('=').next().unwrap().to_owned()
    }

    #[test]
    fn signatures_are_those_of_the_reference() {
        let range = [("range", "bytes=0-9".to_owned())];
        assert_eq!(
            signed("GET", "/test.txt", &[], &range, b""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let put = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT".to_owned()),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY".to_owned()),
        ];
        assert_eq!(
            signed("PUT", "/test%24file.text", &[], &put, b"Welcome to Amazon S3."),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            signed("GET", "/", &[("lifecycle", "")], &[], b""),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
        assert_eq!(
            signed("GET", "/", &[("prefix", "J"), ("max-keys", "2")], &[], b""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn a_query_is_by_name_and_escaped() {
        assert_eq!(query(&[("versions", ""), ("key-marker", "a b/+é~")]), "key-marker=a%20b%2F%2B%C3%A9~&versions=");
        assert_eq!(query(&[]), "");
    }
}
