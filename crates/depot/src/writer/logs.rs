//! The logs that the writing thread has open.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use writ_durable::crash_point;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::SignedCheckpoint;
use writ_trust::time::Time;
use writ_wire::Signed;

use crate::depot::Depot;
use crate::sitelog::{Head, LogError, LogFileError, LogFiles, OpenLog};
use crate::store::{Begin, Connection, StoreError, checkpoints};

/// The most logs kept open while nothing is written to them.
const KEPT: usize = 64;

/// A checkpoint that was committed and is to be published.
#[derive(Debug)]
pub(super) struct Sealed {
    /// The site.
    pub site: SiteId,
    /// The log's row.
    pub id: i64,
    /// What was signed.
    pub signed: SignedCheckpoint,
    /// The document that began the log.
    pub restart: Option<Arc<Signed>>,
    /// When it was signed.
    pub at: Time,
}

/// The logs that are open, and what is left to do with others.
#[derive(Debug)]
pub(super) struct Logs {
    depot: Arc<Depot>,
    open: HashMap<i64, OpenLog>,
    /// Touched by the transaction that is under way.
    staged: BTreeSet<i64>,
    /// Logs whose files may be behind: an attempt to write failed.
    doubtful: BTreeSet<i64>,
    /// Committed, but the files could not be written yet.
    unpublished: BTreeMap<i64, Sealed>,
    /// How far the files of each log were written since they were last flushed.
    unflushed: BTreeMap<i64, u64>,
    /// How often the database was connected to when it was last seen to be as it was left.
    connected: u64,
}

impl Logs {
    /// No log is open.
    pub fn new(depot: Arc<Depot>) -> Self {
        Self {
            depot,
            open: HashMap::new(),
            staged: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            unpublished: BTreeMap::new(),
            unflushed: BTreeMap::new(),
            connected: 0,
        }
    }

    /// Sees, where the database had to be connected to since, that every log is there as it was left: not one entry more, by
    /// another depot, and not one less, as where an older copy of the database was put in its place.
    pub fn require_unchanged(&mut self, connection: &dyn Connection) -> Result<(), StoreError> {
        let connected = connection.connected();
        if connected == self.connected {
            return Ok(());
        }
        for (site, head) in self.depot.heads.all() {
            let left = self.unpublished.get(&head.id).map_or(&head.note[..], |sealed| sealed.signed.note.as_bytes());
            let found = match checkpoints::one(connection, head.id) {
                Ok(stored) if stored.note.as_bytes() == left => continue,
                Ok(stored) => format!("it has {} entries now", stored.size),
                Err(StoreError::Damaged { reason, .. }) => reason,
                Err(error) => return Err(error),
            };
            return Err(StoreError::Superseded(format!(
                "log {} of {site} is not as this process left it: {found}",
                head.number
            )));
        }
        self.connected = connected;
        Ok(())
    }

    /// Opens a log for the transaction that is under way.
    pub fn stage(&mut self, connection: &dyn Connection, site: &SiteId, id: i64) -> Result<&mut OpenLog, LogError> {
        self.staged.insert(id);
        self.opened(connection, site, id)
    }

    fn opened(&mut self, connection: &dyn Connection, site: &SiteId, id: i64) -> Result<&mut OpenLog, LogError> {
        if !self.open.contains_key(&id) {
            let stored = checkpoints::one(connection, id)?;
            let files = LogFiles::new(self.depot.folders.log(site, stored.number));
            let log = match self.doubtful.contains(&id) {
                true => OpenLog::recover(connection, &stored, files)?,
                false => OpenLog::open(connection, &stored, files)?,
            };
            self.doubtful.remove(&id);
            self.open.insert(id, log);
        }
        Ok(self.open.get_mut(&id).expect("opened above"))
    }

    /// Whether readers see all of a log that was committed.
    pub fn is_published(&self, id: i64) -> bool {
        !self.unpublished.contains_key(&id)
    }

