//! Publishing a closure: a signed, compressed binary cache in a folder, as any Nix can read it.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix_narinfo::TrustedPublicKey;
use writ_policy::closure::Closure;

use crate::cache::{Entry, EntryError};
use crate::cache_key::CacheKey;
use crate::tool::{Nix, NixError};

/// Why a closure could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The folder's name cannot stand in a store URL.
    #[error("{}: a cache folder is an absolute path of a-z A-Z 0-9 . _ + - and /", .0.display())]
    Folder(PathBuf),
    /// A file cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no private place for the key while Nix reads it.
    #[error("cannot lay the cache key down for Nix in a private folder in {}: {source}; is TMPDIR writable?", folder.display())]
    KeyFile {
        /// Where temporary files go.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nix failed.
    #[error(transparent)]
    Nix(#[from] NixError),
    /// What the cache holds afterwards is not the closure, for instance because an earlier build of the same path with
    /// other content was published before.
    #[error("{path}: {source}; remove its .narinfo from the cache if it is known to be stale")]
    Entry {
        /// The store path.
        path: String,
        /// What is wrong with its entry.
        source: EntryError,
    },
    /// The key is not one that Nix understands.
    #[error("cache key: {0}")]
    Key(String),
}

/// The `file://` URL of a cache folder. Nix versions disagree on escapes in it, so odd names are refused.
pub(crate) fn file_url(folder: &Path) -> Result<String, PublishError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+-/".contains(&b);
    match folder.to_str() {
        Some(text) if text.starts_with('/') && text.bytes().all(plain) => Ok(format!("file://{text}")),
        _ => Err(PublishError::Folder(folder.to_owned())),
    }
}

/// Copies the closure of `closure.toplevel` into a cache folder, zstd-compressed, signed with `key` if one is given.
/// Paths that the cache has already are kept, and signed if they lack this key's signature. Durable when it returns,
/// and every entry was compared with the closure document.
pub fn publish(nix: &Nix, closure: &Closure, folder: &Path, key: Option<&CacheKey>) -> Result<(), PublishError> {
    let io = |source| PublishError::Io { path: folder.to_owned(), source };
    let url = file_url(folder)?;
    let trusted = match key {
        Some(key) => vec![TrustedPublicKey::parse(&key.public_text()).map_err(|e| PublishError::Key(e.to_string()))?],
        None => vec![],
    };
    // Nix fsyncs nothing of a cache; one call makes all of it survive a power cut.
    let sync = || std::fs::File::open(folder).and_then(|dir| Ok(rustix::fs::syncfs(dir)?)).map_err(io);
    // As where a release is published again for others: then the store need not have it any more.
    if is_whole(closure, folder, &trusted) {
        return sync();
    }
    writ_durable::create_directories(folder).map_err(io)?;
    let key_file = key.map(KeyFile::write).transpose()?;
    let signed = match &key_file {
        Some(file) => format!("&secret-key={}", file_url(&file.path)?.trim_start_matches("file://")),
        None => String::new(),
    };
    let target = format!("{url}?compression=zstd{signed}");
    nix.run("nix", &["copy", "--no-check-sigs", "--to", &target, &closure.toplevel])?;
    let unsigned = check_entries(closure, folder, &trusted)?;
    if let (Some(file), false) = (&key_file, unsigned.is_empty()) {
        let mut arguments = vec!["store", "sign", "--store", &url, "--key-file"];
        let file = file.path.to_string_lossy();
        arguments.push(&file);
        arguments.extend(unsigned);
        nix.run("nix", &arguments)?;
        if let Some(path) = check_entries(closure, folder, &trusted)?.first() {
            let source = EntryError::Unsigned { signed_by: "signing it again changed nothing".into() };
            return Err(PublishError::Entry { path: (*path).to_owned(), source });
        }
    }
    sync()
}

/// Whether the cache has every path already, as the closure document says and signed by the given key.
fn is_whole(closure: &Closure, folder: &Path, trusted: &[TrustedPublicKey]) -> bool {
    let has_file = |path| {
        let entry = Entry::read(folder, path).ok();
        entry.is_some_and(|entry| entry.nar_file().is_ok_and(|file| folder.join("nar").join(file).is_file()))
    };
    check_entries(closure, folder, trusted).is_ok_and(|unsigned| unsigned.is_empty())
        && closure.paths.iter().all(has_file)
}

/// Compares every path with its entry; returns those that lack a signature by the given key.
fn check_entries<'a>(
    closure: &'a Closure,
    folder: &Path,
    trusted: &[TrustedPublicKey],
) -> Result<Vec<&'a str>, PublishError> {
    let mut unsigned = Vec::new();
    for path in &closure.paths {
        let entry =
            Entry::read(folder, path).map_err(|source| PublishError::Entry { path: path.path.clone(), source })?;
        if !trusted.is_empty() && !entry.is_signed_by(trusted) {
            unsigned.push(path.path.as_str());
        }
    }
    Ok(unsigned)
}

/// The key in a file that only we can read, in a folder that only we can enter; gone when this is dropped. Nix takes keys
/// from files only.
struct KeyFile {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl KeyFile {
    fn write(key: &CacheKey) -> Result<Self, PublishError> {
        let failed = |source| PublishError::KeyFile { folder: std::env::temp_dir(), source };
        let private = Permissions::from_mode(0o700);
        let folder =
            tempfile::Builder::new().prefix("writ-cache-key-").permissions(private).tempdir().map_err(failed)?;
        let path = folder.path().join("key");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        file.write_all(key.secret_text().as_bytes()).map_err(failed)?;
        Ok(Self { path, _folder: folder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_file_is_private_and_goes_away() {
        let key = CacheKey::generate("cache-1", &[7; 32]).unwrap();
        let file = KeyFile::write(&key).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file.path), 0o600);
        assert_eq!(mode(file.path.parent().unwrap()), 0o700);
        assert_eq!(CacheKey::read(&file.path).unwrap().public_text(), key.public_text());
        let path = file.path.clone();
        drop(file);
        assert!(!path.parent().unwrap().exists());
    }
}
