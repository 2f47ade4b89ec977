//! The pull: trust roots, the site's log, the newest release, and the documents it names.

use std::path::Path;

use tracing::{info, warn};
use writ_client::Client;
use writ_nix::cache::Entry;
use writ_policy::closure::{Closure, StorePath};
use writ_trust::acceptance::{self, Identity, LogProof};
use writ_trust::digest::Digest;
use writ_trust::floor::{Floor, FloorRelease};
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::judge;
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt};
use writ_trust::refusal::Refusal;
use writ_trust::release::{Generation, Release};
use writ_wire::releases::LoggedRelease;
use writ_wire::sync::{MAX_ROOTS, Sync};
use writ_wire::{MAX_ENVELOPE, paths};

use super::courier::Courier;
use super::fetch::Fetch;
use super::identity::Vouched;
use super::inbox::{self, Inbox};
use super::schedule::{Ending, Event};
use super::sitelog::{Continued, Ground};
use super::trouble::Trouble;
use super::{now, roots};
use crate::crash_point;

/// The release that waits for its closure, in the state directory.
pub const PENDING: &str = "pending.json";

impl Courier {
    /// Pulls what is new. What is to be done besides comes back as events.
    pub fn pull(&mut self, vouched: &Vouched) -> Result<(Ending, Vec<Event>), Trouble> {
        self.fetched.clear();
        let client = self.signed(vouched);
        let size = self.log.size(&self.ground(&client));
        let target = paths::sync(self.chain.newest().version, size);
        let known = self.etag.as_ref().filter(|(asked, _)| *asked == target).map(|(_, etag)| etag.clone());
        let fetched = client.get_if_changed(&target, known.as_deref(), MAX_ENVELOPE as u64)?;
        let Some(fetched) = fetched else {
            self.lay_tiles_again(&client, vouched)?;
            let wanted = self.look_again(&client)?;
            return Ok((Ending::Done, wanted.into_iter().collect()));
        };
        let answer = Sync::parse(&fetched.bytes).map_err(|e| Trouble::refused("sync-document", e))?;
        let etag = fetched.etag;
        drop(fetched.bytes);
        if answer.site != self.config.site {
            let message = format!("the answer is for site {}, expected {}", answer.site, self.config.site);
            return Err(Trouble::refused("sync-site", message));
        }
        if answer.roots.len() > MAX_ROOTS {
            let message = format!("{} trust roots in one answer, expected at most {MAX_ROOTS}", answer.roots.len());
            return Err(Trouble::refused("trust-chain", message));
        }
        for root in &answer.roots {
            roots::take(&mut self.chain, &self.inbox, root)?;
            info!(version = %self.chain.newest().version, "trust root");
        }
        if answer.roots.len() == MAX_ROOTS {
            return Ok((Ending::More, Vec::new()));
        }
        self.take_log(&client, vouched, &answer)?;
        let mut wanted = match &answer.release {
            Some(logged) => self.take_release(&client, vouched, logged)?,
            None => None,
        };
        if wanted.is_none() {
            wanted = self.look_again(&client)?;
        }
        // Only now: what was not taken in whole is asked for again. What moved on asks by another address anyway.
        self.etag = etag.map(|etag| (target, etag));
        Ok((Ending::Done, wanted.into_iter().collect()))
    }

