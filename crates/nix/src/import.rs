//! Importing a closure from a cache that nobody trusts.
//!
//! Only the closure document, which a signed release names by digest, is believed. What the cache holds is first copied
//! into a folder of our own, every NAR bounded by and compared with the document while it is copied: so what Nix then
//! reads was checked by us and can no longer change, and neither a lying narinfo nor a NAR that unpacks without end can
//! fill the disk. Nix checks the signatures itself, with the given keys alone. Afterwards the system's real closure is
//! compared with the document, path by path, each hashed from what is on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix_narinfo::TrustedPublicKey;
use writ_policy::closure::{Closure, ClosureError, StorePath};
use writ_trust::digest::Digest;

use crate::cache::{self, Entry, EntryError};
use crate::closure::{ClosureOfError, STORE_DIR, path_infos};
use crate::gc_root;
use crate::nar::{self, CopyError, NarId};
use crate::publish::{PublishError, file_url};
use crate::tool::{Nix, NixError};

/// How many store paths go into one command line.
const BATCH: usize = 500;

/// What to import, from where.
#[derive(Debug, Clone, Copy)]
pub struct ImportRequest<'a> {
    /// The closure document, its digest already verified: the authority on every path.
    pub closure: &'a Closure,
    /// The cache folder. Hostile.
    pub cache: &'a Path,
    /// The keys whose signatures count, in Nix's form `name:base64`. No others do, whatever nix.conf says.
    pub trusted_keys: &'a [String],
    /// The link that keeps the system from the garbage collector; made before anything is imported.
    pub gc_root: &'a Path,
    /// A folder of our own for checked copies, removed afterwards. On the disk of the store, ideally.
    pub staging: &'a Path,
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Paths of the closure.
    pub paths: usize,
    /// Of these, how many were not in the store before.
    pub fetched: usize,
    /// Of these, how many were in the store with other content than its database says, and were repaired.
    pub repaired: usize,
}

