//! What this courier has verified of the site's log: the newest checkpoint, and what continues it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use tracing::warn;
use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint, log_keys, log_keys_ever};
use writ_trust::log::judge::{self, Continuity, LogProblem};
use writ_trust::log::note::{MAX_NOTE, Note};
use writ_trust::log::restart::LogRestart;
use writ_trust::log::tree::Hash;
use writ_trust::minisign::PublicKey;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;
use writ_wire::Signed;
use writ_wire::paths::{self};

use super::inbox::Inbox;
use super::tiles::{self, Fetched, Source};
use super::trouble::Trouble;
use crate::crash_point;

/// The file of the newest verified checkpoint in the state directory.
const FILE: &str = "checkpoint";

/// A restart as the rules take it: exact bytes and signature files.
type Restart = (Vec<u8>, Vec<Vec<u8>>);

/// Where the depot, the inbox and the trust roots are, for what is judged here.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The depot.
    pub client: &'a Client,
    /// The inbox.
    pub inbox: &'a Inbox,
    /// The trust roots.
    pub chain: &'a TrustChain,
    /// The site.
    pub site: &'a SiteId,
    /// The tiles that this job has fetched.
    pub fetched: &'a Fetched,
    /// The clock.
    pub now: Time,
}

impl<'a> Ground<'a> {
    fn tiles(&self, number: usize, size: u64) -> Source<'a> {
        Source::new(self.client, self.inbox, self.site, self.fetched, number, size)
    }

    /// Origin and number of the site's current log; `None` when the newest root names none.
    pub fn current(&self) -> Option<(&str, usize)> {
        let origins = self.chain.newest().origins(self.site);
        origins.last().map(|origin| (origin.as_str(), origins.len()))
    }

    /// The keys by which that log may sign now.
    pub fn keys(&self) -> Vec<PublicKey> {
        log_keys(self.chain.newest(), self.site, self.now)
    }
}

/// What was verified.
#[derive(Debug)]
pub struct SiteLog {
    path: PathBuf,
    seen: Option<SignedCheckpoint>,
}

/// What leads from the checkpoint that was seen to one that is offered.
#[derive(Debug, Default)]
pub struct Continued {
    consistency: Vec<Hash>,
    restarts: Vec<Restart>,
}

impl Continued {
    /// The same for the rules.
    pub fn after<'c>(&'c self, seen: Option<&'c Checkpoint>) -> Continuity<'c> {
        Continuity { seen, consistency: &self.consistency, restarts: &self.restarts }
    }
}

impl SiteLog {
    /// What was verified before the last stop. What cannot be read is forgotten, and said: the enforcer keeps its own.
    pub fn load(state_dir: &Path, chain: &TrustChain, site: &SiteId) -> Self {
        let path = state_dir.join(FILE);
        let seen = match read(&path, chain, site) {
            Ok(seen) => seen,
            Err(why) => {
                warn!("{}: {why}; the log is verified anew from here on", path.display());
                None
            }
        };
        Self { path, seen }
    }

    /// The newest checkpoint that was verified.
    pub fn seen(&self) -> Option<&SignedCheckpoint> {
        self.seen.as_ref()
    }

    /// How many entries of the current log were verified; 0 when none were.
    pub fn size(&self, ground: &Ground<'_>) -> u64 {
        let current = ground.current().map(|(origin, _)| origin);
        let seen = self.seen.as_ref().filter(|seen| Some(seen.checkpoint.origin.as_str()) == current);
        seen.map_or(0, |seen| seen.checkpoint.size)
    }

    /// Gathers what leads from the checkpoint seen to one whose signature held: a consistency proof from tiles, or restarts.
    pub fn continued(&self, ground: &Ground<'_>, offered: &Checkpoint) -> Result<Continued, Trouble> {
        let mut continued = Continued::default();
        let (Some(seen), Some((_, number))) = (&self.seen, ground.current()) else { return Ok(continued) };
        let seen = &seen.checkpoint;
        if seen.origin == offered.origin {
            let (older, newer) = if seen.size <= offered.size { (seen, offered) } else { (offered, seen) };
            let mut source = ground.tiles(number, newer.size);
            continued.consistency = match tiles::proof(&mut source, older.size, newer) {
                // A log that went back cannot show what it has lost. Without a proof it is judged by its name.
                Err(Trouble::Refused { .. }) if offered.size < seen.size => Vec::new(),
                proof => proof?,
            };
            return Ok(continued);
        }
        let origins = ground.chain.newest().origins(ground.site);
        let from = origins.iter().position(|origin| *origin == seen.origin).unwrap_or(origins.len());
        for number in from + 2..=origins.len() {
            let Some(restart) = ground.inbox.restart(number)? else { break };
            continued.restarts.push((restart.document.0, restart.signatures.into_iter().map(|s| s.0).collect()));
        }
        Ok(continued)
    }

