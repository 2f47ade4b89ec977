//! A folder that is a Nix binary cache, as this crate reads it: every byte of it may be hostile.
//!
//! Layout: `nix-cache-info`, `<32 digits>.narinfo`, `nar/<file>` (nix `libstore/binary-cache-store.cc`).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use nix_derivation::{NixHash, StoreDir};
use nix_narinfo::{Compression, NarInfo, TrustedPublicKey};
use rustix::fs::{FileType, Mode, OFlags};
use writ_policy::closure::StorePath;
use writ_trust::digest::Digest;
use writ_trust::text::one_line;

/// The largest narinfo, in bytes.
pub const MAX_NARINFO: u64 = 1024 * 1024;

/// Why a path's entry in a cache is not what the closure document says.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The cache does not have it (yet).
    #[error("the cache does not have it ({})", file.display())]
    Absent {
        /// The file that is not there.
        file: PathBuf,
    },
    /// A file of the cache cannot be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the cache is a link, a pipe or the like.
    #[error("{}: not a regular file", file.display())]
    NotAFile {
        /// The file.
        file: PathBuf,
    },
    /// The narinfo is not one.
    #[error("{}: not a narinfo: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The narinfo is about another path.
    #[error("its narinfo is about {found}")]
    OtherPath {
        /// The path it is about.
        found: String,
    },
    /// The narinfo states another NAR hash than the closure document.
    #[error("its narinfo states the NAR hash {found}, the closure document {expected}")]
    Hash {
        /// What the closure document says.
        expected: Digest,
        /// What the narinfo says.
        found: String,
    },
    /// The narinfo states another size than the closure document.
    #[error("its narinfo states {found} bytes, the closure document {expected}")]
    Size {
        /// What the closure document says.
        expected: u64,
        /// What the narinfo says.
        found: u64,
    },
    /// The narinfo states other references than the closure document.
    #[error("its narinfo states other references than the closure document: {found}")]
    References {
        /// The first reference that only one of them has.
        found: String,
    },
    /// The path is not content-addressed, and no key of the trust root signed it.
    #[error("no signature of a `cache` key of the trust root: {signed_by}")]
    Unsigned {
        /// Who signed instead.
        signed_by: String,
    },
    /// The NAR is compressed in a way that publishing never uses.
    #[error("its NAR is compressed with {0:?}: expected zstd or none")]
    Compression(String),
    /// The NAR is not in the cache's `nar` folder.
    #[error("its narinfo names the NAR {0:?}: expected nar/<file>")]
    Url(String),
}

/// One path's entry: its narinfo, as it stands in the file, and where its NAR is.
#[derive(Debug)]
pub struct Entry {
    /// The narinfo's exact bytes.
    pub bytes: Vec<u8>,
    /// The narinfo.
    pub info: NarInfo,
    /// The narinfo's file name.
    pub file_name: String,
}

/// Opens a regular file of a cache, following no link and waiting for no pipe.
pub(crate) fn open(file: &Path) -> Result<File, EntryError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let unreadable = |source: io::Error| EntryError::Unreadable { file: file.to_owned(), source };
    let fd = match rustix::fs::open(file, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT) => return Err(EntryError::Absent { file: file.to_owned() }),
        Err(rustix::io::Errno::LOOP) => return Err(EntryError::NotAFile { file: file.to_owned() }),
        Err(e) => return Err(unreadable(e.into())),
    };
    let stat = rustix::fs::fstat(&fd).map_err(|e| unreadable(e.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(EntryError::NotAFile { file: file.to_owned() });
    }
    Ok(File::from(fd))
}

