//! What pending releases name, and what of it is here.
//!
//! A release is pending from the moment that its signatures are right until everything that it names is here: documents by
//! digest, and for every store path of its closures a narinfo and a NAR. What is uploaded is judged against what the signed
//! release names, never against what the upload says of itself.

pub mod nar;
pub mod narinfo;
mod progress;
pub mod uploads;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use writ_policy::closure::StorePath;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_wire::publication::{HashPart, Missing, Publication, PublicationSchema, State};

pub use self::progress::{Named, Progress};
use self::uploads::Uploads;
use crate::depot::Depot;
use crate::directory::Directory;
use crate::fault::Fault;
use crate::folders::Folders;
use crate::store::releases::StoredRelease;
use crate::writer::{Activate, Job, WriteError};

/// A narinfo whose NAR has not been uploaded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The NAR's file name.
    pub file: String,
    /// The size of the file, in bytes.
    pub size: u64,
    /// The SHA-256 of the file.
    pub hash: Digest,
}

#[derive(Debug, Default)]
struct Inner {
    progress: BTreeMap<SiteId, Progress>,
    waiting: BTreeMap<HashPart, Waiting>,
}

/// The pending releases of all sites.
#[derive(Debug, Default)]
pub struct Publications {
    inner: Mutex<Inner>,
    /// What is being received and examined.
    pub uploads: Uploads,
}

