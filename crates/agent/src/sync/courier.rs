//! The courier's own state, and what its jobs have in common.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use tracing::warn;
use writ_client::{Client, Signer};
use writ_trust::json;
use writ_trust::minisign::SecretKey;
use writ_trust::root_chain::TrustChain;
use writ_wire::paths::Target;

use super::config::Config;
use super::deliver::Refused;
use super::identity::{self, Vouched};
use super::inbox::Inbox;
use super::logs::Resting;
use super::outbox::Place;
use super::pull::PENDING;
use super::receipts::Standard;
use super::refill::Refill;
use super::sitelog::{Ground, SiteLog};
use super::status::Status;
use super::tiles::Fetched;
use super::trouble::Trouble;
use super::unproven::Unproven;
use super::{now, roots};

/// How long a lock is waited for, and how often it is tried: a process that is being started by the one before keeps its
/// descriptors, and so a lock just given back, until it has begun.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(20);

/// What is to be sent again, in the state directory, and its largest size in bytes.
const REFILL: &str = "refill.json";
const MAX_REFILL: usize = 4096;

/// One courier.
pub struct Courier {
    /// Its configuration.
    pub config: Config,
    /// What it writes.
    pub inbox: Inbox,
    /// The trust roots.
    pub chain: TrustChain,
    /// What it verified of the site's log.
    pub log: SiteLog,
    /// How it is.
    pub status: Status,
    pub(super) etag: Option<(Target, String)>,
    pub(super) refill: Refill,
    /// By what the receipts were judged.
    pub(super) settled_on: Option<Standard>,
    /// The bundles whose receipt does not count.
    pub(super) void: BTreeSet<Place>,
    pub(super) refused: Refused,
    /// Batches of logs that the depot did not take.
    pub(super) resting: Resting,
    pub(super) fetched: Fetched,
    /// The tiles that were of use in the last pull and in the one before.
    pub(super) tiles: [BTreeSet<PathBuf>; 2],
    /// Where the enforcer may still have to prove its way to a receipt's checkpoint.
    pub(super) unproven: Unproven,
    client: Client,
    key: Arc<SecretKey>,
    begun: Instant,
    /// Held until the end: one courier at a time.
    _lock: File,
}

/// Why there is no courier.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration does not do.
    #[error(transparent)]
    Settings(#[from] writ_client::SettingsError),
    /// Something on this machine.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// There is one already.
    #[error("{}: another writ-sync works with this state", .0.display())]
    Running(PathBuf),
}

impl Courier {
    /// Makes what is missing, takes the lock, and reads what there is.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let client = Client::new(&config.settings())?;
        let state = &config.state_dir;
        writ_durable::create_directories(state).map_err(Trouble::at(state))?;
        let lock = lock(&config)?;
        writ_durable::remove_leftovers(state).map_err(Trouble::at(state))?;
        let inbox = Inbox::new(config.inbox(), config.site.clone());
        inbox.prepare()?;
        let key = identity::key(&config, &inbox)?;
        let chain = roots::load(&config, &inbox)?;
        let log = SiteLog::load(state, &chain, &config.site);
        // The first pull judges it anew; what was downloaded for it is still there.
        let pending = state.join(PENDING);
        writ_durable::remove(&pending).map_err(Trouble::at(&pending))?;
        let mut status = Status::after(client.depot(), state);
        status.checkin_seconds = u64::try_from(config.checkin.seconds()).unwrap_or(u64::MAX);
        let (tiles, begun) = (Default::default(), Instant::now());
        let (etag, refill, refused) = (None, read_refill(&state.join(REFILL)), Refused::new());
        let (settled_on, void) = Default::default();
        Ok(Self {
            config,
            inbox,
            chain,
            log,
            status,
            etag,
            refill,
            settled_on,
            void,
            refused,
            resting: Resting::new(),
            fetched: Fetched::default(),
            tiles,
            unproven: Unproven::default(),
            client,
            key,
            begun,
            _lock: lock,
        })
    }

    /// The enforcer's word for this courier.
    pub fn vouched(&self) -> Result<Vouched, Trouble> {
        let own = self.key.public_key();
        identity::vouched(&self.config.presence(), &self.config.site, &self.config.appliance, &own, now())
    }

    /// The depot, asked in the appliance's name.
    pub(super) fn signed(&self, vouched: &Vouched) -> Client {
        self.client.signed_by(Signer::courier(Arc::clone(&self.key), &vouched.delegation))
    }

    /// What judgements about the log stand on.
    pub(super) fn ground<'g>(&'g self, client: &'g Client) -> Ground<'g> {
        let Self { inbox, chain, fetched, .. } = self;
        Ground { client, inbox, chain, site: &self.config.site, fetched, now: now() }
    }

    /// Milliseconds since the start, by a clock that never goes back.
    pub fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The depot, asked in nobody's name: its cache is open.
    pub(super) fn unsigned(&self) -> Client {
        self.client.unsigned()
    }

    /// Takes note of what is to be sent again, durably: a restart must not make a depot's word count for more.
    pub(super) fn set_refill(&mut self, refill: Refill) -> Result<(), Trouble> {
        if refill != self.refill {
            let path = self.config.state_dir.join(REFILL);
            writ_durable::replace(&path, &json::canonical(&refill), 0o600).map_err(Trouble::at(&path))?;
            self.refill = refill;
        }
        Ok(())
    }

    /// Brings the status up to date and writes it.
    pub fn write_status(&mut self) {
        let release = self.inbox.points().first().map(|(epoch, serial)| format!("{epoch}-{serial}"));
        let seen = self.log.seen();
        self.status.log_size = seen.map_or(0, |seen| seen.checkpoint.size);
        self.status.log_fresh_at = seen.and_then(|seen| seen.fresh_at);
        self.status.release = release;
        self.status.trust_version = self.chain.newest().version.get();
        self.status.write(&self.config.state_dir, now());
    }
}

/// What cannot be read is forgotten, and said.
fn read_refill(path: &Path) -> Refill {
    let bytes = match writ_durable::read_bounded(path, MAX_REFILL) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Refill::default(),
        other => other,
    };
    let read = bytes.map_err(|e| e.to_string()).and_then(|b| serde_json::from_slice(&b).map_err(|e| e.to_string()));
    read.unwrap_or_else(|why| {
        warn!("{}: {why}; what was sent again is forgotten", path.display());
        Refill::default()
    })
}

fn lock(config: &Config) -> Result<File, OpenError> {
    let path = config.state_dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(Trouble::at(&path))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => std::thread::sleep(RETRY),
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(OpenError::Running(path)),
            Err(e) => return Err(Trouble::at(&path)(io::Error::from(e)).into()),
        }
    }
}