    /// A log that was committed and published; `None` when its files could not be written, so that nothing of it may be
    /// answered.
    pub fn published(&mut self, id: i64) -> Option<&mut OpenLog> {
        if self.is_published(id) { self.open.get_mut(&id) } else { None }
    }

    /// The transaction was not committed: what was staged never was.
    pub fn forget_staged(&mut self) {
        for id in std::mem::take(&mut self.staged) {
            self.open.remove(&id);
            // What was committed before is in the files, unless those could not be written.
            if self.unpublished.contains_key(&id) {
                self.doubtful.insert(id);
            }
        }
    }

    /// Writes the files of what was committed, and lets readers see it. What fails is tried again with the next group.
    pub fn publish(&mut self, connection: &dyn Connection, sealed: Vec<Sealed>) {
        self.staged.clear();
        for sealed in sealed {
            self.unpublished.insert(sealed.id, sealed);
        }
        for (id, sealed) in std::mem::take(&mut self.unpublished) {
            if let Err(error) = self.publish_one(connection, &sealed) {
                tracing::error!(%error, site = %sealed.site, "the log's files could not be written; trying again later");
                self.depot.metrics.commit_failures.inc();
                self.unpublished.insert(id, sealed);
            }
        }
    }

    fn publish_one(&mut self, connection: &dyn Connection, sealed: &Sealed) -> Result<(), LogError> {
        let log = self.opened(connection, &sealed.site, sealed.id)?;
        log.write_files()?;
        crash_point!("tiles-written");
        if let Some(restart) = &sealed.restart {
            log.write_restart(restart)?;
        }
        log.publish(&sealed.signed.note)?;
        crash_point!("checkpoint-written");
        let checkpoint = &sealed.signed.checkpoint;
        let head = Head {
            id: sealed.id,
            number: log.number,
            origin: checkpoint.origin.clone(),
            size: checkpoint.size,
            note: Bytes::from(sealed.signed.note.clone()),
            signed_at: sealed.at,
            restart: sealed.restart.clone(),
        };
        self.unflushed.insert(sealed.id, checkpoint.size);
        self.depot.heads.put(&sealed.site, head);
        Ok(())
    }

    /// Lets readers see other signatures of the document that began a log.
    pub fn replace_restart(&mut self, site: &SiteId, id: i64, restart: Arc<Signed>) -> Result<(), LogFileError> {
        if let Some(sealed) = self.unpublished.get_mut(&id) {
            sealed.restart = Some(restart.clone());
        }
        let Some(head) = self.depot.heads.row(site, id) else { return Ok(()) };
        let files = LogFiles::new(self.depot.folders.log(site, head.number));
        self.depot.heads.put(site, Head { restart: Some(restart.clone()), ..(*head).clone() });
        files.write_restart(&restart)
    }

    /// Forgets what is in the files by now.
    pub fn trim(&mut self) {
        for log in self.open.values_mut().filter(|log| !log.is_behind()) {
            log.trim();
        }
        if self.open.len() > KEPT {
            let unpublished = &self.unpublished;
            let idle: Vec<i64> = self.open.keys().filter(|id| !unpublished.contains_key(id)).copied().collect();
            for id in idle.into_iter().take(self.open.len() - KEPT) {
                self.open.remove(&id);
            }
        }
    }

    /// Makes the files of all logs survive a power cut, and notes how far.
    pub fn flush(&mut self, connection: &dyn Connection) -> Result<(), LogError> {
        if self.unflushed.is_empty() {
            return Ok(());
        }
        LogFiles::new(self.depot.folders.logs()).flush()?;
        let transaction = connection.transaction(Begin::Writing)?;
        for (id, size) in &self.unflushed {
            checkpoints::set_flushed(&*transaction, *id, *size)?;
        }
        transaction.commit()?;
        self.unflushed.clear();
        Ok(())
    }
}
