//! What stands in a folder, and a digest of all of it.
//!
//! Nothing but plain folders and files counts: with a symbolic link, a device or a name that is not UTF-8 in it, a folder
//! has no digest, and nothing is kept of what depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use writ_trust::digest::Digest;

/// The most bytes of one folder.
const LARGEST: usize = 64 << 20;
/// The most files of one folder.
const MOST_FILES: usize = 10_000;
/// How deep folders are nested.
const DEEPEST: usize = 16;

/// Files by their path relative to the root of the tree, and the names of the folders: with `/` at the end, and empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Path, and bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Those that may be run: Nix's digest of a file says so, too.
    pub programs: BTreeSet<String>,
}

impl Content {
    /// Everything in a folder of the tree; none where it is not there, or is not made of plain folders and files.
    pub fn read(root: &Path, folder: &str) -> Option<Self> {
        let mut content = Self::default();
        // Of each folder on the way, too.
        let mut path = root.to_owned();
        for part in folder.split('/') {
            path.push(part);
            fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_dir)?;
        }
        content.add(&path, folder, &mut 0, 0)?;
        Some(content)
    }

    fn add(&mut self, path: &Path, name: &str, size: &mut usize, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        self.files.insert(format!("{name}/"), Vec::new());
        for entry in fs::read_dir(path).ok()? {
            let entry = entry.ok()?;
            let name = format!("{name}/{}", entry.file_name().to_str()?);
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                self.add(&entry.path(), &name, size, depth + 1)?;
            } else {
                let (bytes, runs) = kind.is_file().then(|| plain(&entry.path(), LARGEST - *size)).flatten()?;
                *size += bytes.len();
                if runs {
                    self.programs.insert(name.clone());
                }
                self.files.insert(name, bytes);
            }
            if self.files.len() > MOST_FILES {
                return None;
            }
        }
        Some(())
    }

    /// The digest of all names and bytes.
    pub fn digest(&self) -> Digest {
        let files = self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        digest(files.chain(self.programs.iter().map(|name| (name.as_str(), &b"runs"[..]))))
    }
}

/// The digest of files in order of their paths.
pub fn digest<'f>(files: impl Iterator<Item = (&'f str, &'f [u8])>) -> Digest {
    let mut all = Vec::new();
    for (name, bytes) in files {
        // No two different lists come to the same bytes.
        for part in [name.as_bytes(), bytes] {
            all.extend_from_slice(&(part.len() as u64).to_le_bytes());
            all.extend_from_slice(part);
        }
    }
    Digest::of(&all)
}

/// A plain file of at most `limit` bytes, and whether it may be run.
pub fn plain(path: &Path, limit: usize) -> Option<(Vec<u8>, bool)> {
    // Something else may stand there by now: it is neither followed nor waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().try_into().ok()?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).ok()?.min(limit) + 1);
    file.take(limit as u64 + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= limit).then_some((bytes, metadata.mode() & 0o111 != 0))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn every_name_and_byte_counts() {
        let root = tempfile::tempdir().unwrap();
        let digest = || Content::read(root.path(), "a/b").map(|content| content.digest());
        assert_eq!(digest(), None);
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        let mut seen = vec![digest().unwrap()];
        let mut changed = |what: &str| {
            let now = digest().unwrap();
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        fs::write(root.path().join("a/b/x"), "1").unwrap();
        changed("a file");
        fs::write(root.path().join("a/b/x"), "2").unwrap();
        changed("its bytes");
        fs::set_permissions(root.path().join("a/b/x"), fs::Permissions::from_mode(0o744)).unwrap();
        changed("that it may be run");
        fs::rename(root.path().join("a/b/x"), root.path().join("a/b/y")).unwrap();
        changed("its name");
        fs::create_dir(root.path().join("a/b/c")).unwrap();
        changed("an empty folder");
        fs::rename(root.path().join("a/b/y"), root.path().join("a/b/c/y")).unwrap();
        changed("another folder");
        // What lies beside it does not count.
        fs::write(root.path().join("a/x"), "1").unwrap();
        assert_eq!(digest().unwrap(), *seen.last().unwrap());
    }

    #[test]
    fn what_is_no_plain_file_has_no_digest() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("file"), "1").unwrap();
        symlink(root.path().join("file"), root.path().join("a/b/link")).unwrap();
        assert_eq!(Content::read(root.path(), "a/b"), None);
        fs::remove_file(root.path().join("a/b/link")).unwrap();
        assert!(Content::read(root.path(), "a/b").is_some());
        rustix::fs::mkfifoat(rustix::fs::CWD, root.path().join("a/b/pipe"), rustix::fs::Mode::RUSR).unwrap();
        assert_eq!(Content::read(root.path(), "a/b"), None);
        symlink(root.path().join("a"), root.path().join("other")).unwrap();
        fs::remove_file(root.path().join("a/b/pipe")).unwrap();
        assert_eq!(Content::read(root.path(), "other/b"), None);
    }
}
