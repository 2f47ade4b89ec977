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
    /// Why what was sealed is not durable, or not in the outbox.
    trouble: Option<Trouble>,
    /// Why the outbox is not safe. The bundles are: they stay in the state.
    unsafe_outbox: Option<Trouble>,
    /// Who fsyncs the outbox where something else is to be done meanwhile.
    pub settler: Option<Settler>,
}

/// What is wrong with the disk.
#[derive(Debug)]
struct Trouble {
    what: What,
    since: Instant,
    complained: Instant,
    /// None: it is to be tried now.
    tried: Option<Instant>,
    message: String,
}

/// What the disk does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    State,
    /// A file of the outbox.
    Bundle,
    /// That the outbox survives a power cut.
    Outbox,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Bundle | Self::Outbox => "outbox",
        }
    }
}

/// What was not written, and why.
type Failure = (What, io::Error);

impl Writer {
    /// A writer for these folders; makes them.
    pub fn new(key: SecretKey, state_dir: &Path, outbox: &Path, clock: Clock) -> io::Result<Self> {
        writ_durable::create_directories(state_dir)?;
        writ_durable::create_directories(outbox)?;
        let state_path = state_dir.join(FILE);
        Ok(Self {
            key,
            state_path,
            outbox: outbox.to_owned(),
            clock,
            trouble: None,
            unsafe_outbox: None,
            settler: None,
        })
    }

