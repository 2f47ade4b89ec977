//! Paths of files as URI references (RFC 3986).

use std::fmt::Write as _;

/// A relative path with `/` as a URI reference: whatever is not unreserved is percent-encoded.
pub fn reference(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_becomes_a_uri() {
        assert_eq!(reference("hosts/a b/é%.nix"), "hosts/a%20b/%C3%A9%25.nix");
        assert_eq!(reference("a:b/c?d#e"), "a%3Ab/c%3Fd%23e");
    }
}
