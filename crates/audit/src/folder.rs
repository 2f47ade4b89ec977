//! Reading a folder that may be hostile.
//!
//! Every name is opened relative to its already opened directory and never through a symbolic link, so no content of the
//! folder can make us read outside of it, not even if it is changed while we read. Sizes and counts are bounded.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// The most entries of one directory.
pub const MAX_ENTRIES: usize = 5_000_000;
/// The longest name, in bytes.
const MAX_NAME: usize = 200;

/// An open directory.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else: a symbolic link, a device, a pipe. Never opened.
    Other,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// Why something in a folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The operating system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is a symbolic link or another thing that is never opened.
    #[error("{0} is a symbolic link or not a plain file or directory: not opened")]
    NotPlain(PathBuf),
    /// A file is too large.
    #[error("{path} has {size} bytes, more than the {limit} allowed: not read")]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The bound.
        limit: usize,
    },
    /// A directory has too many entries.
    #[error("{0} has more than {MAX_ENTRIES} entries: not read")]
    TooMany(PathBuf),
    /// A name is not of the kind that this layout uses.
    #[error("{0:?} is not a name of this layout: expected letters, digits, `.`, `_` and `-`")]
    Name(String),
}

/// Whether a name is one that the layout may use: no separators, no leading dot, nothing a terminal could choke on.
pub fn is_plain_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

impl Folder {
    /// Opens a folder that whoever calls chose (symbolic links on the way to it are theirs).
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| io(path, e))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a directory within; `None` when there is none of that name.
    pub fn directory(&self, name: &str) -> Result<Option<Self>, FolderError> {
        let path = self.join(name)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path })),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => Err(FolderError::NotPlain(path)),
            Err(e) => Err(io(&path, e)),
        }
    }

    /// Reads a file within, of at most `limit` bytes; `None` when there is none of that name.
    pub fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, FolderError> {
        let path = self.join(name)?;
        // NONBLOCK: opening a pipe must not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(FolderError::NotPlain(path)),
            Err(e) => return Err(io(&path, e)),
        };
        let stat = rustix::fs::fstat(&fd).map_err(|e| io(&path, e))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(FolderError::NotPlain(path));
        }
        // One more than it has, so that its end is seen without growing.
        let size = usize::try_from(stat.st_size).unwrap_or(0).min(limit);
        let mut bytes = Vec::with_capacity(size + 1);
        let mut file = std::fs::File::from(fd).take(limit as u64 + 1);
        file.read_to_end(&mut bytes).map_err(|source| FolderError::Io { path: path.clone(), source })?;
        if bytes.len() > limit {
            let size = u64::try_from(stat.st_size).unwrap_or(0).max(bytes.len() as u64);
            return Err(FolderError::TooLarge { path, size, limit });
        }
        Ok(Some(bytes))
    }

    /// The entries, sorted by name. Names outside the layout's alphabet are given as [`EntryKind::Other`], escaped.
    pub fn entries(&self) -> Result<Vec<Entry>, FolderError> {
        let mut entries = Vec::new();
        self.each(&mut |name, kind| entries.push(Entry { name: name.to_owned(), kind }))?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Hands on the entries one by one, in no order: for directories of which not every name is to be kept. As
    /// [`Folder::entries`] otherwise.
    pub fn each(&self, take: &mut dyn FnMut(&str, EntryKind)) -> Result<(), FolderError> {
        let directory = Dir::read_from(&self.fd).map_err(|e| io(&self.path, e))?;
        let mut count = 0;
        for entry in directory {
            let entry = entry.map_err(|e| io(&self.path, e))?;
            let bytes = entry.file_name().to_bytes();
            if bytes == b"." || bytes == b".." {
                continue;
            }
            if count == MAX_ENTRIES {
                return Err(FolderError::TooMany(self.path.clone()));
            }
            count += 1;
            match std::str::from_utf8(bytes) {
                Ok(name) if is_plain_name(name) => take(name, self.kind(name, entry.file_type())),
                _ => take(&bytes.escape_ascii().to_string(), EntryKind::Other),
            }
        }
        Ok(())
    }

    fn kind(&self, name: &str, found: FileType) -> EntryKind {
        let found = match found {
            // Some file systems do not say in the listing.
            FileType::Unknown => rustix::fs::statat(&self.fd, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
                .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
            known => known,
        };
        match found {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            _ => EntryKind::Other,
        }
    }

    fn join(&self, name: &str) -> Result<PathBuf, FolderError> {
        if is_plain_name(name) {
            Ok(self.path.join(name))
        } else {
            Err(FolderError::Name(name.chars().take(100).collect()))
        }
    }
}

fn io(path: &Path, errno: Errno) -> FolderError {
    FolderError::Io { path: path.to_owned(), source: errno.into() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_outside_is_ever_read() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("audit");
        std::fs::create_dir_all(root.join("real")).unwrap();
        std::fs::write(temp.path().join("secret"), "x").unwrap();
        std::fs::write(root.join("file"), "hello").unwrap();
        symlink("../secret", root.join("link")).unwrap();
        symlink("..", root.join("up")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let folder = Folder::open(&root).unwrap();
        assert_eq!(folder.read("file", 5).unwrap().unwrap(), b"hello");
        assert!(matches!(folder.read("file", 4), Err(FolderError::TooLarge { size: 5, limit: 4, .. })));
        assert!(folder.read("absent", 4).unwrap().is_none());
        for name in ["link", "pipe", "real"] {
            assert!(matches!(folder.read(name, 9), Err(FolderError::NotPlain(_) | FolderError::Io { .. })), "{name}");
        }
        for name in ["up", "link", "file"] {
            assert!(matches!(folder.directory(name), Err(FolderError::NotPlain(_))), "{name}");
        }
        for name in ["../secret", "..", ".", "", "real/../../secret", "a\0b", "/etc/passwd", ".hidden"] {
            assert!(matches!(folder.read(name, 9), Err(FolderError::Name(_))), "{name}");
            assert!(folder.directory(name).is_err(), "{name}");
        }
        let kinds: Vec<(String, EntryKind)> = folder.entries().unwrap().into_iter().map(|e| (e.name, e.kind)).collect();
        let expected = [
            ("file", EntryKind::File),
            ("link", EntryKind::Other),
            ("pipe", EntryKind::Other),
            ("real", EntryKind::Directory),
            ("up", EntryKind::Other),
        ];
        assert_eq!(kinds, expected.map(|(n, k)| (n.to_owned(), k)));
    }
}
