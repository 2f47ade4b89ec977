//! How much memory a zstd frame wants to be unpacked.

/// The largest window of a packed NAR, in bytes (8 MiB): what RFC 8878 §3.1.1.1.2 recommends every reader to support, and
/// more than `nix copy` asks for. Unpacking takes so much memory.
pub(crate) const MAX_WINDOW: u64 = 8 * 1024 * 1024;

/// What [`of`] needs of a frame, in bytes: magic, descriptor, and the longest dictionary id and content size after them.
pub(crate) const FRAME_HEADER: usize = 4 + 1 + 4 + 8;

/// How much of what was unpacked the first frame wants to be kept, in bytes (RFC 8878 §3.1.1.1); `None` when these bytes do
/// not begin a frame.
pub(crate) fn of(header: &[u8]) -> Option<u64> {
    let (magic, rest) = header.split_first_chunk::<4>()?;
    let (descriptor, rest) = rest.split_first()?;
    if u32::from_le_bytes(*magic) != 0xfd2f_b528 {
        return None;
    }
    if descriptor & 0x20 == 0 {
        let (exponent, mantissa) = (rest.first()? >> 3, rest.first()? & 7);
        let base = 1_u64 << (10 + exponent);
        return Some(base + base / 8 * u64::from(mantissa));
    }
    // A single segment: its window is its content, whose size follows the dictionary's id.
    let skipped = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let length = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let mut size = [0; 8];
    size[..length].copy_from_slice(rest.get(skipped..skipped + length)?);
    Some(u64::from_le_bytes(size).saturating_add(if length == 2 { 256 } else { 0 }))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use writ_trust::digest::Digest;

    use super::*;
    use crate::nar::{CopyError, NarId, check, examine};

    #[test]
    fn frames_say_how_much_memory_they_want() {
        let frame = |rest: &[u8]| of(&[&[0x28, 0xb5, 0x2f, 0xfd], rest].concat());
        assert_eq!(frame(&[0x00, 0x00]), Some(1024));
        assert_eq!(frame(&[0x04, 0x58]), Some(2 << 20), "as nix copy writes them");
        assert_eq!(frame(&[0x00, 0xff]), Some((1 << 41) + 7 * (1 << 38)));
        assert_eq!(frame(&[0x20, 7]), Some(7));
        assert_eq!(frame(&[0x60, 1, 0]), Some(257));
        assert_eq!(frame(&[0xe3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x80]), Some(1 + (0x80 << 56)));
        for short in [&[][..], &[0x00], &[0x20], &[0xe3, 0, 0, 0, 0, 1]] {
            assert_eq!(frame(short), None);
        }
        assert_eq!(of(b"nix-archive-1"), None);
    }

    #[test]
    fn a_frame_that_wants_too_much_memory_is_not_begun() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0, 0, 0]).unwrap();
        file.rewind().unwrap();
        let expected = NarId { hash: Digest::of(b""), size: 100 };
        assert!(matches!(check(&mut file, true, expected), Err(CopyError::Window { .. })));
        // Nor by whoever receives it for others: what is served must be what an importer takes.
        file.rewind().unwrap();
        assert!(matches!(examine(&mut file, true, expected), Err(CopyError::Window { .. })));
    }
}
