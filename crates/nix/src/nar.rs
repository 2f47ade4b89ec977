//! NARs: hashing what is in the store, and copying one out of a cache while seeing that it is what it should be.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use nix_archive::nar::{CaseHack, NarHash, hash_path};
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest as _, Sha256};
use writ_trust::digest::Digest;

use crate::listing;
use crate::window::{self, FRAME_HEADER, MAX_WINDOW};

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
        let mut header = [0; FRAME_HEADER];
        let begin = from.stream_position()?;
        let read = from.read_at(&mut header, begin)?;
        check_window(&header[..read])?;
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

/// Unpacks a NAR, sees that it is `expected`, and lists what is in it: the bytes of a cache's `.ls` file. Neither reading nor
/// unpacking goes beyond what `expected` allows.
pub fn examine(from: &mut impl Read, compressed: bool, expected: NarId) -> Result<Vec<u8>, CopyError> {
    let limit = packed_limit(expected.size);
    let mut packed = BufReader::with_capacity(128 * 1024, Limited { from, left: limit });
    if !compressed {
        return examine_unpacked(packed, expected);
    }
    let mut header = Vec::with_capacity(FRAME_HEADER);
    packed.by_ref().take(FRAME_HEADER as u64).read_to_end(&mut header)?;
    check_window(&header)?;
    let mut packed = header.as_slice().chain(packed);
    let mut unpacked = StreamingDecoder::new(&mut packed).map_err(|e| CopyError::Unpack(e.to_string()))?;
    let listing = examine_unpacked(&mut unpacked, expected)?;
    drop(unpacked);
    match packed.read(&mut [0]) {
        Ok(0) => Ok(listing),
        Ok(_) => Err(CopyError::Trailing),
        Err(e) => Err(e.into()),
    }
}

/// Refuses a frame that wants more memory than a reader need have.
fn check_window(header: &[u8]) -> Result<(), CopyError> {
    match window::of(header).filter(|window| *window > MAX_WINDOW) {
        Some(window) => Err(CopyError::Window { window }),
        None => Ok(()),
    }
}

fn examine_unpacked(from: impl Read, expected: NarId) -> Result<Vec<u8>, CopyError> {
    let mut hashing = Hashing { from, hash: Sha256::new(), size: 0, limit: expected.size };
    // The listing reads in small pieces, and must know where it is: so the buffer is below, and the count above it.
    let mut counted = Counted { from: BufReader::with_capacity(128 * 1024, &mut hashing), at: Rc::default() };
    let listing = listing::of(&mut counted);
    drop(counted);
    let size = hashing.size;
    let found = Digest::from_bytes(hashing.hash.finalize().into());
    match listing {
        Ok(listing) if found == expected.hash && size == expected.size => Ok(listing),
        Ok(_) => Err(CopyError::Hash { found }),
        Err(_) if size > expected.size => Err(CopyError::TooLarge { limit: expected.size }),
        Err(reason) => Err(CopyError::Unpack(reason)),
    }
}

/// Never reads more than it was allowed.
struct Limited<'a, R> {
    from: &'a mut R,
    left: u64,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte more than allowed may be asked for, to see whether there is one.
        let most = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.from.read(&mut buffer[..most])?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "larger than allowed"))?;
        Ok(read)
    }
}

/// Hashes what is read through it, and ends with an error beyond its limit.
struct Hashing<R> {
    from: R,
    hash: Sha256,
    size: u64,
    limit: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.size += read as u64;
        if self.size > self.limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than allowed"));
        }
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

/// Knows how much was read through it.
pub(crate) struct Counted<R> {
    from: R,
    at: Rc<Cell<u64>>,
}

impl<R> Counted<R> {
    /// Where the next byte will come from, also while somebody else reads.
    pub(crate) fn position(&self) -> Rc<Cell<u64>> {
        self.at.clone()
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.at.set(self.at.get() + read as u64);
        Ok(read)
    }
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
