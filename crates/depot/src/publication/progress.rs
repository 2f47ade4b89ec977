//! One pending release: what it names, and what of that is missing.

use std::collections::{BTreeMap, BTreeSet};

use nix_narinfo::TrustedPublicKey;
use writ_policy::closure::{Closure, StorePath};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::store_path;
use writ_wire::publication::HashPart;

use super::narinfo;
use crate::clock;
use crate::directory::Directory;
use crate::fault::Fault;
use crate::folders::Folders;
use crate::store::releases::StoredRelease;

/// What a release says of a document that it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Its size in bytes.
    pub size: u64,
    /// The systems whose closure it must be; empty for a policy.
    pub toplevels: BTreeSet<store_path::StorePath>,
}

/// What a pending release names.
#[derive(Debug)]
pub struct Progress {
    /// The digest of the release.
    pub digest: Digest,
    /// The documents.
    pub documents: BTreeMap<Digest, Named>,
    /// The store paths of those closures that are here.
    pub paths: BTreeMap<HashPart, StorePath>,
    /// The documents that are not here.
    pub missing_documents: BTreeSet<Digest>,
    /// The store paths that are not in the cache.
    pub missing_paths: BTreeSet<HashPart>,
}

impl Progress {
    /// Looks what of a release is here.
    pub fn of(folders: &Folders, directory: &Directory, stored: &StoredRelease) -> Result<Self, Fault> {
        let mut documents: BTreeMap<Digest, Named> = BTreeMap::new();
        for generation in stored.release.generations.values() {
            documents.entry(generation.policy.digest).or_default().size = generation.policy.size;
            if let Some(closure) = &generation.closure {
                let named = documents.entry(closure.digest).or_default();
                named.size = closure.size;
                named.toplevels.insert(closure.toplevel.clone());
            }
        }
        let missing_documents = documents.keys().copied().collect();
        let (paths, missing_paths) = (BTreeMap::new(), BTreeSet::new());
        let mut progress = Self { digest: stored.digest, documents, paths, missing_documents, missing_paths };
        for (digest, named) in progress.documents.clone() {
            let path = folders.document(&digest);
            match writ_durable::read_bounded(&path, MAX_DOCUMENT) {
                Ok(bytes) => {
                    let paths = paths_named(folders, directory, &stored.release.site, &named, &bytes)?;
                    progress.document_came(&digest, paths);
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Fault::io(&path)(e)),
            }
        }
        Ok(progress)
    }

    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.missing_documents.is_empty() && self.missing_paths.is_empty()
    }

    /// A document is here; these are the store paths that it names, and whether the cache has each.
    pub fn document_came(&mut self, document: &Digest, paths: Vec<(HashPart, StorePath, bool)>) {
        self.missing_documents.remove(document);
        for (part, path, here) in paths {
            if !here {
                self.missing_paths.insert(part.clone());
            }
            self.paths.insert(part, path);
        }
    }
}

/// Whether two closures mean the same by a path.
pub(super) fn same(one: &StorePath, other: &StorePath) -> bool {
    let references = |path: &StorePath| path.references.iter().cloned().collect::<BTreeSet<String>>();
    (&one.path, one.nar_hash, one.nar_size) == (&other.path, other.nar_hash, other.nar_size)
        && references(one) == references(other)
}

/// Reads a closure that a release names: for its own store, with the system that the release says.
pub(super) fn closure(named: &Named, bytes: &[u8]) -> Result<Option<Closure>, String> {
    if named.toplevels.is_empty() {
        return Ok(None);
    }
    let closure = Closure::parse(bytes).map_err(|e| e.to_string())?;
    if closure.store_dir != writ_nix::closure::STORE_DIR {
        return Err(format!("the closure is for the store {:?}", closure.store_dir));
    }
    if let Some(other) = named.toplevels.iter().find(|toplevel| toplevel.as_str() != closure.toplevel) {
        return Err(format!("the closure is of {}, the release says {other}", closure.toplevel));
    }
    Ok(Some(closure))
}

/// The store paths that a document names, and whether the cache has each as the document says.
pub(super) fn paths_named(
    folders: &Folders,
    directory: &Directory,
    site: &SiteId,
    named: &Named,
    bytes: &[u8],
) -> Result<Vec<(HashPart, StorePath, bool)>, Fault> {
    let Some(closure) = closure(named, bytes).map_err(Fault::Refused)? else { return Ok(Vec::new()) };
    let keys = cache_keys(directory, site);
    let mut paths = Vec::with_capacity(closure.paths.len());
    for path in closure.paths {
        let part = hash_part(&path)?;
        let here = narinfo::is_cached(folders, &path, &keys);
        paths.push((part, path, here));
    }
    Ok(paths)
}

/// The keys whose signatures over store paths count at a site now.
pub(super) fn cache_keys(directory: &Directory, site: &SiteId) -> Vec<TrustedPublicKey> {
    let keys = directory.chain.newest().nix_public_keys(site, clock::now());
    keys.iter().filter_map(|key| TrustedPublicKey::parse(key).ok()).collect()
}

fn hash_part(path: &StorePath) -> Result<HashPart, Fault> {
    let parsed: Result<store_path::StorePath, _> = path.path.parse();
    parsed.map(|parsed| HashPart::of(&parsed)).map_err(|e| Fault::Refused(e.to_string()))
}