    /// Takes in a release, unless it is the one that is here. The event is that its closure is to be fetched.
    fn take_release(
        &mut self,
        client: &Client,
        vouched: &Vouched,
        logged: &LoggedRelease,
    ) -> Result<Option<Event>, Trouble> {
        logged.release.check_bounds().map_err(|e| Trouble::refused("size", e))?;
        let here = self.newest()?;
        let digest = Digest::of(&logged.release.document.0);
        let receipt = logged.receipt.as_ref().map(|receipt| receipt.0.as_slice());
        if let Some(newest) = here.filter(|newest| newest.digest == digest) {
            let point = (newest.epoch, newest.serial);
            let there = self.inbox.receipt(point)?;
            if let Some(receipt) = receipt.filter(|receipt| Some(*receipt) != there.as_deref()) {
                self.take_receipt(client, &logged.release.document.0, receipt)?;
            }
            return Ok(None);
        }
        let (release, own) = self.judge(client, vouched, logged, here)?;
        info!(epoch = %release.epoch, serial = %release.serial, "release");
        self.take_documents(client, &own)?;
        let missing = match &own.closure {
            Some(named) => self.missing(&named.digest)?,
            None => 0,
        };
        if missing > 0 {
            info!(paths = missing, "of its closure are to be fetched");
        }
        // One whose time is to come takes the place of those before it all the same, so the enforcer hears of it at once, and takes up
        // no older one meanwhile. Its closure follows, as that of the newest one here does when the cache has lost something.
        let is_to_come = own.not_before > now();
        if missing == 0 || is_to_come {
            self.place(logged, &release)?;
            return Ok((missing > 0).then_some(Event::FetchWanted));
        }
        let pending = self.config.state_dir.join(PENDING);
        crash_point!("sync-pending");
        writ_durable::replace(&pending, &logged.canonical(), 0o600).map_err(Trouble::at(&pending))?;
        Ok(Some(Event::FetchWanted))
    }

    /// Takes in a newer receipt of the release that is here. Only that is judged: the release itself was judged when it came,
    /// and the keys of that day may not sign any more.
    fn take_receipt(&self, client: &Client, release: &[u8], receipt: &[u8]) -> Result<(), Trouble> {
        let ground = self.ground(client);
        let digest = Digest::of(release);
        let release = Release::parse(release).map_err(|e| Trouble::refused("document", e))?;
        let continued = self.continued(&ground, Some(receipt))?;
        let continuity = continued.after(self.log.seen().map(|seen| &seen.checkpoint));
        let included = judge::inclusion(&self.chain, &release, digest, Some(receipt), &continuity, ground.now)?;
        if included.is_some() {
            self.inbox.write_receipt(release.point(), receipt)?;
        }
        Ok(())
    }

    /// What leads from the checkpoint seen to that in a receipt.
    fn continued(&self, ground: &Ground<'_>, receipt: Option<&[u8]>) -> Result<Continued, Trouble> {
        match receipt.and_then(|receipt| verified(ground, receipt)) {
            Some(proven) => self.log.continued(ground, &proven.checkpoint),
            None => Ok(Continued::default()),
        }
    }

    /// Whether all that the newest release here names is still here, for a cache can lose files: documents are fetched at once;
    /// the event is that paths of the closure are to be.
    fn look_again(&self, client: &Client) -> Result<Option<Event>, Trouble> {
        let Some(own) = self.newest_release()?.and_then(|release| self.own(&release)) else { return Ok(None) };
        self.take_documents(client, &own)?;
        Ok(self.fetch()?.map(|_| Event::FetchWanted))
    }

    /// How many paths of a closure are to be fetched; its document is in the inbox.
    fn missing(&self, closure: &Digest) -> Result<usize, Trouble> {
        Ok(missing(&self.inbox, &self.config.store, &read_closure(&self.inbox, closure)?).len())
    }

    /// The exact bytes of the newest release in the inbox.
    fn newest_release(&self) -> Result<Option<Vec<u8>>, Trouble> {
        self.inbox.points().first().map_or(Ok(None), |point| self.inbox.release(*point))
    }

    /// What a release has for this appliance.
    pub(super) fn own(&self, release: &[u8]) -> Option<Generation> {
        Release::parse(release).ok()?.generations.remove(&self.config.appliance)
    }

