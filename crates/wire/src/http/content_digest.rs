//! The header `Content-Digest` (RFC 9530), with SHA-256 alone: `sha-256=:<base64>:`.

use writ_trust::digest::Digest;

use crate::blob::Blob;

/// The header's value for a body with this digest.
pub fn to_header(digest: &Digest) -> String {
    format!("sha-256=:{}:", Blob(digest.as_bytes().to_vec()).encode())
}

/// The digest in a header's value; `None` when it is not exactly one SHA-256.
pub fn from_header(value: &str) -> Option<Digest> {
    let base64 = value.strip_prefix("sha-256=:")?.strip_suffix(':')?;
    if base64.len() != 44 {
        return None;
    }
    Some(Digest::from_bytes(Blob::decode(base64).ok()?.0.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfc_s_example_comes_out() {
        // RFC 9530 §2.1, of `{"hello": "world"}` and a line feed.
        let value = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        let digest = Digest::of(b"{\"hello\": \"world\"}\n");
        assert_eq!(to_header(&digest), value);
        assert_eq!(from_header(value), Some(digest));
    }

    #[test]
    fn anything_but_one_sha_256_is_refused() {
        let good = to_header(&Digest::of(b""));
        for bad in [
            String::new(),
            "sha-256=::".into(),
            good.replace("sha-256", "sha-512"),
            format!("{good}, {good}"),
            format!(" {good}"),
            good[..good.len() - 1].to_owned(),
            good.replace("=:", "=\""),
        ] {
            assert_eq!(from_header(&bad), None, "{bad}");
        }
    }
}
