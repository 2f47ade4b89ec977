//! Narinfos: what they must say, and where they stand before and after their NAR is here.

use std::io;
use std::path::PathBuf;

use nix_narinfo::TrustedPublicKey;
use writ_nix::cache::{Entry, MAX_NARINFO};
use writ_nix::nar::packed_limit;
use writ_policy::closure::StorePath;
use writ_trust::role::Role;
use writ_wire::publication::HashPart;

use super::progress::cache_keys;
use super::{Publications, Waiting};
use crate::clock;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::folders::Folders;

/// The most signatures of a narinfo.
const MAX_SIGNATURES: usize = 32;

/// The file of a narinfo that waits for its NAR.
pub fn waiting_file(folders: &Folders, path: &HashPart) -> PathBuf {
    folders.waiting().join(format!("{path}.narinfo"))
}

/// The file of a narinfo in the cache.
pub fn cache_file(folders: &Folders, path: &HashPart) -> PathBuf {
    folders.cache().join(format!("{path}.narinfo"))
}

/// Judges a narinfo: it must be what a pending closure says of a path that is missing, signed by a key that counts there (or
/// content-addressed), and name its NAR by its content.
pub fn judge(depot: &Depot, path: &HashPart, bytes: &[u8]) -> Result<(StorePath, Waiting), Fault> {
    let missing = depot.publications.missing_path(path);
    if missing.is_empty() {
        return Err(Fault::NotFound);
    }
    let (directory, file) = (depot.directory(), PathBuf::from(format!("{path}.narinfo")));
    let mut refusal = None;
    for (site, expected) in missing {
        let judged = Entry::parse(bytes.to_vec(), &expected, &file).map_err(|e| e.to_string()).and_then(|entry| {
            // Each is a verification, here and for every importer.
            let signatures = entry.info.signatures().len();
            if signatures > MAX_SIGNATURES {
                return Err(format!("{signatures} signatures: expected at most {MAX_SIGNATURES}"));
            }
            entry.require_signature(&cache_keys(&directory, &site)).map_err(|e| e.to_string())?;
            waiting(&entry, &expected)
        });
        match judged {
            Ok(waiting) => return Ok((expected, waiting)),
            Err(reason) => refusal = Some(reason),
        }
    }
    Err(Fault::Refused(refusal.unwrap_or_default()))
}

/// The NAR that a narinfo names, where that can be the NAR of what is expected.
fn waiting(entry: &Entry, expected: &StorePath) -> Result<Waiting, String> {
    let (size, hash) = entry.named_by_content().map_err(|e| e.to_string())?;
    let limit = packed_limit(expected.nar_size);
    if size > limit {
        return Err(format!(
            "FileSize {size}: a NAR of {} bytes has at most {limit} when it is packed",
            expected.nar_size
        ));
    }
    Ok(Waiting { file: entry.nar_file().map_err(|e| e.to_string())?.to_owned(), size, hash })
}

/// A narinfo together with the signatures of the one that it replaces, where both say the same of the path and a signature
/// counts at some site: each site's appliances look for one by their own keys.
pub(super) fn with_known_signatures(depot: &Depot, narinfo: &[u8], expected: &StorePath) -> Vec<u8> {
    let (folders, directory) = (&depot.folders, depot.directory());
    let file = folders.cache();
    let (Ok(old), Ok(new)) = (Entry::read(&folders.cache(), expected), Entry::parse(narinfo.to_vec(), expected, &file))
    else {
        return narinfo.to_vec();
    };
    let now = clock::now();
    let counting = directory.chain.newest().keys.iter().filter(|key| key.counts_now(Role::Cache, None, now).is_ok());
    let keys: Vec<_> = counting.filter_map(|key| TrustedPublicKey::parse(&key.nix_public_key()).ok()).collect();
    let fingerprint = new.info.fingerprint(new.info.store_dir());
    let known = old.info.signatures().iter().filter(|signature| {
        !new.info.signatures().contains(signature) && signature.verify(fingerprint.as_bytes(), &keys) == Ok(true)
    });
    let mut merged = String::from_utf8_lossy(narinfo).trim_end().to_owned();
    merged.push('\n');
    merged.extend(known.take(MAX_SIGNATURES).map(|signature| format!("Sig: {signature}\n")));
    match Entry::parse(merged.clone().into_bytes(), expected, &file) {
        Ok(_) => merged.into_bytes(),
        Err(_) => narinfo.to_vec(),
    }
}

/// Whether the cache has a path as a closure says, signed by one of these keys, with its NAR.
pub(super) fn is_cached(folders: &Folders, path: &StorePath, keys: &[TrustedPublicKey]) -> bool {
    let Ok(entry) = Entry::read(&folders.cache(), path) else { return false };
    let (Ok(()), Ok((size, _))) = (entry.require_signature(keys), entry.named_by_content()) else { return false };
    let Ok(file) = entry.nar_file() else { return false };
    folders.nars().join(file).metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
}

/// Reads which narinfos wait.
pub(super) fn load_waiting(folders: &Folders, publications: &Publications) -> Result<(), Fault> {
    let folder = folders.waiting();
    for entry in std::fs::read_dir(&folder).map_err(Fault::io(&folder))? {
        let entry = entry.map_err(Fault::io(&folder))?;
        let name = entry.file_name();
        let part = name.to_str().and_then(|name| name.strip_suffix(".narinfo")).and_then(|part| part.parse().ok());
        let Some(part) = part else { continue };
        let waiting = read(folders, publications, &part);
        match waiting {
            Some(waiting) => publications.wait(part, waiting),
            // Nothing pending expects it, or it is damaged: it will be sent again if it is needed.
            None => remove(&entry.path()),
        }
    }
    Ok(())
}

fn read(folders: &Folders, publications: &Publications, part: &HashPart) -> Option<Waiting> {
    let file = waiting_file(folders, part);
    let bytes = writ_durable::read_bounded(&file, usize::try_from(MAX_NARINFO).ok()?).ok()?;
    publications.missing_path(part).into_iter().find_map(|(_, expected)| {
        let entry = Entry::parse(bytes.clone(), &expected, &file).ok()?;
        waiting(&entry, &expected).ok()
    })
}

/// Removes the narinfos that wait and that no pending release expects any more.
pub(super) fn drop_unexpected(folders: &Folders, publications: &Publications) {
    for path in publications.take_unexpected() {
        remove(&waiting_file(folders, &path));
    }
}

fn remove(file: &std::path::Path) {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, file = %file.display(), "cannot be removed");
        }
        _ => {}
    }
}