/// Why a closure was not imported, or is not what its document says. One variant per way to fail.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The document is not closed, or names what is not a store path.
    #[error(transparent)]
    Document(#[from] ClosureError),
    /// The document is for another store.
    #[error("the closure document is for the store {found:?}; this machine has {STORE_DIR}")]
    OtherStore {
        /// The store it is for.
        found: String,
    },
    /// A trusted key is not one.
    #[error("trusted cache key {key:?}: {reason}")]
    Key {
        /// The key, which is public.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The disk has not enough room.
    #[error("{needed} bytes are needed for the closure, and {available} are free")]
    NoSpace {
        /// Bytes needed, at least.
        needed: u64,
        /// Bytes free.
        available: u64,
    },
    /// A file or folder of our own cannot be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cache's entry for a path is not what the document says.
    #[error("{path}: {source}")]
    Entry {
        /// The store path.
        path: String,
        /// What is wrong.
        source: EntryError,
    },
    /// The NAR in the cache is not what the document says.
    #[error("{path}: the NAR {} is not what the closure document says: {source}", file.display())]
    Nar {
        /// The store path.
        path: String,
        /// The NAR.
        file: PathBuf,
        /// What is wrong.
        source: CopyError,
    },
    /// Nix refused or failed.
    #[error(transparent)]
    Nix(#[from] NixError),
    /// Nix's account of the closure is not understood.
    #[error(transparent)]
    Answer(#[from] ClosureOfError),
    /// The system needs a path that the document does not list.
    #[error("{path}: the system needs it, but the closure document does not list it")]
    Extra {
        /// The store path.
        path: String,
    },
    /// The document lists a path that the system does not need.
    #[error("{path}: the closure document lists it, but the system does not need it")]
    Superfluous {
        /// The store path.
        path: String,
    },
    /// A path refers to others than the document says.
    #[error("{path}: it refers to {found}, the closure document says {expected}")]
    References {
        /// The store path.
        path: String,
        /// What the document says.
        expected: String,
        /// What the store says.
        found: String,
    },
    /// A path was registered with another NAR hash or size than the document says: the same name, other content.
    #[error("{path}: the store registered the NAR hash {found}, the closure document says {expected}")]
    Registered {
        /// The store path.
        path: String,
        /// What the document says.
        expected: Digest,
        /// What the store registered.
        found: Digest,
    },
    /// What is on the disk is not what the document says.
    #[error("{path}: what is on the disk has the NAR hash {found}, the closure document says {expected}")]
    Content {
        /// The store path.
        path: String,
        /// What the document says.
        expected: Digest,
        /// What is on the disk.
        found: Digest,
    },
}

impl ImportError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Imports a closure and compares all of it with its document. When it returns, the store survives a power cut.
///
/// On failure nothing is removed from the store, where paths that nothing refers to do no harm; the garbage collector
/// link stays and is the caller's to remove.
pub fn import(nix: &Nix, request: &ImportRequest) -> Result<Imported, ImportError> {
    let closure = request.closure;
    closure.validate()?;
    if closure.store_dir != STORE_DIR {
        return Err(ImportError::OtherStore { found: closure.store_dir.chars().take(200).collect() });
    }
    gc_root::add(request.gc_root, &closure.toplevel).map_err(ImportError::io(request.gc_root))?;
    let missing = missing_paths(nix, closure)?;
    let present = closure.paths.iter().filter(|p| !missing.contains(p.path.as_str()));
    let mut good = BTreeSet::new();
    let mut damaged = Vec::new();
    for path in present {
        match on_disk(nix, path)? {
            Ok(()) => {
                good.insert(path.path.as_str());
            }
            Err(_) => damaged.push(path),
        }
    }
    let absent: Vec<&StorePath> = closure.paths.iter().filter(|p| missing.contains(p.path.as_str())).collect();
    if !absent.is_empty() || !damaged.is_empty() {
        let _removed_when_done = Staged::make(nix, request, absent.iter().chain(&damaged).copied())?;
        take(nix, request, &absent, &damaged)?;
    }
    compare(nix, closure, &good)?;
    let store = nix.on_disk(STORE_DIR);
    // Nix fsyncs its database only; without this a power cut could empty files that were just compared.
    File::open(&store).and_then(|dir| Ok(rustix::fs::syncfs(dir)?)).map_err(ImportError::io(&store))?;
    Ok(Imported { paths: closure.paths.len(), fetched: absent.len(), repaired: damaged.len() })
}

/// The listed paths that the store does not have.
fn missing_paths<'a>(nix: &Nix, closure: &'a Closure) -> Result<BTreeSet<&'a str>, ImportError> {
    let mut missing = BTreeSet::new();
    for batch in closure.paths.chunks(BATCH) {
        let mut arguments = vec!["--check-validity", "--print-invalid"];
        arguments.extend(batch.iter().map(|p| p.path.as_str()));
        let answer = String::from_utf8_lossy(&nix.run("nix-store", &arguments)?).into_owned();
        let invalid: BTreeSet<&str> = answer.lines().collect();
        missing.extend(batch.iter().map(|p| p.path.as_str()).filter(|p| invalid.contains(p)));
    }
    Ok(missing)
}

/// Hashes a path as it is on the disk: `Ok(Err(hash))` when it is not what the document says; the hash of nothing when the
/// store believes to have it and it is gone.
fn on_disk(nix: &Nix, path: &StorePath) -> Result<Result<(), Digest>, ImportError> {
    let real = nix.on_disk(&path.path);
    if matches!(real.symlink_metadata(), Err(e) if e.kind() == io::ErrorKind::NotFound) {
        return Ok(Err(Digest::of(b"")));
    }
    let found = nar::hash_tree(&real).map_err(ImportError::io(&real))?;
    Ok(if found.hash == path.nar_hash { Ok(()) } else { Err(found.hash) })
}

/// Checked copies of what is to be imported, as a cache of our own; removed when dropped.
struct Staged<'a>(&'a Path);

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0);
    }
}

