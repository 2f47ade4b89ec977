//! What a data directory must have by what was published: documents, and the store paths of closures.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use writ_policy::closure::{Closure, StorePath};
use writ_policy::policy::Policy;
use writ_policy::settings::Retention;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::root_chain::TrustChain;

use crate::directory::Directory;
use crate::folders::Folders;
use crate::store::{Connection, StoreError, releases, roots};
use crate::upkeep::{Outcome, UpkeepError};

/// Bytes read at one time.
const PIECE: usize = 256 * 1024;

/// Everything that was published, with the stored chain of trust roots verified from its first on.
pub fn directory(connection: &dyn Connection) -> Outcome<Directory> {
    let stored = roots::all(connection)?;
    let broken = |version: u64, why: String| StoreError::damaged(format!("trust root {version}"), why);
    let Some((first, root)) = stored.first() else {
        return Err(StoreError::damaged("the chain of trust roots", "there is no first one").into());
    };
    let mut chain = TrustChain::pinned(&root.document.0).map_err(|e| broken(*first, e.to_string()))?;
    for (version, root) in &stored[1..] {
        chain.extend(&root.document.0, &root.signatures).map_err(|e| broken(*version, e.to_string()))?;
    }
    let roots = stored.into_iter().map(|(_, root)| root).collect();
    Ok(Directory::new(chain, roots, releases::all(connection)?))
}

/// What a release says of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A policy.
    Policy,
    /// A closure.
    Closure,
}

/// Every document that a release names, pending ones too, and the site.
pub fn documents(directory: &Directory) -> BTreeMap<Digest, (Sort, SiteId)> {
    let mut all = BTreeMap::new();
    for (site, published) in directory.sites() {
        for stored in published.releases.iter().chain(&published.pending) {
            for generation in stored.release.generations.values() {
                all.insert(generation.policy.digest, (Sort::Policy, site.clone()));
                if let Some(closure) = &generation.closure {
                    all.insert(closure.digest, (Sort::Closure, site.clone()));
                }
            }
        }
    }
    all
}

/// The closures that releases name: all, or those that are active now.
pub fn closures(directory: &Directory, active_only: bool, newest: Option<usize>) -> BTreeSet<Digest> {
    let mut all = BTreeSet::new();
    for (_, published) in directory.sites() {
        let pending = published.pending.iter().filter(|_| !active_only);
        let most = if active_only { 1 } else { newest.unwrap_or(usize::MAX) };
        for stored in published.releases.iter().rev().take(most).chain(pending) {
            all.extend(stored.release.generations.values().filter_map(|g| g.closure.as_ref().map(|c| c.digest)));
        }
    }
    all
}

/// Reads a document of this digest: `None` when it is not there or not that.
pub fn document(folders: &Folders, digest: &Digest) -> Option<Vec<u8>> {
    let bytes = writ_durable::read_bounded(&folders.document(digest), MAX_DOCUMENT).ok()?;
    (Digest::of(&bytes) == *digest).then_some(bytes)
}

/// The store paths of a closure that is here.
pub fn paths_of(folders: &Folders, closure: &Digest) -> Option<Vec<StorePath>> {
    Some(Closure::parse(&document(folders, closure)?).ok()?.paths)
}

/// How long the signed policies of a site have logs kept, in milliseconds: the longest that any release that was ever active says,
/// for security, audit or application logs alike, for no policy says which source is which. An error says why nobody knows.
pub fn logs_kept(folders: &Folders, directory: &Directory, site: &SiteId) -> Result<i64, String> {
    longest(folders, directory, site, Retention::longest_of_logs)
}

/// How long the signed policies of a site have evidence kept, in milliseconds, likewise.
pub fn evidence_kept(folders: &Folders, directory: &Directory, site: &SiteId) -> Result<i64, String> {
    longest(folders, directory, site, |retention| retention.evidence.millis())
}

fn longest(
    folders: &Folders,
    directory: &Directory,
    site: &SiteId,
    of: impl Fn(&Retention) -> i64,
) -> Result<i64, String> {
    let mut longest = None;
    for stored in &directory.site(site).releases {
        for (appliance, generation) in &stored.release.generations {
            let (epoch, serial) = stored.release.point();
            let whose = || format!("the policy of {appliance} in release {epoch}-{serial}");
            let bytes = document(folders, &generation.policy.digest)
                .ok_or_else(|| format!("{} is not here as it was signed", whose()))?;
            let policy = Policy::parse(&bytes).map_err(|e| format!("{} cannot be read here: {e}", whose()))?;
            longest = longest.max(Some(of(&policy.settings.retention)));
        }
    }
    longest.ok_or_else(|| "no release of it was ever active".to_owned())
}

/// Copies to `to` while hashing; gives digest and size.
pub fn copy_hashed(from: &mut File, to: &mut impl Write) -> io::Result<(Digest, u64)> {
    let (mut hash, mut size, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        hash.update(&piece[..read]);
        to.write_all(&piece[..read])?;
        size += read as u64;
    }
    Ok((Digest::from_bytes(hash.finalize().into()), size))
}

/// The digest and the size of a plain file.
pub fn hash_file(path: &Path) -> Outcome<(Digest, u64)> {
    let mut file = File::open(path).map_err(UpkeepError::io(path))?;
    copy_hashed(&mut file, &mut io::sink()).map_err(UpkeepError::io(path))
}
