//! The driver's state in memory, and how it comes up.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use tracing::{error, info, warn};
use writ_evidence::bundle::Clock as EvidenceClock;
use writ_evidence::chain::ChainState;
use writ_evidence::id::IncidentId;
use writ_evidence::identifier::Salt;
use writ_evidence::records::{ChainEnd, StartReason, Started};
use writ_policy::policy::Policy;
use writ_trust::acceptance::Identity;
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;
use writ_trust::time::Time;

use super::accept::{Acceptor, Offered};
use super::attempts::Attempts;
use super::clock_step::ClockWatch;
use super::follow::Waiting;
use super::generation;
use super::logs::Looked;
use super::looking::Looking;
use super::orders::Lying;
use super::outbox::Keeper;
use super::plans::Requests;
use super::posture::{self, Book};
use super::presence::Presence;
use super::refused::Refusals;
use super::releases::Folder;
use super::running::Running;
use super::sitelog::SiteLog;
use super::state::{self, State};
use super::tell::Teller;
use super::windows::WindowWait;
use crate::clock::Clock;
use crate::config::Config;
use crate::evidence_writer::{self, Writer};
use crate::probes::ProbeContext;
use crate::switch::enforcer;
use crate::watch::account::Account;
use crate::watch::notify::Notifier;
use crate::zone::Zone;
use writ_confine::Enforced;

/// The largest posture book, in bytes.
const MAX_BOOK: usize = 16 * 1024 * 1024;

/// Why the enforcer cannot run at all.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The appliance's key cannot be used.
    #[error("{}: {message}", path.display())]
    Key {
        /// The key file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// A folder of state cannot be made or locked.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another enforcer has the state.
    #[error("{}: another writ-enforce is running on this state directory; stop it first, or read its status.json", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// There is nothing to accept releases by.
    #[error(transparent)]
    Accept(#[from] super::accept::AcceptError),
}

/// The enforcer: all it knows, and the ways it acts on the world.
pub struct Engine {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) identity: Identity,
    pub(super) salt: Salt,
    pub(super) hostname: String,
    pub(super) acceptor: Acceptor,
    pub(super) site_log: SiteLog,
    pub(super) refusals: Refusals,
    pub(super) presence: Presence,
    pub(super) keeper: Keeper,
    pub(super) writer: Writer,
    pub(super) state: State,
    pub(super) book: Book,
    pub(super) book_saved: Instant,
    pub(super) running: Option<Running>,
    pub(super) context: ProbeContext,
    pub(super) notifier: Notifier,
    /// Runbooks that run or wait.
    pub(super) attempts: Attempts,
    /// Looks that are under way or wanted.
    pub(super) looking: Looking,
    /// What planners are asked.
    pub(super) plan_requests: Requests,
    /// Checks to be run again soon, because something made their last run doubtful.
    pub(super) again: VecDeque<String>,
    /// Checks that failed while neither disk nor memory could hold one more bundle.
    pub(super) unrecorded: BTreeSet<String>,
    /// The folder of releases is to be read now.
    pub(super) poll_wanted: bool,
    /// Every check is to be run now.
    pub(super) rescan_wanted: bool,
    /// Every check is to be run now, and [`Engine::full_scan_done`] be called then.
    pub(super) full_scan_wanted: bool,
    /// What lies in the folder of orders.
    pub(super) lying: Lying,
    /// A snapshot is due once every check has run since then: what was seen before is of another generation.
    pub(super) fresh_since: Option<Time>,
    /// A ticket could not be written.
    pub(super) tickets_behind: bool,
    /// A generation is on trial: nothing is healed.
    pub(super) on_trial: bool,
    /// A switch was started and its end is not taken up yet.
    pub(super) switch_under_way: bool,
    /// A switch that waits for what its import lacked.
    pub(super) switch_waits: Option<Waiting>,
    /// A release that waits for a maintenance window.
    pub(super) window_wait: Option<WindowWait>,
    /// The newest signed release that was not taken up at the last look.
    pub(super) offered: Option<Offered>,
    /// The site's time zone.
    pub(super) zone: Zone,
    /// When a switch that nobody drives was looked for.
    pub(super) resumed_at: Option<Instant>,
    /// What was already complained about, so that it is not said at every turn.
    pub(super) said: BTreeSet<String>,
    /// Incidents that were closed by L1 since the start, by check; the last ones.
    pub(super) healed: VecDeque<(String, IncidentId)>,
    /// What the status file was last written about.
    pub(super) status_of: Option<super::status::Mark>,
    /// What is known of the clock, by the last look at time servers.
    pub(super) known_clock: EvidenceClock,
    /// How it stands with each source of events.
    pub(super) sources: Account,
    /// What keeps this process in its place.
    pub confined: Enforced,
    /// What is known of the batches of logs since the start.
    pub(super) logs: Looked,
    /// When the clocks were looked at.
    pub(super) clock_watch: ClockWatch,
    /// Counters for the status file.
    pub(super) counters: Counters,
    lock: Option<std::fs::File>,
}

