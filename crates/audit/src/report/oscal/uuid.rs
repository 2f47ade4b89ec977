//! UUIDs that are the same every time: of version 5 (RFC 9562, section 5.5), for OSCAL takes versions 4 and 5 alone.

use std::fmt;

use serde::{Serialize, Serializer};
use sha1::{Digest as _, Sha1};
use writ_trust::digest::hex;

use super::NAMESPACE;

/// A UUID. The nil UUID is its default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

/// The namespace of URLs (RFC 9562, section 6.6).
const URLS: Uuid = Uuid([0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0, 0xc0, 0x4f, 0xd4, 0x30, 0xc8]);

impl Uuid {
    /// The UUID of a thing: by its kind, and by the ids that make it the only one of that kind. Anybody can compute it: the name
    /// is kind and ids, one a line, in the namespace that [`NAMESPACE`] has in that of URLs.
    pub fn of(kind: &str, ids: &[&str]) -> Self {
        let name: Vec<&str> = std::iter::once(kind).chain(ids.iter().copied()).collect();
        Self::named(Self::named(URLS, NAMESPACE), &name.join("\n"))
    }

    fn named(namespace: Self, name: &str) -> Self {
        // Required by the RFC; nothing here rests on it being hard to find two names of one UUID.
        let digest = Sha1::new().chain_update(namespace.0).chain_update(name).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x50;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex(&self.0);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        f.write_str(&parts.join("-"))
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether a text is a UUID as OSCAL's `uuid` datatype has it: of version 4 or 5, of RFC 9562's variant.
pub fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            14 => matches!(b, b'4' | b'5'),
            19 => matches!(b, b'8' | b'9' | b'A' | b'B' | b'a' | b'b'),
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's uuid.uuid5 gives.
    #[test]
    fn others_compute_the_same() {
        assert_eq!(Uuid::named(URLS, NAMESPACE).to_string(), "707f48ac-9803-5122-8c58-6ae3dd2505e6");
        let appliance = Uuid::of("appliance", &["clinic-001", "front-desk"]).to_string();
        assert_eq!(appliance, "268465ca-fb5b-50b5-ba83-9573d1e34b82");
        assert!(is_uuid(&appliance));
        for bad in
            ["", &appliance[1..], &appliance.replace('-', "_"), &Uuid::default().to_string(), &format!("{appliance}0")]
        {
            assert!(!is_uuid(bad), "{bad}");
        }
    }
}
