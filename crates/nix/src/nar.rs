//! NARs: hashing what is in the store, and copying one out of a cache while seeing that it is what it should be.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix_archive::nar::{CaseHack, NarHash, hash_path};
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest as _, Sha256};
use writ_trust::digest::Digest;

/// The largest window of a packed NAR, in bytes (8 MiB): what RFC 8878 §3.1.1.1.2 recommends every reader to support, and
/// more than `nix copy` asks for. Unpacking takes so much memory.
const MAX_WINDOW: u64 = 8 * 1024 * 1024;

/// Digest and size in bytes of a NAR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NarId {
    /// SHA-256 of the NAR.
    pub hash: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Why a NAR of a cache was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what its compression says.
    #[error("it does not unpack: {0}")]
    Unpack(String),
    /// It unpacks into more than it should, or is itself far larger.
    #[error("it is larger than the {limit} bytes that the closure document allows")]
    TooLarge {
        /// The bound in bytes.
        limit: u64,
    },
    /// It wants more memory for unpacking than anything that we publish.
    #[error("it wants {window} bytes of memory to be unpacked, more than the {MAX_WINDOW} allowed")]
    Window {
        /// What it wants, in bytes.
        window: u64,
    },
    /// It unpacks into something else.
    #[error("it has the NAR hash {found}")]
    Hash {
        /// The hash it has.
        found: Digest,
    },
    /// Something follows the NAR.
    #[error("something follows the end of it")]
    Trailing,
}

/// Serialises a path of the store as Nix does, keeping nothing: what `nix-store --dump PATH | sha256sum` would say.
pub fn hash_tree(path: &Path) -> io::Result<NarId> {
    let NarHash { size, sha256 } = hash_path(path, CaseHack::Disabled).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(NarId { hash: Digest::from_bytes(sha256), size })
}

/// Reads a file, writes what was read elsewhere, and never reads more than it was allowed.
struct Tee<'a, W> {
    from: &'a mut File,
    to: &'a mut W,
    left: u64,
}

impl<W: Write> Read for Tee<'_, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than allowed"));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.from.read(&mut buffer[..most])?;
        self.to.write_all(&buffer[..read])?;
        self.left -= read as u64;
        Ok(read)
    }
}

/// The most bytes that a packed NAR of this size may have: zstd adds less than 1 % to what it cannot pack.
pub fn packed_limit(nar_size: u64) -> u64 {
    nar_size.saturating_add(nar_size / 64).saturating_add(64 * 1024)
}

/// Copies a NAR as it is, unpacking it on the side, and refuses it as soon as it is seen to be other than `expected`.
/// Neither reading, writing nor unpacking goes beyond what `expected` allows, whatever the file holds.
pub fn copy_checked(from: &mut File, to: &mut impl Write, compressed: bool, expected: NarId) -> Result<(), CopyError> {
    let limit = packed_limit(expected.size);
    if compressed {
        let mut header = [0; 14];
        let begin = from.stream_position()?;
        let read = from.read_at(&mut header, begin)?;
        if let Some(window) = window(&header[..read]).filter(|window| *window > MAX_WINDOW) {
            return Err(CopyError::Window { window });
        }
    }
    let mut tee = Tee { from, to, left: limit };
    let found = if compressed {
        let mut unpacked = StreamingDecoder::new(&mut tee).map_err(|e| CopyError::Unpack(e.to_string()))?;
        digest_bounded(&mut unpacked, expected.size)?
    } else {
        digest_bounded(&mut tee, expected.size)?
    };
    if found.hash != expected.hash || found.size != expected.size {
        return Err(CopyError::Hash { found: found.hash });
    }
    match tee.from.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(CopyError::Trailing),
        Err(e) => Err(e.into()),
    }
}

/// As [`copy_checked`], keeping nothing.
pub fn check(from: &mut File, compressed: bool, expected: NarId) -> Result<(), CopyError> {
    copy_checked(from, &mut io::sink(), compressed, expected)
}

/// How much of what was unpacked the first frame wants to be kept, in bytes (RFC 8878 §3.1.1.1); `None` when these bytes do
/// not begin a frame.
fn window(header: &[u8]) -> Option<u64> {
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
    Some(u64::from_le_bytes(size) + if length == 2 { 256 } else { 0 })
}

fn digest_bounded(from: &mut impl Read, limit: u64) -> Result<NarId, CopyError> {
    let mut hash = Sha256::new();
    let mut size = 0_u64;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) if e.kind() == io::ErrorKind::FileTooLarge => return Err(CopyError::TooLarge { limit }),
            Err(e) if e.raw_os_error().is_some() => return Err(e.into()),
            Err(e) => return Err(CopyError::Unpack(e.to_string())),
        };
        size += read as u64;
        if size > limit {
            return Err(CopyError::TooLarge { limit });
        }
        hash.update(&buffer[..read]);
    }
    Ok(NarId { hash: Digest::from_bytes(hash.finalize().into()), size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_say_how_much_memory_they_want() {
        let frame = |rest: &[u8]| window(&[&[0x28, 0xb5, 0x2f, 0xfd], rest].concat());
        assert_eq!(frame(&[0x00, 0x00]), Some(1024));
        assert_eq!(frame(&[0x04, 0x58]), Some(2 << 20), "as nix copy writes them");
        assert_eq!(frame(&[0x00, 0xff]), Some((1 << 41) + 7 * (1 << 38)));
        assert_eq!(frame(&[0x20, 7]), Some(7));
        assert_eq!(frame(&[0x60, 1, 0]), Some(257));
        assert_eq!(frame(&[0xe3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x80]), Some(1 + (0x80 << 56)));
        for short in [&[][..], &[0x00], &[0x20], &[0xe3, 0, 0, 0, 0, 1]] {
            assert_eq!(frame(short), None);
        }
        assert_eq!(window(b"nix-archive-1"), None);
    }

    #[test]
    fn a_frame_that_wants_too_much_memory_is_not_begun() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0, 0, 0]).unwrap();
        file.rewind().unwrap();
        let expected = NarId { hash: Digest::of(b""), size: 100 };
        assert!(matches!(check(&mut file, true, expected), Err(CopyError::Window { .. })));
    }
}
