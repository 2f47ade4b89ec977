//! Evidence on its way to disk: sealed in memory, committed with the state, then put into the outbox.
//!
//! A bundle's file appears in the outbox only after the state that holds the same bundle is durable. Otherwise a power cut
//! could leave a bundle that the restarted enforcer does not know, and the next one would reuse its number.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::{error, info};
use writ_evidence::chain::{self, ChainState, SealError, Speaker};
use writ_evidence::{BundleId, Draft};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::time::Time;

use crate::crash_point;
use crate::enforce::state::{FILE, Pending, State};

/// How many sealed bundles may wait in memory when the disk takes none.
pub const MOST_WAITING: usize = 1_000;
/// Above this many, only what opens or closes an incident is sealed.
pub const MANY_WAITING: usize = 200;
/// How often a full disk is complained about.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// How long after a failed write the next one is tried without cause.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Writes states and bundles.
pub struct Writer {
    key: SecretKey,
    state_path: PathBuf,
    outbox: PathBuf,
    trouble: Option<Trouble>,
}

/// What is wrong with the disk.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    complained: Instant,
    tried: Instant,
    message: String,
}

impl Writer {
    /// A writer for these folders; makes them.
    pub fn new(key: SecretKey, state_dir: &Path, outbox: &Path) -> io::Result<Self> {
        writ_durable::create_directories(state_dir)?;
        writ_durable::create_directories(outbox)?;
        let state_path = state_dir.join(FILE);
        Ok(Self { key, state_path, outbox: outbox.to_owned(), trouble: None })
    }

    /// A writer that is never asked to write: makes nothing.
    pub fn reading(key: SecretKey, state_dir: &Path, outbox: &Path) -> Self {
        Self { key, state_path: state_dir.join(FILE), outbox: outbox.to_owned(), trouble: None }
    }

    /// The public half of the appliance's key.
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// Seals a draft into the chain; it becomes durable with the next [`Writer::commit`].
    pub fn seal(&self, state: &mut State, draft: Draft, now: Time) -> Result<BundleId, SealError> {
        let sealed = writ_evidence::seal(draft, &state.chain, &self.key, now)?;
        let name = sealed.file_name();
        // RFC 8785 output is UTF-8.
        let bundle = String::from_utf8(sealed.bytes).expect("canonical JSON is UTF-8");
        info!(bundle = %sealed.bundle_id, kind = %sealed.bundle.kind, "sealed");
        state.chain = sealed.next;
        state.tail.push_back(Pending { name, bundle, signature: sealed.signature_text });
        Ok(sealed.bundle_id)
    }

    /// Makes a state and its tail durable, then puts the tail into the outbox. What the disk does not take stays in the
    /// tail, is complained about, and is tried again by the next call. False when something is left.
    pub fn commit(&mut self, state: &mut State) -> bool {
        match self.try_commit(state) {
            Ok(()) => {
                if let Some(trouble) = self.trouble.take() {
                    info!(after_s = trouble.since.elapsed().as_secs(), "the disk takes writes again; nothing was lost");
                }
                true
            }
            Err((what, e)) => {
                self.complain(what, &e, state.tail.len());
                false
            }
        }
    }

    fn try_commit(&self, state: &mut State) -> Result<(), (&'static str, io::Error)> {
        crash_point!("before the state is written");
        writ_durable::replace(&self.state_path, &state.to_bytes(), 0o600).map_err(|e| ("state", e))?;
        crash_point!("state written, bundles not in the outbox");
        while let Some(pending) = state.tail.front() {
            self.deliver(pending).map_err(|e| ("outbox", e))?;
            state.tail.pop_front();
            crash_point!("bundle in the outbox, still in the state");
        }
        Ok(())
    }

    /// Puts one bundle into the outbox, its signature first: who sees a bundle there finds its signature beside it.
    fn deliver(&self, pending: &Pending) -> io::Result<()> {
        self.put(&format!("{}.minisig", pending.name), pending.signature.as_bytes())?;
        crash_point!("signature in the outbox, bundle not yet");
        self.put(&pending.name, pending.bundle.as_bytes())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.outbox.join(name);
        if writ_durable::create(&path, bytes, 0o640)? {
            return Ok(());
        }
        match writ_durable::read_bounded(&path, bytes.len()) {
            Ok(found) if found == bytes => writ_durable::sync_directory(&self.outbox),
            _ => {
                error!(file = %path.display(), "stood in the outbox with other bytes, replaced by what was sealed");
                writ_durable::replace(&path, bytes, 0o640)
            }
        }
    }

    fn complain(&mut self, what: &'static str, e: &io::Error, waiting: usize) {
        let now = Instant::now();
        let message = format!("{what} cannot be written: {e}");
        let since = self.trouble.as_ref().map_or(now, |t| t.since);
        let quiet = self.trouble.as_ref().filter(|t| t.complained.elapsed() < COMPLAIN_EVERY).map(|t| t.complained);
        if quiet.is_none() {
            error!(waiting, "{message}; enforcement goes on from memory, evidence waits: free some space");
        }
        self.trouble = Some(Trouble { since, complained: quiet.unwrap_or(now), tried: now, message });
    }

    /// Whether a failed write should be tried again by now.
    pub fn wants_retry(&self) -> bool {
        self.trouble.as_ref().is_some_and(|t| t.tried.elapsed() >= RETRY_AFTER)
    }

    /// What is wrong with the disk, if anything.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|t| t.message.as_str())
    }
}

/// Where the chain of a key stands by what is in its outbox: for a state that was lost. The last authentic bundle counts;
/// none when there is no bundle at all.
pub fn chain_in_outbox(outbox: &Path, key: &SecretKey, site: &SiteId, appliance: &ApplianceId) -> Option<ChainState> {
    let mut names: Vec<(u64, String)> = fs::read_dir(outbox)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some((chain::parse_file_name(&name)?.0, name)))
        .collect();
    names.sort_unstable();
    let public_key = key.public_key();
    let speaker = Speaker { site, appliance, public_key: &public_key };
    names.iter().rev().find_map(|(_, name)| {
        let bytes = writ_durable::read_bounded(&outbox.join(name), writ_evidence::bundle::MAX_BUNDLE).ok()?;
        let signature = writ_durable::read_bounded(&outbox.join(format!("{name}.minisig")), MAX_SIGNATURE).ok()?;
        chain::authenticate(&bytes, &signature, &speaker).ok().map(|authentic| chain::resume(&authentic))
    })
}