    /// Judges a note as a head of the site's log: its signature, and that it continues what was seen. `None` when there is no
    /// log, or when it is older than what was seen.
    pub fn judge(&self, ground: &Ground<'_>, note: &[u8]) -> Result<Option<SignedCheckpoint>, Trouble> {
        let Some((origin, _)) = ground.current() else { return Ok(None) };
        let offered = SignedCheckpoint::verify(note, origin, &ground.keys()).map_err(LogProblem::Checkpoint)?;
        let continued = self.continued(ground, &offered.checkpoint)?;
        let continuity = continued.after(self.seen.as_ref().map(|seen| &seen.checkpoint));
        Ok(judge::head(ground.chain, ground.site, note, &continuity, ground.now)?)
    }

    /// Keeps a checkpoint that was judged, durably, before anything is built on it.
    pub fn keep(&mut self, newer: SignedCheckpoint) -> Result<(), Trouble> {
        if self.seen.as_ref().is_some_and(|seen| seen.note == newer.note) {
            return Ok(());
        }
        crash_point!("sync-checkpoint");
        writ_durable::replace(&self.path, newer.note.as_bytes(), 0o644).map_err(Trouble::at(&self.path))?;
        self.seen = Some(newer);
        Ok(())
    }
}

fn read(path: &Path, chain: &TrustChain, site: &SiteId) -> Result<Option<SignedCheckpoint>, String> {
    let bytes = match writ_durable::read_bounded(path, MAX_NOTE) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.to_string()),
    };
    let note = Note::parse(&bytes).map_err(|e| e.to_string())?;
    let origin = Checkpoint::parse(&note.text).map_err(|e| e.to_string())?.origin;
    if !chain.newest().origins(site).contains(&origin) {
        return Err("it is of a log that the trust root does not list".to_owned());
    }
    SignedCheckpoint::verify(&bytes, &origin, &log_keys_ever(chain, site)).map(Some).map_err(|e| e.to_string())
}

/// Brings every restart of the site's log into the inbox that is not there yet, or no longer holds. `current` came with the
/// last pull.
///
/// Those up to log `passed` are behind everybody here. One of them that no longer holds, as when a signer was revoked since,
/// is asked for again and no more than said: news do not wait for it.
pub fn take_restarts(ground: &Ground<'_>, passed: usize, current: Option<&Signed>) -> Result<(), Trouble> {
    let count = ground.chain.newest().origins(ground.site).len();
    for number in 2..=count {
        match take_restart(ground, number, current.filter(|_| number == count)) {
            Err(trouble) if number <= passed => {
                warn!(
                    number,
                    "the restart of this log does not count, have the trust keys sign the same one again: {trouble}"
                );
            }
            taken => taken?,
        }
    }
    Ok(())
}

fn take_restart(ground: &Ground<'_>, number: usize, came: Option<&Signed>) -> Result<(), Trouble> {
    let verified = |signed: &Signed| {
        let signatures: Vec<&[u8]> = signed.signatures.iter().map(AsRef::as_ref).collect();
        LogRestart::verify(&signed.document.0, &signatures, ground.chain, ground.site).map_err(LogProblem::Restart)
    };
    if ground.inbox.restart(number)?.is_some_and(|there| verified(&there).is_ok()) {
        return Ok(());
    }
    let signed = match came {
        Some(signed) => signed.clone(),
        None => {
            let target = paths::log_restart(ground.site, number as u64);
            let bytes = ground.client.get(&target, writ_wire::MAX_ENVELOPE as u64)?;
            Signed::parse(&bytes).map_err(|e| Trouble::refused("log-restart", e))?
        }
    };
    signed.check_bounds().map_err(|e| Trouble::refused("log-restart", e))?;
    verified(&signed)?;
    crash_point!("sync-restart");
    ground.inbox.write_restart(number, ground.chain.newest(), &signed)
}

/// Brings the tiles into the inbox by which the enforcer can prove that `head` continues what it has seen itself, and each of
/// the other sizes; returns the files that it takes. Nothing is laid there unless all of it is proven. Sizes larger than the head's are passed over.
pub fn take_tiles(ground: &Ground<'_>, head: &Checkpoint, sizes: &[u64]) -> Result<BTreeSet<PathBuf>, Trouble> {
    let Some((_, number)) = ground.current() else { return Ok(BTreeSet::new()) };
    let mut source = ground.tiles(number, head.size);
    for size in sizes {
        tiles::proof(&mut source, *size, head)?;
    }
    source.lay()?;
    Ok(source.used)
}
