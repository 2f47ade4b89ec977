//! Which part of a file is asked for (RFC 9110 §14).

use axum::http::{HeaderMap, HeaderValue, header};

use crate::fault::Fault;

/// The first byte and the one after the last that a request asks for; `None` for all of it. Several ranges, other units and
/// what cannot be read are answered with the whole, as RFC 9110 §14.2 allows.
pub(super) fn asked(headers: &HeaderMap, size: u64, etag: &HeaderValue) -> Result<Option<(u64, u64)>, Fault> {
    let Some(range) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Ok(None) };
    // A part of another file than the client has the rest of is of no use to it.
    if headers.get(header::IF_RANGE).is_some_and(|known| known != etag) {
        return Ok(None);
    }
    let Some(spec) = range.strip_prefix("bytes=") else { return Ok(None) };
    let Some((first, last)) = spec.trim().split_once('-') else { return Ok(None) };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().unwrap_or(u64::MAX));
    let (Some(from), Some(to)) = (number(first), number(last)) else { return Ok(None) };
    match (first.is_empty(), last.is_empty()) {
        (true, true) => Ok(None),
        (true, false) if to == 0 || size == 0 => Err(Fault::Range(size)),
        (true, false) => Ok(Some((size.saturating_sub(to), size))),
        (false, _) if from >= size => Err(Fault::Range(size)),
        (false, true) => Ok(Some((from, size))),
        (false, false) if to < from => Ok(None),
        (false, false) => Ok(Some((from, to.saturating_add(1).min(size)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rfc() {
        let etag = HeaderValue::from_static("\"a\"");
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(value));
            asked(&headers, 100, &etag).map_err(|fault| fault.status().as_u16())
        };
        assert_eq!(of("bytes=0-0"), Ok(Some((0, 1))));
        assert_eq!(of("bytes=10-19"), Ok(Some((10, 20))));
        assert_eq!(of("bytes=90-"), Ok(Some((90, 100))));
        assert_eq!(of("bytes=90-1000"), Ok(Some((90, 100))));
        assert_eq!(of("bytes=-10"), Ok(Some((90, 100))));
        assert_eq!(of("bytes=-1000"), Ok(Some((0, 100))));
        assert_eq!(of("bytes=99-99999999999999999999999"), Ok(Some((99, 100))));
        for refused in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of(refused), Err(416), "{refused}");
        }
        for whole in ["bytes=", "bytes=-", "bytes=a-b", "bytes=5-1", "bytes=0-1,5-6", "lines=1-2", "bytes=+1-2", "x"] {
            assert_eq!(of(whole), Ok(None), "{whole}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=90-"));
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"b\""));
        assert_eq!(asked(&headers, 100, &etag).unwrap(), None);
    }
}