    /// What is to be fetched: for the release that waits, or for the newest one here whose closure has lost paths; `None` when
    /// nothing is.
    pub fn fetch(&self) -> Result<Option<Fetch>, Trouble> {
        let pending = self.pending()?.map(|logged| logged.release.document.0);
        let is_pending = pending.is_some();
        let Some(bytes) = pending.map_or_else(|| self.newest_release(), |bytes| Ok(Some(bytes)))? else {
            return Ok(None);
        };
        let Some(closure) = self.own(&bytes).and_then(|own| own.closure) else { return Ok(None) };
        if !is_pending && self.missing(&closure.digest)? == 0 {
            return Ok(None);
        }
        Ok(Some(Fetch {
            client: self.unsigned(),
            inbox: self.inbox.clone(),
            store: self.config.store.clone(),
            release: Digest::of(&bytes),
            closure: closure.digest,
            keys: self.chain.newest().nix_public_keys(&self.config.site, now()),
        }))
    }

    /// The newest release in the inbox.
    pub fn newest(&self) -> Result<Option<FloorRelease>, Trouble> {
        let Some(point) = self.inbox.points().first().copied() else { return Ok(None) };
        let bytes = self.inbox.release(point)?;
        Ok(bytes.map(|bytes| FloorRelease { epoch: point.0, serial: point.1, digest: Digest::of(&bytes) }))
    }

    /// Judges a release by the rules of acceptance, as far as a courier can: what comes before its time is carried all the
    /// same.
    fn judge(
        &self,
        client: &Client,
        vouched: &Vouched,
        logged: &LoggedRelease,
        newest: Option<FloorRelease>,
    ) -> Result<(Release, Generation), Trouble> {
        let ground = self.ground(client);
        let mut floor = Floor::initial(self.config.site.clone(), &self.chain);
        floor.release = newest;
        let identity = Identity {
            site: self.config.site.clone(),
            appliance: self.config.appliance.clone(),
            public_key: vouched.appliance_key.clone(),
        };
        let receipt = logged.receipt.as_ref().map(|receipt| receipt.0.as_slice());
        let continued = self.continued(&ground, receipt)?;
        let seen = self.log.seen().map(|seen| &seen.checkpoint);
        let log = LogProof { receipt, continuity: continued.after(seen) };
        let bytes = &logged.release.document.0;
        let signatures = &logged.release.signatures;
        match acceptance::accept(bytes, signatures, &self.chain, &floor, &identity, &log, ground.now) {
            Ok(accepted) => Ok((accepted.release, accepted.entry)),
            Err(Refusal::NotBefore { .. }) => {
                let release = Release::parse(bytes).map_err(|e| Trouble::refused("document", e))?;
                let own = release.generations.get(&self.config.appliance).cloned();
                let own = own.ok_or_else(|| Trouble::refused("entry", "no entry for this appliance"))?;
                Ok((release, own))
            }
            Err(refusal) => Err(Trouble::Refused { rule: refusal.rule().name(), message: refusal.to_string() }),
        }
    }

    /// Brings the documents of a generation into the inbox.
    fn take_documents(&self, client: &Client, own: &Generation) -> Result<(), Trouble> {
        let policy = (own.policy.digest, own.policy.size);
        let closure = own.closure.as_ref().map(|closure| (closure.digest, closure.size));
        for (digest, size) in [Some(policy), closure].into_iter().flatten() {
            let path = self.inbox.document(&digest);
            if inbox::read(&path, MAX_DOCUMENT).ok().flatten().is_some_and(|there| Digest::of(&there) == digest) {
                continue;
            }
            let bytes = client.get(&paths::document(&digest), size)?;
            if bytes.len() as u64 != size || Digest::of(&bytes) != digest {
                let found = Digest::of(&bytes);
                let message = format!("{} bytes with digest {found}, expected {size} with {digest}", bytes.len());
                return Err(Trouble::refused("document", message));
            }
            crash_point!("sync-document");
            self.inbox.write_if_other(&path, &bytes)?;
        }
        Ok(())
    }

