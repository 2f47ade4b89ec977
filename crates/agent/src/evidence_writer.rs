//! Evidence on its way to disk: sealed in memory, committed with the state, then put into the outbox.
//!
//! A bundle's file appears in the outbox only after the state that holds the same bundle is durable. Otherwise a power cut
//! could leave a bundle that the restarted enforcer does not know, and the next one would reuse its number.

mod settler;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::{error, info};
use writ_evidence::chain::{self, ChainState, SealError, Speaker};
use writ_evidence::{BundleId, Draft};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::time::Time;

pub use self::settler::Settler;
use crate::clock::Clock;
use crate::crash_point;
use crate::enforce::state::{FILE, Pending, Standing, State};

/// How many sealed bundles may wait in memory when the disk takes none.
pub const MOST_WAITING: usize = 1_000;
/// Above this many, only what opens or closes an incident is sealed.
pub const MANY_WAITING: usize = 200;
/// With this many in the tail the outbox is fsynced without waiting for a quiet moment: all of them are written with each state.
const MANY_UNSETTLED: usize = 16;
/// With this many it is fsynced before anything else is done.
const MOST_UNSETTLED: usize = 64;
/// How often a full disk is complained about.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// How long after a failed write the next one is tried without cause.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long after a failed write the next one is not even tried: on a full disk each holds all that waits, and fails.
const REST: Duration = Duration::from_millis(250);

/// Writes states and bundles.
pub struct Writer {
    key: SecretKey,
    state_path: PathBuf,
    outbox: PathBuf,
    clock: Clock,
    trouble: Option<Trouble>,
    /// Who fsyncs the outbox where something else is to be done meanwhile.
    pub settler: Option<Settler>,
}

/// What is wrong with the disk.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    complained: Instant,
    /// None: it is to be tried now.
    tried: Option<Instant>,
    message: String,
}

impl Writer {
    /// A writer for these folders; makes them.
    pub fn new(key: SecretKey, state_dir: &Path, outbox: &Path, clock: Clock) -> io::Result<Self> {
        writ_durable::create_directories(state_dir)?;
        writ_durable::create_directories(outbox)?;
        let state_path = state_dir.join(FILE);
        Ok(Self { key, state_path, outbox: outbox.to_owned(), clock, trouble: None, settler: None })
    }

    /// A writer that is never asked to write: makes nothing.
    pub fn reading(key: SecretKey, state_dir: &Path, outbox: &Path) -> Self {
        let (state_path, outbox) = (state_dir.join(FILE), outbox.to_owned());
        Self { key, state_path, outbox, clock: Clock::System, trouble: None, settler: None }
    }

    /// The public half of the appliance's key.
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// The appliance's key.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Seals a draft into the chain; it becomes durable with the next [`Writer::commit`].
    pub fn seal(&self, state: &mut State, draft: Draft, now: Time) -> Result<BundleId, SealError> {
        let sealed = writ_evidence::seal(draft, &state.chain, &self.key, now)?;
        let name = sealed.file_name();
        // RFC 8785 output is UTF-8.
        let bundle = String::from_utf8(sealed.bytes).expect("canonical JSON is UTF-8");
        info!(bundle = %sealed.bundle_id, kind = %sealed.bundle.kind, "sealed");
        state.chain = sealed.next;
        let signature = sealed.signature_text;
        state.tail.push_back(Pending { name, bundle, signature, standing: Standing::Sealed });
        Ok(sealed.bundle_id)
    }

    /// Makes a state durable with all bundles in its tail, then puts these into the outbox for others to see. What the
    /// disk does not take stays in the tail, is complained about, and is tried again by a later call. False when
    /// something is left.
    ///
    /// The outbox is not fsynced here: the bundles are already safe in the state. [`Writer::settle`] does that when there
    /// is time, and only then do they leave the tail.
    pub fn commit(&mut self, state: &mut State) -> bool {
        if self.rests() {
            return false;
        }
        let mut done = self.persist(state).and_then(|()| self.place(state));
        if done.is_ok() && state.tail.len() >= MOST_UNSETTLED {
            done = self.try_settle(state);
        } else if done.is_ok() && state.tail.len() >= MANY_UNSETTLED && self.settler.is_some() {
            self.begin_settling(state);
        }
        self.judge(done, state.waiting())
    }

    /// The first half of [`Writer::commit`]: durable, but not yet for others to see. For when something has to be done
    /// at once.
    pub fn commit_silently(&mut self, state: &mut State) -> bool {
        if self.rests() {
            return false;
        }
        let done = self.persist(state);
        self.judge(done, state.waiting())
    }

    /// The second half of [`Writer::commit`], after [`Writer::commit_silently`].
    pub fn lay_out(&mut self, state: &mut State) -> bool {
        if self.trouble.is_some() {
            // Tried again with all that waits, see [`Writer::wants_retry`].
            return false;
        }
        let done = self.place(state);
        self.judge(done, state.waiting())
    }

    /// Has what was put into the outbox fsynced, and takes it out of the tail: at once, or with [`Writer::take_settled`] where
    /// there is a [`Settler`].
    pub fn settle(&mut self, state: &mut State) -> bool {
        if self.settler.is_some() { self.begin_settling(state) } else { self.settle_now(state) }
    }

    /// Fsyncs what was put into the outbox, and takes it out of the tail.
    pub fn settle_now(&mut self, state: &mut State) -> bool {
        match self.try_settle(state) {
            // That says nothing of whether the state can be written.
            Ok(()) => true,
            failed => self.judge(failed, state.waiting()),
        }
    }

