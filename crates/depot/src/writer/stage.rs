//! One transaction under way.

use std::collections::BTreeMap;
use std::sync::Arc;

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_trust::time::Time;
use writ_wire::Signed;

use super::WriteError;
use super::logs::{Logs, Sealed};
use crate::clock;
use crate::depot::Depot;
use crate::directory::Directory;
use crate::judge;
use crate::sitelog::LogError;
use crate::store::Connection;
use crate::store::checkpoints::{self, Names};
use crate::store::releases::{self, StoredRelease};

/// A log that the transaction touches.
#[derive(Debug)]
struct Touched {
    site: SiteId,
    restart: Option<Arc<Signed>>,
}

/// A log's row, and the document that began it.
type Known = (i64, Option<Arc<Signed>>);

/// What the jobs of one transaction share.
pub(super) struct Stage<'a> {
    pub depot: &'a Arc<Depot>,
    pub connection: &'a dyn Connection,
    pub logs: &'a mut Logs,
    /// What will have been published once this is committed.
    pub directory: Arc<Directory>,
    pub now: Time,
    touched: BTreeMap<i64, Touched>,
    /// Logs that this transaction creates.
    created: BTreeMap<(SiteId, u64), Known>,
}

impl<'a> Stage<'a> {
    /// A transaction to which nothing was applied yet.
    pub fn new(depot: &'a Arc<Depot>, connection: &'a dyn Connection, logs: &'a mut Logs) -> Self {
        let (directory, now) = (depot.directory(), clock::now());
        Self { depot, connection, logs, directory, now, touched: BTreeMap::new(), created: BTreeMap::new() }
    }

    /// The row of one log of a site.
    fn row(&self, site: &SiteId, number: u64) -> Option<Known> {
        let created = self.created.get(&(site.clone(), number)).cloned();
        created.or_else(|| self.depot.heads.number(site, number).map(|head| (head.id, head.restart.clone())))
    }

    /// The row of the log that a site's entries go to, if one can be made now.
    pub fn log(&self, site: &SiteId) -> Result<i64, WriteError> {
        let (number, _) = self.directory.current_log(site).ok_or_else(|| WriteError::NoLog(site.clone()))?;
        let (row, _) = self.row(site, number).ok_or_else(|| WriteError::NoLog(site.clone()))?;
        if !self.directory.may_log(&self.depot.log_key.public_key(), site, self.now) {
            return Err(WriteError::LogKey(site.clone()));
        }
        Ok(row)
    }

    /// Adds an entry to a log of a site and returns its index.
    pub fn append(&mut self, site: &SiteId, log: i64, entry: Vec<u8>, names: Names) -> Result<u64, LogError> {
        if !self.touched.contains_key(&log) {
            let created = self.created.values().find(|(row, _)| *row == log).map(|(_, restart)| restart.clone());
            let known = || self.depot.heads.row(site, log).and_then(|head| head.restart.clone());
            let restart = created.unwrap_or_else(known);
            self.touched.insert(log, Touched { site: site.clone(), restart });
        }
        let open = self.logs.stage(self.connection, site, log)?;
        checkpoints::add_entry(self.connection, log, open.size(), &entry, names)?;
        Ok(open.push(entry))
    }

    /// Opens a log of a site that was not there.
    pub fn create(
        &mut self,
        site: &SiteId,
        number: u64,
        origin: &str,
        restart: Option<Arc<Signed>>,
    ) -> Result<i64, LogError> {
        let row = checkpoints::create(self.connection, site, number, origin, restart.as_deref())?;
        self.created.insert((site.clone(), number), (row, restart));
        Ok(row)
    }

    /// Whether a site has this log, counting what this transaction creates.
    pub fn has_log(&self, site: &SiteId, number: u64) -> bool {
        self.row(site, number).is_some()
    }

    /// Adds the newest trust root to a log, unless that has it.
    pub fn log_root(&mut self, site: &SiteId, log: i64) -> Result<(), LogError> {
        let (version, digest) = (self.directory.chain.newest().version, self.directory.chain.newest_digest());
        if checkpoints::one(self.connection, log)?.trust >= version.get() {
            return Ok(());
        }
        let (schema, site) = (EntrySchema::V1, site.clone());
        let entry = LogEntry::Trust { schema, site: site.clone(), version, digest, time: self.now };
        self.append(&site, log, entry.canonical(), Names::Other)?;
        checkpoints::set_trust(self.connection, log, version.get())?;
        Ok(())
    }

