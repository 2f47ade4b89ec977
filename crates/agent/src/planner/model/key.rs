//! The key of a model's endpoint: read for one call, sent in one header, wiped.

use std::path::Path;

use zeroize::{Zeroize as _, Zeroizing};

use crate::secrets::redact::Redactor;

/// The fewest characters of a key: as few as a secret has, so that it can be taken out of what is said.
const LEAST: usize = 8;
/// The largest file of a key, in bytes.
const MAX_KEY: usize = 8 * 1024;

/// A key. Wiped from memory when dropped.
pub struct Key(Zeroizing<String>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(hidden)")
    }
}

impl Key {
    /// Reads the key of this name from the folder of credentials. White space at its ends is none of it.
    pub fn read(folder: Option<&Path>, name: &str) -> Result<Self, String> {
        let folder = folder.ok_or("no folder of credentials is named, nor handed over by systemd")?;
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err("the policy names no file as its key".to_owned());
        }
        let path = folder.join(name);
        let bytes = writ_durable::read_bounded(&path, MAX_KEY).map_err(|e| format!("{}: {e}", path.display()))?;
        Self::parse(bytes).ok_or_else(|| {
            format!("{}: it holds no key: 8 or more letters, digits and signs in one line", path.display())
        })
    }

    /// Takes the bytes of a file for a key, and wipes them.
    fn parse(mut bytes: Vec<u8>) -> Option<Self> {
        let text = std::str::from_utf8(&bytes).ok().map(str::trim);
        let sound = |text: &&str| text.len() >= LEAST && text.bytes().all(|b| b.is_ascii_graphic());
        let key = text.filter(sound).map(|text| Self(Zeroizing::new(text.to_owned())));
        bytes.zeroize();
        key
    }

    /// The value of the header `Authorization`.
    pub fn header(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", self.0.as_str()))
    }

    /// What takes it out of texts: a server that was given it may repeat it.
    pub fn redactor(&self) -> Redactor {
        Redactor::of([self.0.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_line_and_is_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(dir.path().join("k"), bytes).unwrap();
            Key::read(Some(dir.path()), "k")
        };
        let key = read(b"sk-0123456789\n").unwrap();
        assert_eq!((key.header().as_str(), format!("{key:?}").as_str()), ("Bearer sk-0123456789", "Key(hidden)"));
        assert_eq!(key.redactor().text("you sent sk-0123456789, no?"), "you sent [scrubbed:secret], no?");
        for bad in [
            &b""[..],
            b"\n",
            b"a b",
            b"sk-0123",
            b"sk-0123456\r\nHost: x",
            b"\xff",
            "ü".as_bytes(),
            &vec![b'x'; MAX_KEY + 1],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        for odd in ["", ".", "..", "../k", "/etc/passwd", "none"] {
            assert!(Key::read(Some(dir.path()), odd).is_err(), "{odd}");
        }
        assert!(Key::read(None, "k").unwrap_err().contains("credentials"));
    }
}