/// What the status file counts since the start.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Counters {
    /// Runs of checks.
    pub scans: u64,
    /// Full scans that were asked for by SIGUSR1 or an order and done.
    pub full_scans: u64,
    /// Runs of runbooks.
    pub attempts: u64,
    /// Incidents opened.
    pub opened: u64,
    /// Incidents closed.
    pub closed: u64,
}

/// Reads the appliance's own key: without passphrase, readable by its owner only.
pub fn read_key(path: &std::path::Path) -> Result<SecretKey, EngineError> {
    use std::os::unix::fs::MetadataExt;
    use writ_trust::minisign::SecretKeyFile;

    let fail = |message: String| EngineError::Key { path: path.to_owned(), message };
    let bytes = writ_durable::read_bounded(path, 4096).map_err(|e| fail(format!("cannot be read: {e}")))?;
    let mode = std::fs::metadata(path).map_err(|e| fail(format!("cannot be read: {e}")))?.mode();
    if mode & 0o077 != 0 {
        return Err(fail(format!("the key can be read by others (mode {:04o}): chmod 600 it", mode & 0o7777)));
    }
    let text = String::from_utf8(bytes).map_err(|_| fail("not a secret key file".to_owned()))?;
    let key = SecretKeyFile::parse(&text).and_then(|file| file.open());
    key.map_err(|e| fail(format!("{e}; an appliance uses its key alone, so it has no passphrase")))
}

impl Engine {
    /// Comes up by the machine's clock. See [`Engine::open_at`].
    pub fn open(config: Config) -> Result<Self, EngineError> {
        Self::open_at(config, Clock::System)
    }

    /// Comes up: takes the lock, reads what was known, continues the chain. Nothing is written yet.
    pub fn open_at(config: Config, clock: Clock) -> Result<Self, EngineError> {
        let key = read_key(&config.key)?;
        let folder = |source| EngineError::Folder { path: config.state_dir.clone(), source };
        writ_durable::create_directories(&config.state_dir).map_err(folder)?;
        let lock = lock(&config)?;
        for leftovers in [&config.state_dir, &config.outbox_dir] {
            let _ = writ_durable::remove_leftovers(leftovers);
        }
        let state = load_state(&config, &key, true);
        let writer = Writer::new(key, &config.state_dir, &config.outbox_dir, clock.clone())
            .map_err(|source| EngineError::Folder { path: config.outbox_dir.clone(), source })?;
        // What is laid out there is of the moment: without it everything else goes on, and each attempt says so.
        let _ = writ_durable::create_directories(&config.presence_dir());
        let identity = Identity {
            site: config.site.clone(),
            appliance: config.appliance.clone(),
            public_key: writer.public_key(),
        };
        Ok(Self::assemble(config, clock, identity, writer, state, Some(lock)))
    }

    /// Comes up to look only: no lock, nothing made, nothing written.
    pub fn open_to_look(config: Config) -> Result<Self, EngineError> {
        let key = read_key(&config.key)?;
        let state = load_state(&config, &key, false);
        let writer = Writer::reading(key, &config.state_dir, &config.outbox_dir);
        let identity = Identity {
            site: config.site.clone(),
            appliance: config.appliance.clone(),
            public_key: writer.public_key(),
        };
        Ok(Self::assemble(config, Clock::System, identity, writer, state, None))
    }