impl Publications {
    /// Finds out what pending releases lack. Reads many files.
    pub fn load(folders: &Folders, directory: &Directory) -> Result<Self, Fault> {
        let mut inner = Inner::default();
        for (site, published) in directory.sites() {
            if let Some(pending) = &published.pending {
                inner.progress.insert(site.clone(), Progress::of(folders, directory, pending)?);
            }
        }
        let publications = Self { inner: Mutex::new(inner), uploads: Uploads::default() };
        narinfo::load_waiting(folders, &publications)?;
        Ok(publications)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to follow a pending release, unless it is followed already. Reads many files.
    fn begin(&self, depot: &Depot, pending: &StoredRelease) -> Result<(), Fault> {
        let (site, digest) = (&pending.release.site, pending.digest);
        if self.missing(site, &digest).is_some() {
            return Ok(());
        }
        let progress = Progress::of(&depot.folders, &depot.directory(), pending)?;
        let mut inner = self.lock();
        // Somebody else may have begun meanwhile, and have noted more since.
        if inner.progress.get(site).is_none_or(|other| other.digest != digest) {
            inner.progress.insert(site.clone(), progress);
        }
        Ok(())
    }

    /// Ends what is followed and pending no more.
    fn keep_only(&self, directory: &Directory) {
        let pending = |site: &SiteId| directory.site(site).pending.as_ref().map(|pending| pending.digest);
        self.lock().progress.retain(|site, progress| pending(site) == Some(progress.digest));
    }

    /// The sites whose pending release names a document, and as what.
    pub fn naming(&self, document: &Digest) -> Vec<(SiteId, Named)> {
        let inner = self.lock();
        let naming = inner.progress.iter().filter_map(|(site, progress)| {
            let named = progress.documents.get(document)?;
            Some((site.clone(), named.clone()))
        });
        naming.collect()
    }

    /// A site whose pending release names a store path, by the hash part of its name.
    pub fn naming_path(&self, path: &HashPart) -> Option<SiteId> {
        let inner = self.lock();
        let mut naming = inner.progress.iter().filter(|(_, progress)| progress.paths.contains_key(path));
        naming.next().map(|(site, _)| site.clone())
    }

    /// What the closures of pending releases say of a store path that the cache does not have so, by the hash part of its
    /// name.
    pub fn missing_path(&self, path: &HashPart) -> Vec<(SiteId, StorePath)> {
        let inner = self.lock();
        let missing = inner.progress.iter().filter(|(_, progress)| progress.missing_paths.contains(path));
        missing.filter_map(|(site, progress)| Some((site.clone(), progress.paths.get(path)?.clone()))).collect()
    }

    /// Whether a document can be what the pending releases that name it say: a closure for this store, of their system.
    pub fn judge_document(&self, document: &Digest, bytes: &[u8]) -> Result<(), Fault> {
        for (_, named) in self.naming(document) {
            progress::closure(&named, bytes).map_err(Fault::Refused)?;
        }
        Ok(())
    }

    /// A document came; what it names is expected from here on. Reads many files.
    pub fn document_came(&self, depot: &Depot, document: &Digest, bytes: &[u8]) -> Result<(), Fault> {
        for (site, named) in self.naming(document) {
            let directory = depot.directory();
            let paths = progress::paths_named(&depot.folders, &directory, &site, &named, bytes)?;
            let missing: Vec<_> =
                paths.iter().filter(|(_, _, here)| !here).map(|(p, s, _)| (p.clone(), s.clone())).collect();
            if let Some(progress) = self.lock().progress.get_mut(&site) {
                progress.document_came(document, paths);
            }
            // One that came between the look and the note would be missed for ever.
            let keys = progress::cache_keys(&directory, &site);
            for (part, path) in missing {
                if narinfo::is_cached(&depot.folders, &path, &keys) {
                    self.path_came(&part, &path);
                }
            }
        }
        Ok(())
    }

    /// A store path is in the cache now.
    pub fn path_came(&self, path: &HashPart, came: &StorePath) {
        let mut inner = self.lock();
        inner.waiting.remove(path);
        for progress in inner.progress.values_mut() {
            if progress.paths.get(path).is_some_and(|expected| progress::same(expected, came)) {
                progress.missing_paths.remove(path);
            }
        }
    }

    /// A narinfo waits for its NAR.
    pub fn wait(&self, path: HashPart, waiting: Waiting) {
        self.lock().waiting.insert(path, waiting);
    }

    /// The narinfos that wait for a NAR.
    pub fn waiting_for(&self, file: &str) -> Vec<(HashPart, Waiting)> {
        let inner = self.lock();
        inner.waiting.iter().filter(|(_, w)| w.file == file).map(|(path, w)| (path.clone(), w.clone())).collect()
    }

    /// The narinfos that wait and that no pending release expects any more; from here on they do not wait.
    fn take_unexpected(&self) -> Vec<HashPart> {
        let mut inner = self.lock();
        let expected: BTreeSet<HashPart> =
            inner.progress.values().flat_map(|p| p.missing_paths.iter().cloned()).collect();
        let gone: Vec<HashPart> = inner.waiting.keys().filter(|path| !expected.contains(*path)).cloned().collect();
        for path in &gone {
            inner.waiting.remove(path);
        }
        gone
    }

    /// The sites whose pending release lacks nothing, and its digest.
    fn complete(&self) -> Vec<(SiteId, Digest)> {
        let inner = self.lock();
        let complete = inner.progress.iter().filter(|(_, progress)| progress.is_complete());
        complete.map(|(site, progress)| (site.clone(), progress.digest)).collect()
    }

    fn missing(&self, site: &SiteId, digest: &Digest) -> Option<Missing> {
        let inner = self.lock();
        let progress = inner.progress.get(site).filter(|progress| progress.digest == *digest)?;
        Some(Missing {
            documents: progress.missing_documents.iter().copied().collect(),
            paths: progress.missing_paths.iter().cloned().collect(),
        })
    }

    fn finished(&self, site: &SiteId, digest: &Digest) {
        let mut inner = self.lock();
        if inner.progress.get(site).is_some_and(|progress| progress.digest == *digest) {
            inner.progress.remove(site);
        }
    }
}

/// Follows what is pending, and nothing else: whoever published something may have gone away before that was done. Reads
/// many files where something was.
pub fn follow_pending(depot: &Arc<Depot>) -> Result<(), Fault> {
    let directory = depot.directory();
    depot.publications.keep_only(&directory);
    let mut failed = Ok(());
    for pending in directory.sites().filter_map(|(_, published)| published.pending.as_ref()) {
        if let Err(error) = depot.publications.begin(depot, pending) {
            tracing::warn!(%error, site = %pending.release.site, "what a pending release lacks cannot be found out");
            failed = Err(error);
        }
    }
    narinfo::drop_unexpected(&depot.folders, &depot.publications);
    failed
}

/// Makes every pending release active that lacks nothing. One that cannot be stops no other; the error is that of the site
/// that is asked about.
pub async fn activate_complete(depot: &Arc<Depot>, asked: Option<&SiteId>) -> Result<(), Fault> {
    let (mut own, mut ended) = (Ok(()), false);
    for (site, digest) in depot.publications.complete() {
        let job = |reply| Job::Activate(Activate { site: site.clone(), digest, reply });
        let activated = depot.writer.write(job).await;
        match &activated {
            Ok(()) => tracing::info!(%site, %digest, "release is active"),
            // Replaced by another pending one meanwhile, which has a progress of its own.
            Err(WriteError::Stale) => continue,
            Err(error) => tracing::warn!(%error, %site, %digest, "a release that lacks nothing is not active"),
        }
        if matches!(activated, Ok(()) | Err(WriteError::Unfit(_))) {
            depot.publications.finished(&site, &digest);
            ended = true;
        }
        if asked == Some(&site) {
            own = activated.map_err(Fault::from);
        }
    }
    if ended {
        let clear = |depot: &Arc<Depot>| {
            narinfo::drop_unexpected(&depot.folders, &depot.publications);
            Ok(())
        };
        depot.blocking(clear).await?;
    }
    own
}

/// How far the newest publication of a site has come.
pub fn state(depot: &Depot, site: &SiteId) -> Option<Publication> {
    let published = depot.directory().site(site);
    let pending = published.pending.as_ref().and_then(|pending| {
        let missing = depot.publications.missing(site, &pending.digest)?;
        Some((pending.clone(), State::Pending, missing))
    });
    let active = || Some((published.active()?.clone(), State::Active, Missing::default()));
    let (stored, state, missing) = pending.or_else(active)?;
    let (epoch, serial) = stored.release.point();
    Some(Publication { schema: PublicationSchema::V1, state, epoch, serial, digest: stored.digest, missing })
}
