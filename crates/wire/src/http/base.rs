//! The signature base: the text that a message signature signs (RFC 9421 §2.5).

use super::Request;

/// A part of a request that a signature can cover in our profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// `@method`
    Method,
    /// `@path`
    Path,
    /// `@query`
    Query,
    /// `content-digest`
    ContentDigest,
}

impl Component {
    /// Every component of the profile, in the order in which we write them.
    pub const ALL: [Self; 4] = [Self::Method, Self::Path, Self::Query, Self::ContentDigest];

    /// The component's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Method => "@method",
            Self::Path => "@path",
            Self::Query => "@query",
            Self::ContentDigest => "content-digest",
        }
    }

    /// The component's value in a request. A request without query has the value `?` (RFC 9421 §2.2.7).
    pub fn value(self, request: &Request<'_>, content_digest: &str) -> String {
        match self {
            Self::Method => request.method.to_owned(),
            Self::Path => request.path.to_owned(),
            Self::Query => format!("?{}", request.query.unwrap_or_default()),
            Self::ContentDigest => content_digest.to_owned(),
        }
    }
}

/// The signature base of some components (name and value) under signature parameters, as RFC 9421 §2.5 builds it.
///
/// Values must hold no line break: a header's and a request line's never do, and whoever has them from elsewhere checks it.
pub fn signature_base<'a>(components: impl IntoIterator<Item = (&'a str, String)>, parameters: &str) -> String {
    let mut base = String::new();
    for (name, value) in components {
        base.extend(["\"", name, "\": ", &value, "\n"]);
    }
    base.extend(["\"@signature-params\": ", parameters]);
    base
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use writ_trust::minisign::SecretKey;

    use super::*;

    /// RFC 9421 appendix B.2.6, "Signing a Request Using ed25519", with the key of B.1.4.
    #[test]
    fn the_rfc_s_example_comes_out_byte_for_byte() {
        let components = [
            ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("@method", "POST"),
            ("@path", "/foo"),
            ("@authority", "example.com"),
            ("content-type", "application/json"),
            ("content-length", "18"),
        ];
        let parameters = "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
                          ;created=1618884473;keyid=\"test-key-ed25519\"";
        let base = signature_base(components.map(|(name, value)| (name, value.to_owned())), parameters);
        assert_eq!(
            base,
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\
             \"content-type\": application/json\n\"content-length\": 18\n\"@signature-params\": (\"date\" \"@method\" \
             \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\""
        );
        let mut random = [0; 40];
        random[..32].copy_from_slice(&URL_SAFE_NO_PAD.decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU").unwrap());
        let key = SecretKey::generate(&random);
        let public = URL_SAFE_NO_PAD.decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs").unwrap();
        assert_eq!(key.public_key().ed25519()[..], public);
        let expected = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
        assert_eq!(STANDARD.encode(key.sign_message(base.as_bytes())), expected);
    }

    #[test]
    fn a_request_without_query_is_not_one_with_an_empty_path() {
        let request = Request { method: "GET", path: "/agent/sync", query: None };
        assert_eq!(Component::Query.value(&request, ""), "?");
        assert_eq!(Component::Query.value(&Request { query: Some("a=b"), ..request }, ""), "?a=b");
    }
}