    /// Adds a release to a log.
    pub fn log_release(&mut self, stored: &StoredRelease, log: i64) -> Result<(), LogError> {
        let release = &stored.release;
        let entry = LogEntry::Release {
            schema: EntrySchema::V1,
            site: release.site.clone(),
            epoch: release.epoch,
            serial: release.serial,
            previous: release.previous,
            digest: Digest::of(&stored.signed.document.0),
            time: self.now,
        };
        self.append(&release.site, log, entry.canonical(), Names::Release(stored.id))?;
        Ok(())
    }

    /// Forgets the pending release of a site.
    pub fn drop_pending(&mut self, site: &SiteId) -> Result<(), LogError> {
        releases::drop_pending(self.connection, site)?;
        self.directory = Arc::new(self.directory.without_pending(site));
        Ok(())
    }

    /// Forgets the pending releases that do not hold by the newest trust root.
    pub fn judge_pending(&mut self) -> Result<(), LogError> {
        let pending: Vec<_> = self.directory.sites().filter_map(|(_, site)| site.pending.clone()).collect();
        for pending in pending {
            let site = &pending.release.site;
            if let Err(reason) = judge::holds(&self.directory, site, &pending.signed, self.now) {
                tracing::warn!(%site, digest = %pending.digest, "a pending release holds no more: {reason}");
                self.drop_pending(site)?;
            }
        }
        Ok(())
    }

    /// Opens the first log of every site that the newest trust root gives one, and adds that root to every log that grows.
    /// A site whose log cannot be signed is left as it is: whoever sends it something hears why.
    pub fn follow_roots(&mut self) -> Result<(), LogError> {
        let sites: Vec<SiteId> = self.directory.chain.newest().log_origins.keys().cloned().collect();
        for site in sites {
            let Some((number, origin)) = self.directory.current_log(&site).map(|(n, o)| (n, o.to_owned())) else {
                continue;
            };
            if !self.directory.may_log(&self.depot.log_key.public_key(), &site, self.now) {
                tracing::warn!(%site, "{}", WriteError::LogKey(site.clone()));
                continue;
            }
            // A later log begins with the document that ends the one before.
            let begins = number == 1 && !self.has_log(&site, 1);
            if begins {
                self.create(&site, 1, &origin, None)?;
            }
            let log = match self.log(&site) {
                Ok(log) => log,
                Err(reason) => {
                    tracing::warn!(%site, "{reason}");
                    continue;
                }
            };
            self.log_root(&site, log)?;
            // A release that became active before there was a log has to be in it all the same.
            if let Some(active) = self.directory.site(&site).active().filter(|_| begins) {
                self.log_release(active, log)?;
            }
        }
        Ok(())
    }

    /// Signs anew every growing log's checkpoint that is older than it should be.
    pub fn renew(&mut self) -> Result<(), LogError> {
        let most = i64::try_from(self.depot.options.renew.as_millis()).unwrap_or(i64::MAX);
        for (site, head) in self.depot.heads.all() {
            let age = self.now.millis_since(head.signed_at);
            // A clock that was set back makes a checkpoint of the future, which is no fresher for that.
            if (0..most).contains(&age) || self.log(&site).ok() != Some(head.id) {
                continue;
            }
            self.logs.stage(self.connection, &site, head.id)?;
            self.touched.entry(head.id).or_insert(Touched { site, restart: head.restart.clone() });
        }
        Ok(())
    }

    /// Signs a checkpoint of every log that was touched.
    pub fn seal(&mut self) -> Result<Vec<Sealed>, LogError> {
        let mut all = Vec::new();
        for (id, Touched { site, restart }) in std::mem::take(&mut self.touched) {
            let log = self.logs.stage(self.connection, &site, id)?;
            let signed = log.sign(&self.depot.log_key, self.now);
            let checkpoint = &signed.checkpoint;
            checkpoints::put(self.connection, id, checkpoint.size, &checkpoint.root, &signed.note)?;
            all.push(Sealed { site, id, signed, restart, at: self.now });
        }
        Ok(all)
    }
}