impl<'a> Staged<'a> {
    fn make<'p>(
        nix: &Nix,
        request: &ImportRequest<'a>,
        paths: impl Iterator<Item = &'p StorePath> + Clone,
    ) -> Result<Self, ImportError> {
        let keys = parse_keys(request.trusted_keys)?;
        let folder = request.staging;
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(ImportError::io(folder))?;
        }
        let nars = folder.join("nar");
        writ_durable::create_directories(&nars).map_err(ImportError::io(&nars))?;
        let staged = Self(folder);
        require_space(folder, &nix.on_disk(STORE_DIR), paths.clone())?;
        let info = folder.join("nix-cache-info");
        fs::write(&info, format!("StoreDir: {STORE_DIR}\n")).map_err(ImportError::io(&info))?;
        for path in paths {
            let entry_error = |source| ImportError::Entry { path: path.path.clone(), source };
            let entry = Entry::read(request.cache, path).map_err(entry_error)?;
            entry.require_signature(&keys).map_err(entry_error)?;
            copy_nar(request.cache, &nars, path, &entry)?;
            let file = folder.join(&entry.file_name);
            fs::write(&file, &entry.bytes).map_err(ImportError::io(&file))?;
        }
        Ok(staged)
    }
}

/// Reads keys in Nix's form `name:base64`.
pub fn parse_keys(keys: &[String]) -> Result<Vec<TrustedPublicKey>, ImportError> {
    let parse = |key: &String| {
        TrustedPublicKey::parse(key).map_err(|e| ImportError::Key { key: key.clone(), reason: e.to_string() })
    };
    keys.iter().map(parse).collect()
}

/// The copies and what they unpack into, at the size the document states; it is an upper bound, which is what we want.
fn require_space<'p>(
    folder: &Path,
    store: &Path,
    paths: impl Iterator<Item = &'p StorePath>,
) -> Result<(), ImportError> {
    let needed = paths.fold(0_u64, |sum, p| sum.saturating_add(p.nar_size.saturating_mul(2)));
    let available = |path: &Path| {
        let stat = rustix::fs::statvfs(path).map_err(|e| ImportError::io(path)(e.into()))?;
        Ok::<_, ImportError>(stat.f_bavail.saturating_mul(stat.f_frsize))
    };
    let available = available(folder)?.min(available(store)?);
    if needed > available { Err(ImportError::NoSpace { needed, available }) } else { Ok(()) }
}

fn copy_nar(cache: &Path, nars: &Path, path: &StorePath, entry: &Entry) -> Result<(), ImportError> {
    let entry_error = |source| ImportError::Entry { path: path.path.clone(), source };
    let name = entry.nar_file().map_err(entry_error)?;
    let compressed = entry.is_compressed().map_err(entry_error)?;
    let file = cache.join("nar").join(name);
    let mut from = cache::open(&file).map_err(entry_error)?;
    let copy = nars.join(name);
    let mut to = File::create(&copy).map_err(ImportError::io(&copy))?;
    let expected = NarId { hash: path.nar_hash, size: path.nar_size };
    nar::copy_checked(&mut from, &mut to, compressed, expected).map_err(|source| ImportError::Nar {
        path: path.path.clone(),
        file,
        source,
    })
}

/// Lets Nix take the staged paths into the store, checking signatures by the given keys alone.
fn take(nix: &Nix, request: &ImportRequest, absent: &[&StorePath], damaged: &[&StorePath]) -> Result<(), ImportError> {
    let url = file_url(request.staging).map_err(|e| match e {
        PublishError::Folder(path) => ImportError::Io { path, source: io::ErrorKind::InvalidFilename.into() },
        other => ImportError::Io { path: request.staging.to_owned(), source: io::Error::other(other.to_string()) },
    })?;
    let keys = request.trusted_keys.join(" ");
    let settings = [
        ["--option", "trusted-public-keys", &keys],
        ["--option", "require-sigs", "true"],
        ["--option", "secret-key-files", ""],
        ["--option", "narinfo-cache-positive-ttl", "0"],
        ["--option", "narinfo-cache-negative-ttl", "0"],
    ];
    let settings: Vec<&str> = settings.concat();
    for batch in references_first(absent).chunks(BATCH) {
        let mut arguments = vec!["copy", "--no-recursive", "--from", &url];
        arguments.extend(&settings);
        arguments.extend(batch.iter().map(|p| p.path.as_str()));
        nix.run("nix", &arguments)?;
    }
    for path in damaged {
        let mut arguments = settings.clone();
        arguments.extend(["--option", "substituters", &url, "--repair-path", &path.path]);
        nix.run("nix-store", &arguments)?;
    }
    Ok(())
}