    fn begin_settling(&mut self, state: &mut State) -> bool {
        let bundles = placed(state);
        if bundles.is_empty() || self.settler.as_mut().is_some_and(|settler| settler.ask(bundles)) {
            return true;
        }
        self.settler = None;
        self.settle_now(state)
    }

    /// Takes out of the tail what the [`Settler`] has made safe since.
    pub fn take_settled(&mut self, state: &mut State) {
        let Some(settled) = self.settler.as_mut().and_then(Settler::take) else { return };
        match settled.outcome {
            Ok(gone) => let_go(state, &settled.bundles, &gone),
            Err(e) => drop(self.judge(Err(("outbox", e)), state.waiting())),
        }
    }

    /// Whether the [`Settler`] is at work.
    pub fn is_settling(&self) -> bool {
        self.settler.as_ref().is_some_and(Settler::is_under_way)
    }

    fn judge(&mut self, done: Result<(), (&'static str, io::Error)>, waiting: usize) -> bool {
        match done {
            Ok(()) => {
                if let Some(trouble) = self.trouble.take() {
                    info!(
                        after_s = self.clock.since(trouble.since).as_secs(),
                        "the disk takes writes again; nothing was lost"
                    );
                }
                true
            }
            Err((what, e)) => {
                self.complain(what, &e, waiting);
                false
            }
        }
    }

    fn persist(&self, state: &mut State) -> Result<(), (&'static str, io::Error)> {
        crash_point!("before the state is written");
        writ_durable::replace(&self.state_path, &state.to_bytes(), 0o600).map_err(|e| ("state", e))?;
        for pending in state.tail.iter_mut().filter(|p| p.standing == Standing::Sealed) {
            pending.standing = Standing::Committed;
        }
        crash_point!("state written, bundles not in the outbox");
        Ok(())
    }

    /// Puts what is committed into the outbox, each signature first: who sees a bundle there finds its signature.
    fn place(&self, state: &mut State) -> Result<(), (&'static str, io::Error)> {
        for pending in state.tail.iter_mut().filter(|p| p.standing == Standing::Committed) {
            self.put(&signature_name(&pending.name), pending.signature.as_bytes()).map_err(|e| ("outbox", e))?;
            crash_point!("signature in the outbox, bundle not yet");
            self.put(&pending.name, pending.bundle.as_bytes()).map_err(|e| ("outbox", e))?;
            pending.standing = Standing::Placed;
            crash_point!("bundle in the outbox, still in the state");
        }
        Ok(())
    }

    fn try_settle(&self, state: &mut State) -> Result<(), (&'static str, io::Error)> {
        let bundles = placed(state);
        if bundles.is_empty() {
            return Ok(());
        }
        let gone = settler::make_safe(&self.outbox, &bundles).map_err(|e| ("outbox", e))?;
        let_go(state, &bundles, &gone);
        Ok(())
    }

    /// Writes a file of the outbox whole. After a power cut the state puts it there again, so it may stand there already.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.outbox.join(format!(".{name}{}", writ_durable::TEMPORARY_SUFFIX));
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o640);
            options.open(&temporary)?.write_all(bytes)?;
            fs::rename(&temporary, self.outbox.join(name))
        };
        write().inspect_err(|_| {
            let _ = fs::remove_file(&temporary);
        })
    }

    fn complain(&mut self, what: &'static str, e: &io::Error, waiting: usize) {
        let now = self.clock.instant();
        let message = format!("{what} cannot be written: {e}");
        let since = self.trouble.as_ref().map_or(now, |t| t.since);
        let quiet =
            self.trouble.as_ref().filter(|t| self.clock.since(t.complained) < COMPLAIN_EVERY).map(|t| t.complained);
        if quiet.is_none() {
            error!(waiting, "{message}; enforcement goes on from memory, evidence waits: free some space");
        }
        self.trouble = Some(Trouble { since, complained: quiet.unwrap_or(now), tried: Some(now), message });
    }

    /// Whether a failed write should be tried again by now.
    pub fn wants_retry(&self) -> bool {
        self.tried_within(RETRY_AFTER) == Some(false)
    }

    /// The next write is tried whatever came of the last: there will be no later one.
    pub fn rest_no_longer(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.tried = None;
        }
    }

    fn rests(&self) -> bool {
        self.tried_within(REST) == Some(true)
    }

    /// Whether the last write failed within this time; none when it did not fail.
    fn tried_within(&self, time: Duration) -> Option<bool> {
        self.trouble.as_ref().map(|trouble| trouble.tried.is_some_and(|tried| self.clock.since(tried) < time))
    }

    /// What is wrong with the disk, if anything.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().map(|t| t.message.as_str())
    }
}

/// What stands in the outbox, and may not be on the disk there.
fn placed(state: &State) -> Vec<String> {
    state.tail.iter().filter(|p| p.standing == Standing::Placed).map(|p| p.name.clone()).collect()
}

/// Takes out of the tail what is safe in the outbox. What somebody took away before it was is put there again.
fn let_go(state: &mut State, bundles: &[String], gone: &[String]) {
    for pending in state.tail.iter_mut().filter(|p| gone.contains(&p.name)) {
        pending.standing = Standing::Committed;
    }
    state.tail.retain(|pending| pending.standing != Standing::Placed || !bundles.contains(&pending.name));
    crash_point!("outbox settled, tail still in the stored state");
}

fn signature_name(bundle: &str) -> String {
    format!("{bundle}.minisig")
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
        let signature = writ_durable::read_bounded(&outbox.join(signature_name(name)), MAX_SIGNATURE).ok()?;
        chain::authenticate(&bytes, &signature, &speaker).ok().map(|authentic| chain::resume(&authentic))
    })
}