    /// Puts a release into the inbox: its documents are there, and its closure as well, unless its time is to come.
    fn place(&mut self, logged: &LoggedRelease, release: &Release) -> Result<(), Trouble> {
        crash_point!("sync-release");
        self.inbox.write_release(release.point(), logged, self.chain.newest())?;
        let pending = self.config.state_dir.join(PENDING);
        writ_durable::remove(&pending).map_err(Trouble::at(&pending))?;
        info!(epoch = %release.epoch, serial = %release.serial, "the release is in the inbox");
        self.status.changed();
        Ok(())
    }

    /// The closure of the pending release was fetched: puts the release into the inbox, if it is still the one. Judged again,
    /// for that may have taken days.
    pub fn place_pending(&mut self, vouched: &Vouched, fetched: Digest) -> Result<Option<Event>, Trouble> {
        let Some(logged) = self.pending()? else { return Ok(None) };
        if Digest::of(&logged.release.document.0) != fetched {
            return Ok(Some(Event::FetchWanted));
        }
        let client = self.signed(vouched);
        let (release, _) = match self.judge(&client, vouched, &logged, self.newest()?) {
            Ok(judged) => judged,
            Err(trouble) => {
                warn!("the pending release is not used: {trouble}");
                self.etag = None;
                return Err(trouble);
            }
        };
        self.place(&logged, &release)?;
        Ok(None)
    }

    /// The release that waits for its closure.
    pub fn pending(&self) -> Result<Option<LoggedRelease>, Trouble> {
        let path = self.config.state_dir.join(PENDING);
        let Some(bytes) = inbox::read(&path, MAX_ENVELOPE)? else { return Ok(None) };
        Ok(LoggedRelease::parse(&bytes).inspect_err(|e| warn!("{}: {e}", path.display())).ok())
    }
}

/// The paths of a closure that neither the store nor the cache in the inbox has.
pub fn missing<'c>(inbox: &Inbox, store: &Path, closure: &'c Closure) -> Vec<&'c StorePath> {
    closure.paths.iter().filter(|path| !in_store(store, path) && !in_cache(inbox, path)).collect()
}

/// Whether the store has a path. Nix gives what it has finished the modification time 1; what an import left half-done has
/// another one.
fn in_store(store: &Path, path: &StorePath) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Some(base) = path.path.rsplit('/').next() else { return false };
    std::fs::symlink_metadata(store.join(base)).is_ok_and(|metadata| metadata.mtime() == 1)
}

/// Whether the cache has a path: it is put there only when it was checked.
fn in_cache(inbox: &Inbox, path: &StorePath) -> bool {
    let Ok(entry) = Entry::read(&inbox.cache(), path) else { return false };
    let (Ok(file), Ok((size, _))) = (entry.nar_file(), entry.named_by_content()) else { return false };
    std::fs::symlink_metadata(inbox.nars().join(file)).is_ok_and(|there| there.is_file() && there.len() == size)
}

/// Reads a closure document that is in the inbox.
pub fn read_closure(inbox: &Inbox, digest: &Digest) -> Result<Closure, Trouble> {
    let path = inbox.document(digest);
    let bytes = writ_durable::read_bounded(&path, MAX_DOCUMENT).map_err(Trouble::at(&path))?;
    Closure::parse(&bytes).map_err(|e| Trouble::refused("document", e))
}

/// The checkpoint in a receipt, as it claims.
pub(super) fn claimed(receipt: &[u8]) -> Option<Checkpoint> {
    let receipt = (receipt.len() <= MAX_RECEIPT).then(|| Receipt::parse(receipt).ok())??;
    Checkpoint::parse(&writ_trust::log::note::Note::parse(receipt.checkpoint.as_bytes()).ok()?.text).ok()
}

/// The checkpoint in a receipt, if the log's key signed it.
fn verified(ground: &Ground<'_>, receipt: &[u8]) -> Option<SignedCheckpoint> {
    let (origin, _) = ground.current()?;
    let receipt = Receipt::parse(receipt).ok()?;
    SignedCheckpoint::verify(receipt.checkpoint.as_bytes(), origin, &ground.keys()).ok()
}