/// Orders paths so that each comes after those it refers to: Nix registers nothing whose references it does not have.
fn references_first<'p>(paths: &[&'p StorePath]) -> Vec<&'p StorePath> {
    let by_name: BTreeMap<&str, &StorePath> = paths.iter().map(|p| (p.path.as_str(), *p)).collect();
    let mut seen = BTreeSet::new();
    let mut ordered = Vec::with_capacity(paths.len());
    // Depth-first without recursion, which a long chain of references would exhaust.
    let mut pending: Vec<(&StorePath, bool)> = paths.iter().rev().map(|p| (*p, false)).collect();
    while let Some((path, references_done)) = pending.pop() {
        if references_done {
            ordered.push(path);
        } else if seen.insert(path.path.as_str()) {
            pending.push((path, true));
            pending.extend(path.references.iter().filter_map(|r| by_name.get(r.as_str())).map(|p| (*p, false)));
        }
    }
    ordered
}

/// Compares the system's real closure with its document. Paths in `good` were hashed already.
fn compare(nix: &Nix, closure: &Closure, good: &BTreeSet<&str>) -> Result<(), ImportError> {
    let real = path_infos(nix, &closure.toplevel)?;
    let listed: BTreeMap<&str, &StorePath> = closure.paths.iter().map(|p| (p.path.as_str(), p)).collect();
    if let Some(extra) = real.iter().find(|found| !listed.contains_key(found.path.as_str())) {
        return Err(ImportError::Extra { path: extra.path.clone() });
    }
    let needed: BTreeSet<&str> = real.iter().map(|found| found.path.as_str()).collect();
    if let Some(path) = listed.keys().find(|p| !needed.contains(*p)) {
        return Err(ImportError::Superfluous { path: (*path).to_owned() });
    }
    for found in &real {
        compare_path(listed[found.path.as_str()], found)?;
    }
    for path in closure.paths.iter().filter(|p| !good.contains(p.path.as_str())) {
        if let Err(found) = on_disk(nix, path)? {
            return Err(ImportError::Content { path: path.path.clone(), expected: path.nar_hash, found });
        }
    }
    Ok(())
}

fn compare_path(expected: &StorePath, found: &StorePath) -> Result<(), ImportError> {
    let path = || expected.path.clone();
    if found.nar_hash != expected.nar_hash || found.nar_size != expected.nar_size {
        return Err(ImportError::Registered { path: path(), expected: expected.nar_hash, found: found.nar_hash });
    }
    let wanted: BTreeSet<&String> = expected.references.iter().collect();
    let actual: BTreeSet<&String> = found.references.iter().collect();
    if wanted != actual {
        let text = |set: BTreeSet<&String>| set.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(ImportError::References { path: path(), expected: text(wanted), found: text(actual) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(name: usize, references: &[usize]) -> StorePath {
        StorePath {
            path: format!("/nix/store/{name:032}-p"),
            nar_hash: Digest::of(b""),
            nar_size: 0,
            references: references.iter().map(|r| format!("/nix/store/{r:032}-p")).collect(),
        }
    }

    proptest! {
        #[test]
        fn references_come_first_and_nothing_is_lost(
            edges in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..4), 1..30),
            order in any::<u64>(),
        ) {
            // A path refers to itself or to earlier ones, as in any store; listed in any order.
            let mut paths: Vec<StorePath> = edges
                .iter()
                .enumerate()
                .map(|(n, to)| path(n, &to.iter().map(|i| i.index(n + 1)).collect::<Vec<_>>()))
                .collect();
            let turn = usize::try_from(order % paths.len() as u64).unwrap();
            paths.rotate_left(turn);
            let listed: Vec<&StorePath> = paths.iter().collect();
            let ordered = references_first(&listed);
            prop_assert_eq!(ordered.len(), paths.len());
            for (at, p) in ordered.iter().enumerate() {
                for r in p.references.iter().filter(|r| **r != p.path) {
                    prop_assert!(ordered[..at].iter().any(|earlier| earlier.path == *r));
                }
            }
        }
    }
}