    /// A writer that is never asked to write: makes nothing.
    pub fn reading(key: SecretKey, state_dir: &Path, outbox: &Path) -> Self {
        let (state_path, outbox) = (state_dir.join(FILE), outbox.to_owned());
        Self { key, state_path, outbox, clock: Clock::System, trouble: None, unsafe_outbox: None, settler: None }
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
        let done = self.persist(state).and_then(|()| self.place(state));
        let done = self.judge(done, state.waiting());
        if done && state.tail.len() >= MOST_UNSETTLED {
            if !self.settling_rests() {
                self.settle_now(state);
            }
        } else if done && state.tail.len() >= MANY_UNSETTLED && self.settler.is_some() {
            self.settle(state);
        }
        done
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
    /// there is a [`Settler`]. Where that failed a moment ago, it is left for later.
    pub fn settle(&mut self, state: &mut State) {
        if self.settling_rests() {
            return;
        }
        let bundles = placed(state);
        if bundles.is_empty() || self.settler.as_mut().is_some_and(|settler| settler.ask(bundles)) {
            return;
        }
        self.settler = None;
        self.settle_now(state);
    }

    /// Fsyncs what was put into the outbox, and takes it out of the tail.
    pub fn settle_now(&mut self, state: &mut State) {
        let bundles = placed(state);
        if !bundles.is_empty() {
            let outcome = settler::make_safe(&self.outbox, &bundles);
            self.take_in(state, &bundles, outcome);
        }
    }

    /// Takes out of the tail what the [`Settler`] has made safe since.
    pub fn take_settled(&mut self, state: &mut State) {
        if let Some(settled) = self.settler.as_mut().and_then(Settler::take) {
            self.take_in(state, &settled.bundles, settled.outcome);
        }
    }

    fn take_in(&mut self, state: &mut State, bundles: &[String], outcome: io::Result<Vec<String>>) {
        match outcome {
            Ok(gone) => {
                let_go(state, bundles, &gone);
                self.recovered(What::Outbox);
            }
            // That says nothing of whether the state can be written. A kernel tells once that it could not write a file, and calls it
            // written when it is asked again: each is put there anew.
            Err(e) => {
                for pending in
                    state.tail.iter_mut().filter(|p| p.standing == Standing::Placed && bundles.contains(&p.name))
                {
                    pending.standing = Standing::Committed;
                }
                self.complain(What::Outbox, &e, bundles.len());
            }
        }
    }

    /// Whether the [`Settler`] is at work.
    pub fn is_settling(&self) -> bool {
        self.settler.as_ref().is_some_and(Settler::is_under_way)
    }

    fn judge(&mut self, done: Result<(), Failure>, waiting: usize) -> bool {
        match done {
            Ok(()) => {
                self.recovered(What::State);
                true
            }
            Err((what, e)) => {
                self.complain(what, &e, waiting);
                false
            }
        }
    }

    fn recovered(&mut self, what: What) {
        if let Some(trouble) = self.of(what).take() {
            let after_s = self.clock.since(trouble.since).as_secs();
            info!(after_s, "{}: the disk takes writes again; nothing was lost", what.as_str());
        }
    }

    fn of(&mut self, what: What) -> &mut Option<Trouble> {
        if what == What::Outbox { &mut self.unsafe_outbox } else { &mut self.trouble }
    }

    fn persist(&self, state: &mut State) -> Result<(), Failure> {
        crash_point!("before the state is written");
        writ_durable::replace(&self.state_path, &state.to_bytes(), 0o600).map_err(|e| (What::State, e))?;
        for pending in state.tail.iter_mut().filter(|p| p.standing == Standing::Sealed) {
            pending.standing = Standing::Committed;
        }
        crash_point!("state written, bundles not in the outbox");
        Ok(())
    }

    /// Puts what is committed into the outbox, each signature first: who sees a bundle there finds its signature.
    fn place(&self, state: &mut State) -> Result<(), Failure> {
        for pending in state.tail.iter_mut().filter(|p| p.standing == Standing::Committed) {
            self.put(&signature_name(&pending.name), pending.signature.as_bytes()).map_err(|e| (What::Bundle, e))?;
            crash_point!("signature in the outbox, bundle not yet");
            self.put(&pending.name, pending.bundle.as_bytes()).map_err(|e| (What::Bundle, e))?;
            pending.standing = Standing::Placed;
            crash_point!("bundle in the outbox, still in the state");
        }
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

    fn complain(&mut self, what: What, e: &io::Error, waiting: usize) {
        let now = self.clock.instant();
        let before = self.of(what).take();
        let message = format!("{} cannot be written: {e}", what.as_str());
        let since = before.as_ref().map_or(now, |before| before.since);
        let quiet = before.map(|before| before.complained).filter(|at| self.clock.since(*at) < COMPLAIN_EVERY);
        if quiet.is_none() {
            error!(waiting, "{message}; enforcement goes on from memory, evidence waits: free some space");
        }
        let complained = quiet.unwrap_or(now);
        *self.of(what) = Some(Trouble { what, since, complained, tried: Some(now), message });
    }

    /// Whether a failed write should be tried again by now.
    pub fn wants_retry(&self, state: &State) -> bool {
        let again = |trouble: &Trouble| !self.tried_within(trouble, RETRY_AFTER);
        let waits = || state.tail.iter().any(|pending| pending.standing == Standing::Committed);
        self.trouble.as_ref().is_some_and(again) || (self.unsafe_outbox.as_ref().is_some_and(again) && waits())
    }

    /// The next write is tried whatever came of the last: there will be no later one, or somebody is told that it was.
    pub fn rest_no_longer(&mut self) {
        for trouble in [&mut self.trouble, &mut self.unsafe_outbox].into_iter().flatten() {
            trouble.tried = None;
        }
    }

    /// Only where the state itself was refused: an outbox that takes nothing keeps no state from the disk.
    fn rests(&self) -> bool {
        let of_state = self.trouble.as_ref().filter(|trouble| trouble.what == What::State);
        of_state.is_some_and(|trouble| self.tried_within(trouble, REST))
    }

    /// Whether the outbox could not be made safe a moment ago, and is not tried again yet.
    pub fn settling_rests(&self) -> bool {
        self.unsafe_outbox.as_ref().is_some_and(|trouble| self.tried_within(trouble, RETRY_AFTER))
    }

    fn tried_within(&self, trouble: &Trouble, time: Duration) -> bool {
        trouble.tried.is_some_and(|tried| self.clock.since(tried) < time)
    }

    /// Whether all that was committed is durable, and in the outbox.
    pub fn is_written(&self) -> bool {
        self.trouble.is_none()
    }

    /// What is wrong with the disk, if anything.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_ref().or(self.unsafe_outbox.as_ref()).map(|trouble| trouble.message.as_str())
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Simulated;

    struct Disk {
        folder: tempfile::TempDir,
        clock: Arc<Simulated>,
        writer: Writer,
        state: State,
    }

    impl Disk {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Simulated::starting(Time::from_unix_millis(1_800_000_000_000));
            let key = SecretKey::generate(&[7; 40]);
            let at = |name: &str| folder.path().join(name);
            let writer = Writer::new(key, &at("state"), &at("outbox"), Clock::Simulated(Arc::clone(&clock))).unwrap();
            Self { folder, clock, writer, state: State::new(ChainState::new()) }
        }

        fn seal(&mut self, number: u64) {
            let name = format!("{number}-EB-{number}.json");
            let (bundle, signature) = ("{}".to_owned(), "signature".to_owned());
            self.state.tail.push_back(Pending { name, bundle, signature, standing: Standing::Sealed });
        }

        /// Something else stands where a folder was, as root is refused by nothing less.
        fn takes_nothing_at(&self, name: &str) {
            let path = self.folder.path().join(name);
            fs::rename(&path, path.with_extension("away")).unwrap();
            fs::write(path, b"").unwrap();
        }

        fn takes_again_at(&self, name: &str) {
            let path = self.folder.path().join(name);
            fs::remove_file(&path).unwrap();
            fs::rename(path.with_extension("away"), path).unwrap();
        }

        fn standings(&self) -> Vec<Standing> {
            self.state.tail.iter().map(|pending| pending.standing).collect()
        }
    }

    #[test]
    fn an_outbox_that_takes_nothing_keeps_no_state_from_the_disk() {
        let mut disk = Disk::new();
        disk.takes_nothing_at("outbox");
        disk.seal(1);
        assert!(!disk.writer.commit(&mut disk.state) && !disk.writer.is_written());
        assert_eq!(disk.standings(), [Standing::Committed], "it is safe in the state");
        disk.seal(2);
        disk.writer.commit(&mut disk.state);
        assert_eq!(disk.standings(), [Standing::Committed; 2], "at once, for the state was taken");
        disk.takes_nothing_at("state");
        disk.seal(3);
        disk.writer.commit(&mut disk.state);
        disk.takes_again_at("state");
        disk.takes_again_at("outbox");
        assert!(!disk.writer.commit(&mut disk.state), "the state was refused a moment ago");
        assert_eq!(disk.standings()[2], Standing::Sealed);
        disk.writer.rest_no_longer();
        assert!(disk.writer.commit(&mut disk.state) && disk.writer.is_written() && disk.writer.trouble().is_none());
        assert_eq!(disk.standings(), [Standing::Placed; 3]);
    }

    #[test]
    fn an_outbox_that_cannot_be_made_safe_is_told_and_tried_again_and_holds_up_nothing() {
        let mut disk = Disk::new();
        disk.seal(1);
        assert!(disk.writer.commit(&mut disk.state));
        disk.takes_nothing_at("outbox");
        disk.writer.settle(&mut disk.state);
        assert!(disk.writer.trouble().is_some_and(|trouble| trouble.starts_with("outbox cannot be written")));
        assert!(disk.writer.is_written() && disk.writer.settling_rests());
        assert_eq!(
            disk.standings(),
            [Standing::Committed],
            "to be written anew: what failed once may be called written"
        );
        disk.takes_again_at("outbox");
        disk.seal(2);
        assert!(disk.writer.commit(&mut disk.state));
        assert!(disk.writer.trouble().is_some(), "what was written since says nothing of what is not safe");
        disk.writer.settle(&mut disk.state);
        assert_eq!(disk.standings().len(), 2, "not yet again");
        disk.clock.advance(RETRY_AFTER);
        disk.writer.settle(&mut disk.state);
        assert!(disk.state.tail.is_empty() && disk.writer.trouble().is_none());
    }
}