impl Entry {
    /// Reads the narinfo of a store path and compares it with the closure document. Judges no signature.
    pub fn read(cache: &Path, expected: &StorePath) -> Result<Self, EntryError> {
        let file_name = format!("{}.narinfo", hash_part(&expected.path));
        let file = cache.join(&file_name);
        let mut bytes = Vec::new();
        let unreadable = |source| EntryError::Unreadable { file: file.clone(), source };
        open(&file)?.take(MAX_NARINFO + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let malformed = |reason: String| EntryError::Malformed { file: file.clone(), reason: one_line(reason) };
        if bytes.len() as u64 > MAX_NARINFO {
            return Err(malformed(format!("larger than {MAX_NARINFO} bytes")));
        }
        Self::parse(bytes, expected, &file)
    }

    /// As [`Entry::read`], of a narinfo's bytes that came by another way; `file` is what errors call it.
    pub fn parse(bytes: Vec<u8>, expected: &StorePath, file: &Path) -> Result<Self, EntryError> {
        let malformed = |reason: String| EntryError::Malformed { file: file.to_owned(), reason: one_line(reason) };
        let info = NarInfo::parse_in(&StoreDir::default(), &bytes).map_err(|e| malformed(e.to_string()))?;
        let entry = Self { bytes, info, file_name: format!("{}.narinfo", hash_part(&expected.path)) };
        entry.compare(expected)?;
        Ok(entry)
    }

    fn compare(&self, expected: &StorePath) -> Result<(), EntryError> {
        let store = self.info.store_dir();
        let found = self.info.store_path().to_absolute_path_in(store);
        if found != expected.path {
            return Err(EntryError::OtherPath { found });
        }
        if *self.info.nar_hash() != NixHash::Sha256(*expected.nar_hash.as_bytes()) {
            let found = self.info.nar_hash().to_nix_base16_string();
            return Err(EntryError::Hash { expected: expected.nar_hash, found });
        }
        if self.info.nar_size() != expected.nar_size {
            return Err(EntryError::Size { expected: expected.nar_size, found: self.info.nar_size() });
        }
        let stated: BTreeSet<String> = self.info.references().iter().map(|r| r.to_absolute_path_in(store)).collect();
        let wanted: BTreeSet<String> = expected.references.iter().cloned().collect();
        match stated.symmetric_difference(&wanted).next() {
            Some(odd) => Err(EntryError::References { found: odd.clone() }),
            None => Ok(()),
        }
    }

    /// Whether one of these keys signed it.
    pub fn is_signed_by(&self, keys: &[TrustedPublicKey]) -> bool {
        self.info.has_valid_signature(self.info.store_dir(), keys)
    }

    /// Accepts what a trusted key signed, and what is content-addressed: its own name vouches for it.
    pub fn require_signature(&self, keys: &[TrustedPublicKey]) -> Result<(), EntryError> {
        if self.is_signed_by(keys) || self.info.is_content_addressed(self.info.store_dir()) {
            return Ok(());
        }
        let mut signed_by: Vec<_> = self.info.signatures().iter().map(|s| s.key_name.as_str()).collect();
        signed_by.truncate(5);
        let signed_by = match signed_by.is_empty() {
            true => "nobody signed it".to_owned(),
            false => format!("its signatures claim to be by {}", one_line(signed_by.join(", "))),
        };
        Err(EntryError::Unsigned { signed_by })
    }

    /// The file name of its NAR within the cache's `nar` folder.
    pub fn nar_file(&self) -> Result<&str, EntryError> {
        let url = self.info.url();
        let name = url.strip_prefix("nar/").unwrap_or_default();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.bytes().all(plain) {
            return Err(EntryError::Url(url.chars().take(200).collect()));
        }
        Ok(name)
    }

    /// The size in bytes and the SHA-256 of its NAR's file, where its URL is `nar/<that hash in Nix's base32>.nar[.zst]`, as
    /// Nix writes it. Then one name can only ever be one file.
    pub fn named_by_content(&self) -> Result<(u64, Digest), EntryError> {
        let odd = || EntryError::Url(self.info.url().chars().take(200).collect());
        let (name, suffix) = (self.nar_file()?, if self.is_compressed()? { ".nar.zst" } else { ".nar" });
        let (Some(NixHash::Sha256(hash)), Some(size)) = (self.info.file_hash(), self.info.file_size()) else {
            return Err(odd());
        };
        let hash = *hash;
        let base32 = NixHash::Sha256(hash).to_nix_nixbase32_string();
        let base32 = base32.strip_prefix("sha256:").unwrap_or(&base32);
        if name.strip_suffix(suffix) == Some(base32) { Ok((size, Digest::from_bytes(hash))) } else { Err(odd()) }
    }

    /// Whether its NAR is compressed (with zstd).
    pub fn is_compressed(&self) -> Result<bool, EntryError> {
        match self.info.compression() {
            Compression::Zstd => Ok(true),
            Compression::None => Ok(false),
            other => Err(EntryError::Compression(other.as_str().chars().take(40).collect())),
        }
    }
}

/// The 32 digits by which a cache names a store path. The path was validated when its document was read.
pub fn hash_part(path: &str) -> &str {
    path.rsplit('/').next().and_then(|base| base.get(..32)).unwrap_or_default()
}