    fn assemble(
        config: Config,
        clock: Clock,
        identity: Identity,
        writer: Writer,
        state: State,
        lock: Option<std::fs::File>,
    ) -> Self {
        let folder = Folder::new(&config.releases);
        let acceptor = Acceptor::new(identity.clone(), &config.state_dir, &config.trust, folder);
        let running = state.running.as_ref().and_then(|at| match Running::load(&config.state_dir, &identity, at) {
            Ok(running) => Some(running),
            Err(e) => {
                error!(release = %at.release, "what was obeyed cannot be read back: {e}");
                None
            }
        });
        let toplevel = running.as_ref().and_then(|r| r.generation.toplevel()).map(str::to_owned);
        let mut context = ProbeContext::new(clock.now(), clock.instant(), config.profile.clone(), toplevel);
        // Beside the enforcer's own folder, where units and images put them.
        context.programs = config.state_dir.parent().map(PathBuf::from).unwrap_or_default();
        context.own_key = Some(writer.public_key());
        let book = load_book(&config, &state, clock.now());
        let mut engine = Self {
            salt: salt(&identity),
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            acceptor,
            site_log: SiteLog::default(),
            refusals: Refusals::default(),
            presence: Presence::default(),
            keeper: Keeper::default(),
            writer,
            state,
            book,
            book_saved: clock.instant(),
            running,
            context,
            notifier: Notifier::default(),
            attempts: Attempts::new(clock.clone()),
            looking: Looking::default(),
            plan_requests: Requests::new(),
            again: VecDeque::new(),
            unrecorded: BTreeSet::new(),
            poll_wanted: false,
            rescan_wanted: false,
            full_scan_wanted: false,
            lying: Lying::default(),
            fresh_since: None,
            tickets_behind: false,
            on_trial: false,
            switch_under_way: false,
            switch_waits: None,
            window_wait: None,
            offered: None,
            zone: Zone::default(),
            resumed_at: None,
            known_clock: EvidenceClock::default(),
            sources: Account::default(),
            confined: Enforced::default(),
            logs: Looked::default(),
            clock_watch: ClockWatch::default(),
            said: BTreeSet::new(),
            healed: VecDeque::new(),
            status_of: None,
            counters: Counters::default(),
            config,
            clock,
            identity,
            lock,
        };
        engine.recall_log();
        engine.take_up_settings();
        engine
    }

    /// Says that the enforcer started, and takes up what a restart left behind. `once`: for one scan.
    pub fn start(&mut self, once: bool) {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let why = match &self.state {
            state if state.chain.next_sequence == 1 => StartReason::FirstStart,
            _ if once => StartReason::Once,
            state if !state.boot_id.is_empty() && state.boot_id != boot_id => StartReason::Boot,
            state if state.stopped => StartReason::Restart,
            _ => StartReason::Recovery,
        };
        self.recall_clock();
        let previous_chain = self.change_of_key();
        let started = Started {
            why,
            previous_chain,
            reimaged: self.state.chain.next_sequence > 1 && !self.config.state_dir.join(super::accept::FLOOR).exists(),
            enforcing: self.running.as_ref().map(Running::release_ref),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            recovered: self.unfinished(),
        };
        info!(why = why.as_str(), enforcing = ?self.running.as_ref().map(|r| r.generation.point().to_string()), "started");
        self.recall_notices();
        self.state.boot_id = boot_id;
        self.state.stopped = false;
        self.state.unrecorded = 0;
        self.state.public_key = Some(self.identity.public_key.clone());
        let draft = self.teller().started(started);
        self.seal(draft);
        self.recall_orders();
        self.commit();
        self.recall_trial();
        self.forget_requests();
        self.resume_attempts();
    }

