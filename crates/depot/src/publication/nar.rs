//! NARs: they come to a temporary file, are unpacked and hashed against the closure, and only then get their name.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use writ_durable::crash_point;
use writ_nix::cache::Entry;
use writ_nix::nar::{NarId, examine};
use writ_policy::closure::StorePath;
use writ_wire::publication::HashPart;

use super::Waiting;
use super::narinfo::{cache_file, waiting_file, with_known_signatures};
use crate::depot::Depot;
use crate::fault::Fault;
use crate::static_files;

/// A NAR that is what a closure says.
#[derive(Debug)]
pub struct Examined {
    /// What the closure says.
    pub expected: StorePath,
    /// What is in it, for the cache's `.ls` file.
    pub listing: Vec<u8>,
}

/// Sees whether a file is the NAR of a store path.
pub fn examine_file(file: &Path, packed: bool, expected: StorePath) -> Result<Examined, Fault> {
    let id = NarId { hash: expected.nar_hash, size: expected.nar_size };
    let mut handle = File::open(file).map_err(Fault::io(file))?;
    match examine(&mut handle, packed, id) {
        Ok(listing) => Ok(Examined { expected, listing }),
        Err(writ_nix::nar::CopyError::Io(source)) => Err(Fault::io(file)(source)),
        Err(error) => Err(Fault::Refused(format!("{}: {error}", expected.path))),
    }
}

/// Puts every narinfo into the cache that waits for a NAR, whose file is `file` and holds what its closure says. Returns how
/// many did.
pub fn release_waiting(depot: &Depot, name: &str, file: &Path) -> Result<usize, Fault> {
    let mut released = 0;
    for (part, waiting) in depot.publications.waiting_for(name) {
        let narinfo = waiting_file(&depot.folders, &part);
        let bytes = match std::fs::read(&narinfo) {
            Ok(bytes) => bytes,
            // Another upload of the same NAR was here first.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Fault::io(&narinfo)(e)),
        };
        let mut seen = BTreeSet::new();
        for (_, expected) in depot.publications.missing_path(&part) {
            if !seen.insert(expected.nar_hash) || Entry::parse(bytes.clone(), &expected, &narinfo).is_err() {
                continue;
            }
            let examined = examine_file(file, waiting.file.ends_with(".zst"), expected)?;
            publish(depot, &part, &bytes, examined)?;
            released += 1;
            break;
        }
    }
    Ok(released)
}

/// Puts a narinfo into the cache. Its NAR is there already.
pub fn publish(depot: &Depot, part: &HashPart, narinfo: &[u8], examined: Examined) -> Result<(), Fault> {
    let folders = &depot.folders;
    let (file, listing) = (cache_file(folders, part), folders.cache().join(format!("{part}.ls")));
    writ_durable::replace(&listing, &examined.listing, 0o644).map_err(Fault::io(&listing))?;
    let narinfo = with_known_signatures(depot, narinfo, &examined.expected);
    writ_durable::replace(&file, &narinfo, 0o644).map_err(Fault::io(&file))?;
    crash_point!("narinfo-published");
    static_files::forget(depot, part.as_str());
    let waiting = waiting_file(folders, part);
    writ_durable::remove(&waiting).map_err(Fault::io(&waiting))?;
    depot.publications.path_came(part, &examined.expected);
    Ok(())
}

/// Whether the NAR of a narinfo is in the cache already: another path may have the same content.
pub fn is_here(depot: &Depot, waiting: &Waiting) -> bool {
    let file = depot.folders.nars().join(&waiting.file);
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == waiting.size)
}
