//! Narinfos: what they must say, and where they stand before and after their NAR is here.

use std::io;
use std::path::PathBuf;

use nix_narinfo::TrustedPublicKey;
use writ_nix::cache::{Entry, MAX_NARINFO};
use writ_policy::closure::StorePath;
use writ_wire::publication::HashPart;

use super::progress::cache_keys;
use super::{Publications, Waiting};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::folders::Folders;

/// The file of a narinfo that waits for its NAR.
pub fn waiting_file(folders: &Folders, path: &HashPart) -> PathBuf {
    folders.waiting().join(format!("{path}.narinfo"))
}

/// The file of a narinfo in the cache.
pub fn cache_file(folders: &Folders, path: &HashPart) -> PathBuf {
    folders.cache().join(format!("{path}.narinfo"))
}

/// Judges a narinfo: it must be what a pending closure says, signed by a key that counts there (or content-addressed), and
/// name its NAR by its content.
pub fn judge(depot: &Depot, path: &HashPart, bytes: &[u8]) -> Result<(StorePath, Waiting), Fault> {
    let expecting = depot.publications.expecting(path);
    if expecting.is_empty() {
        return Err(Fault::NotFound);
    }
    let (directory, file) = (depot.directory(), PathBuf::from(format!("{path}.narinfo")));
    let mut refusal = None;
    for (site, expected) in expecting {
        let judged = Entry::parse(bytes.to_vec(), &expected, &file).and_then(|entry| {
            entry.require_signature(&cache_keys(&directory, &site))?;
            let (size, hash) = entry.named_by_content()?;
            Ok(Waiting { file: entry.nar_file()?.to_owned(), size, hash })
        });
        match judged {
            Ok(waiting) => return Ok((expected, waiting)),
            Err(error) => refusal = Some(error.to_string()),
        }
    }
    Err(Fault::Refused(refusal.unwrap_or_default()))
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
    publications.expecting(part).into_iter().find_map(|(_, expected)| {
        let entry = Entry::parse(bytes.clone(), &expected, &file).ok()?;
        let (size, hash) = entry.named_by_content().ok()?;
        Some(Waiting { file: entry.nar_file().ok()?.to_owned(), size, hash })
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
