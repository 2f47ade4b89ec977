//! Addresses of pages, and what comes in them: segments of paths, queries, and forms.

use std::collections::BTreeMap;

use axum::http::Uri;
use writ_trust::ids::SiteId;

use crate::fault::Fault;

/// The most fields of a form.
const MAX_FIELDS: usize = 8;

/// A text as one segment of a path (RFC 3986, section 3.3).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// What was encoded; `None` where that is no UTF-8, or where half an escape stands. `plus` is a space in forms alone.
fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A form (`application/x-www-form-urlencoded`): at most eight fields, each once.
///
/// # Errors
/// [`Fault::Malformed`]
pub fn form(body: &[u8]) -> Result<BTreeMap<String, String>, Fault> {
    let bad = |what: &str| Fault::Malformed(format!("the form {what}"));
    let text = std::str::from_utf8(body).map_err(|_| bad("is no UTF-8"))?;
    let mut fields = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| bad("has a field without a value"))?;
        let (name, value) = decode(name, true).zip(decode(value, true)).ok_or_else(|| bad("cannot be read"))?;
        if fields.len() == MAX_FIELDS || fields.insert(name, value).is_some() {
            return Err(bad("has too many fields, or one twice"));
        }
    }
    Ok(fields)
}

/// The number of the part of a long list that is asked for, from 1: `?page=2`.
///
/// # Errors
/// [`Fault::Malformed`]
pub fn part(uri: &Uri) -> Result<usize, Fault> {
    let bad = || Fault::Malformed("page is not one number from 1".to_owned());
    let mut found = None;
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("page", value))
                if found.is_none() && value.len() <= 6 && value.bytes().all(|b| b.is_ascii_digit()) =>
            {
                found = Some(value.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(bad)?);
            }
            _ => return Err(bad()),
        }
    }
    Ok(found.unwrap_or(1))
}

/// A site's own page.
pub fn site(site: &SiteId) -> String {
    format!("/site/{site}")
}

/// One control of a site.
pub fn control(site: &SiteId, control: &str) -> String {
    format!("/site/{site}/controls/{}", encode(control))
}

/// One incident of a site.
pub fn incident(site: &SiteId, appliance: impl std::fmt::Display, incident: impl std::fmt::Display) -> String {
    format!("/site/{site}/incidents/{appliance}/{incident}")
}

/// The page of the bundle in a file of the audit folder; empty where the path is none of a bundle.
pub fn bundle(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts[..] {
        ["evidence" | "attestations", site, fingerprint, file] => match file.strip_suffix(".json") {
            Some(name) => format!("/site/{}/bundles/{}/{}", encode(site), encode(fingerprint), encode(name)),
            None => String::new(),
        },
        _ => String::new(),
    }
}

/// One release of a site.
pub fn release(site: &SiteId, release: &str) -> String {
    format!("/site/{site}/releases/{}", encode(release))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_controls_are_segments() {
        let site: SiteId = "clinic-001".parse().unwrap();
        assert_eq!(control(&site, "164.308(a)(7)(ii)(A)"), "/site/clinic-001/controls/164.308(a)(7)(ii)(A)");
        assert_eq!(control(&site, "../a b?"), "/site/clinic-001/controls/..%2Fa%20b%3F");
        assert_eq!(
            bundle("evidence/clinic-001/ab/1-EB-20261123-0001.json"),
            "/site/clinic-001/bundles/ab/1-EB-20261123-0001"
        );
        assert_eq!(
            bundle("attestations/clinic-001/ab/1-EB-20261123-0001.json"),
            "/site/clinic-001/bundles/ab/1-EB-20261123-0001"
        );
        assert_eq!(bundle("releases/clinic-001/1-1/release.json"), "");
    }

    #[test]
    fn what_is_no_form_and_no_part_is_refused() {
        assert_eq!(form(b"address=kim%40msp.example&x=a+b").unwrap()["address"], "kim@msp.example");
        for bad in
            [&b"a"[..], b"a=1&a=2", b"a=%2", b"a=%zz", b"a=%ff", b"\xff=1", b"a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1"]
        {
            assert!(form(bad).is_err(), "{}", bad.escape_ascii());
        }
        let of = |text: &str| part(&text.parse().unwrap());
        assert_eq!((of("/").unwrap(), of("/?page=3").unwrap()), (1, 3));
        for bad in
            ["/?page=0", "/?page=-1", "/?page=1&page=2", "/?page=", "/?page=1234567", "/?x=1", "/?page", "/?page=%31"]
        {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in ".{0,40}") {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_graphic() && !b"/?#&=<>\"'".contains(&b)));
            prop_assert_eq!(decode(&encoded, false), Some(text));
        }

        #[test]
        fn no_form_makes_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = form(&bytes);
        }
    }
}