    /// A new key begins a chain of its own; the old one's bundles get a folder of their own.
    fn change_of_key(&mut self) -> Option<ChainEnd> {
        let old = self.state.public_key.clone().filter(|old| *old != self.identity.public_key)?;
        self.commit();
        self.settle_now();
        let folder = self.config.outbox_dir.join(old.fingerprint());
        warn!(old = %old.fingerprint(), "the key changed: a new chain begins");
        let moved = writ_durable::create_directories(&folder).and_then(|()| {
            let entries = std::fs::read_dir(&self.config.outbox_dir)?;
            for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
                let bundle = name.strip_suffix(".minisig").unwrap_or(&name);
                if writ_evidence::chain::parse_file_name(bundle).is_some() {
                    std::fs::rename(self.config.outbox_dir.join(&name), folder.join(&name))?;
                }
            }
            writ_durable::sync_directory(&folder)
        });
        if let Err(e) = moved {
            error!("the old key's bundles could not be put aside: {e}");
        }
        let end = self.state.chain;
        self.state.chain = ChainState::new();
        self.state.tail.clear();
        // They are named by numbers that the new chain uses again.
        self.state.thinning.clear();
        self.state.proven.put_aside(old.fingerprint());
        Some(ChainEnd { public_key: old, sequence: end.next_sequence - 1, digest: end.previous? })
    }

    fn unfinished(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for incident in self.state.incidents.values() {
            if let super::incident::Phase::Attempting { rule, .. } = &incident.phase {
                lines.push(format!(
                    "{}: rule {rule} was interrupted: counted as an attempt, checked again",
                    incident.id
                ));
            }
        }
        if !self.state.tail.is_empty() {
            lines.push(format!(
                "{} bundles were committed and not yet safe in the outbox: put there again",
                self.state.tail.len()
            ));
        }
        if self.state.unrecorded > 0 {
            let n = self.state.unrecorded;
            lines.push(format!("{n} incidents were healed without a record each, while disk and memory were full"));
        }
        lines.extend(self.state.recovered.iter().cloned());
        lines
    }

    /// Says that this enforcer is ready and stays: a candidate under which it does not is no good.
    pub(super) fn stays(&mut self) {
        if let Some(lock) = &mut self.lock
            && let Err(e) = enforcer::announce(lock, true)
        {
            warn!("no switch will find out that it ended this enforcer: {e}");
        }
    }

    /// Ends in an orderly way.
    pub fn stop(&mut self) {
        self.notifier.stopping();
        self.stop_attempts();
        self.clear_requests();
        self.settle_now();
        self.state.stopped = true;
        self.commit_now();
        self.settle_now();
        self.save_book();
        info!("stopped");
    }

    pub(super) fn teller(&self) -> Teller {
        Teller {
            identity: self.identity.clone(),
            hostname: self.hostname.clone(),
            release: self.running.as_ref().map(Running::release_ref),
            clock: self.known_clock.clone(),
            checkpoint: self.site_log.kept.as_ref().map(|kept| kept.note.clone()),
        }
    }

    /// Whether it acts, and not only looks.
    pub(super) fn is_in_charge(&self) -> bool {
        self.lock.is_some()
    }

    pub(super) fn policy(&self) -> Option<&Policy> {
        Some(&self.running.as_ref()?.policy.as_ref()?.1)
    }

    /// Says something once, until [`Engine::unsay`].
    pub(super) fn say_once(&mut self, what: String) {
        if !self.said.contains(&what) {
            error!("{what}");
            self.said.insert(what);
        }
    }

    /// Writes the posture book, so that a restart keeps its sums.
    pub(super) fn save_book(&mut self) {
        self.book_saved = self.clock.instant();
        let bytes = serde_json::to_vec(&self.book).expect("a book has string keys");
        if let Err(e) = writ_durable::replace(&self.config.state_dir.join(posture::FILE), &bytes, 0o600) {
            self.say_once(format!("the posture book cannot be written: {e}"));
        }
    }
}

fn lock(config: &Config) -> Result<std::fs::File, EngineError> {
    let path = config.state_dir.join(enforcer::LOCK);
    let options = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let mut file = options.map_err(|source| EngineError::Folder { path: path.clone(), source })?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            // Until it says that it stays, it only passes by.
            let _ = enforcer::announce(&mut file, false);
            Ok(file)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => Err(EngineError::Locked { path }),
        Err(e) => Err(EngineError::Folder { path, source: e.into() }),
    }
}

/// The state that was left, or one that continues the chain found in the outbox.
fn load_state(config: &Config, key: &SecretKey, repair: bool) -> State {
    let lost = match State::load(&config.state_dir) {
        Ok(Some(state)) => return state,
        Ok(None) => None,
        Err(e) => Some(e.to_string()),
    };
    let chain = evidence_writer::chain_in_outbox(&config.outbox_dir, key, &config.site, &config.appliance);
    let mut state = State::new(chain.unwrap_or_default());
    if let Some(e) = lost {
        error!("{e}; it is set aside, and the chain continues after the last bundle in the outbox");
        let path = config.state_dir.join(state::FILE);
        if repair {
            let _ = std::fs::rename(&path, path.with_extension("json.damaged"));
        }
        state.recovered.push(format!("the state was lost ({e}): incidents open before are not closed by it"));
    }
    if chain.is_some() {
        state.public_key = Some(key.public_key());
        state.running = generation::linked(&config.state_dir);
    }
    state
}

fn load_book(config: &Config, state: &State, now: Time) -> Book {
    let bytes = writ_durable::read_bounded(&config.state_dir.join(posture::FILE), MAX_BOOK).ok();
    let book: Option<Book> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match book.filter(|book| book.schema == posture::SCHEMA) {
        Some(book) => book.resumed(state.vector_to, state.posture_told),
        None => Book::new(state.vector_to.unwrap_or(now)),
    }
}

/// The salt of identifier hashes: the same for one appliance's life, so that one can be followed through its evidence.
///
/// It is made of what is public (site and key), so it hides a name from who reads evidence in passing, and not from who
/// tries all names; a secret salt would have to be shared with every later key of the appliance to be worth more.
fn salt(identity: &Identity) -> Salt {
    let input = format!("writ identifier salt\n{}\n{}\n", identity.site, identity.public_key.fingerprint());
    Salt::new(*Digest::of(input.as_bytes()).as_bytes())
}
