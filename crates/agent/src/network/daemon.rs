//! writ-probe: reads what is asked for, looks, lays out what it saw. One thread, which waits for the next look, for a change in
//! `asks/` and for signals at once.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::inotify::{self, CreateFlags};
use tracing::{debug, info, warn};
use writ_trust::digest::Digest;
use writ_trust::text::one_line;
use writ_wire::asks::{Asks, MAX_ASKS};
use writ_wire::looks::file_name;

use super::config::Config;
use super::dns::Resolver;
use super::schedule::{Call, Schedule};
use super::status::Status;
use super::tls::trust::Authorities;
use super::{Sight, asks, seen};
use crate::clock::now;
use crate::enforce::hostile;
use crate::spool;
use crate::wake::{Place, Signals, place, wait, watch};
use crate::watch::notify::Notifier;
use writ_confine::Enforced;

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(30);
/// The longest sleep: after it the asks are read again, whatever inotify said.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// How often the status is written at least, and at most when it changed.
const STATUS_AT_LEAST: Duration = Duration::from_secs(30);
const STATUS_EVERY: Duration = Duration::from_secs(3);

/// Why writ-probe cannot run.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something on this machine.
    #[error("{}: {source}", path.display())]
    Io {
        /// What it is about.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is one already.
    #[error("{}: another writ-probe works with this state", .0.display())]
    Running(PathBuf),
    /// The authorities.
    #[error("{0}; name another file as ca_file, or none for those of the public web")]
    Authorities(String),
}

/// One writ-probe.
pub struct Looking {
    config: Config,
    authorities: Authorities,
    schedule: Schedule,
    /// The digest of what was last taken up.
    asked: Option<Digest>,
    folders: Folders,
    /// Whether names could be looked up when this process had just been confined.
    names: bool,
    status: Status,
    /// Held until the end: one at a time.
    _lock: File,
}

/// The folders of the spool, as they stood before this process was confined to them: it would not see others come.
pub struct Folders([Place; 2]);

impl Folders {
    /// As they stand.
    pub fn now(config: &Config) -> Result<Self, OpenError> {
        let place = |path: PathBuf| place(&path).map_err(|source| OpenError::Io { path, source });
        Ok(Self([place(config.asks())?, place(config.looks())?]))
    }
}

impl Looking {
    /// Takes the lock and reads the authorities.
    pub fn open(config: Config, folders: Folders, confined: Enforced) -> Result<Self, OpenError> {
        let io = |path: &PathBuf| {
            let path = path.clone();
            move |source| OpenError::Io { path, source }
        };
        let path = config.state_dir.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(io(&path))?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(OpenError::Running(path)),
            Err(e) => return Err(io(&path)(e.into())),
        }
        let authorities = match &config.ca_file {
            Some(path) => Authorities::from_file(path).map_err(OpenError::Authorities)?,
            None => Authorities::public(),
        };
        let (status, names) = (Status::new(now(), confined), !Resolver::of_this_machine().is_closed());
        Ok(Self {
            config,
            authorities,
            schedule: Schedule::default(),
            asked: None,
            folders,
            names,
            status,
            _lock: lock,
        })
    }

    /// Looks at everything once. Gives the checks of which nothing was seen, each with the reason.
    pub fn once(mut self) -> io::Result<Vec<(String, String)>> {
        self.same_places()?;
        self.read_asks();
        let mut left = self.schedule.len();
        while left > 0 {
            let Some(next) = self.schedule.next() else { break };
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            left -= usize::from(self.look_if_due());
        }
        self.status.write(&self.config.state_dir);
        let problem = self.status.problem.map(|problem| (asks::FILE.to_owned(), problem));
        Ok(self.status.unseen.into_iter().chain(problem).collect())
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, signals: &Signals) -> io::Result<()> {
        let mut notifier = Notifier::from_environment();
        let changes = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let (mut written, mut told) = (None::<Instant>, String::new());
        notifier.ready();
        info!(spool = %self.config.spool.display(), "looking over the network");
        while !signals.stops() {
            notifier.alive();
            self.same_places()?;
            watch(&changes, &self.config.asks())?;
            self.read_asks();
            if signals.again() {
                info!("asked to look at everything now");
                self.schedule.all_at(Instant::now());
            }
            let looked = self.look_if_due();
            let due = if looked || written.is_none() { STATUS_EVERY } else { STATUS_AT_LEAST };
            if written.is_none_or(|at| at.elapsed() >= due) {
                written = Some(Instant::now());
                self.status.at = now();
                self.status.write(&self.config.state_dir);
                let text = format!("{} checks, {} of them not seen", self.status.checks, self.status.unseen.len());
                if text != told {
                    notifier.status(&text);
                    told = text;
                }
            }
            let longest = notifier.rhythm().unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP);
            let next = self.schedule.next().map(|at| at.saturating_duration_since(Instant::now()));
            wait(&changes, signals, next.unwrap_or(longest).min(longest))?;
        }
        notifier.stopping();
        self.status.at = now();
        self.status.write(&self.config.state_dir);
        info!("stopped");
        Ok(())
    }

    /// Whoever is confined to a folder has lost it when it is made anew, and is best started again. The same of what
    /// resolv.conf leads to, when another part of the system writes it than before.
    fn same_places(&self) -> io::Result<()> {
        if self.names && Resolver::of_this_machine().is_closed() {
            let what = "resolv.conf or hosts leads to where this process was not let when it began: start again";
            return Err(io::Error::other(what));
        }
        for (folder, was) in [self.config.asks(), self.config.looks()].into_iter().zip(self.folders.0) {
            if place(&folder).ok() != Some(was) {
                let what = format!("{} was made anew, or is gone: start again", folder.display());
                return Err(io::Error::other(what));
            }
        }
        Ok(())
    }

    /// Reads what is asked for, if it has changed.
    fn read_asks(&mut self) {
        let path = self.config.asks().join(asks::FILE);
        let problem = match hostile::read(&path, MAX_ASKS) {
            Ok(bytes) => {
                let digest = Some(Digest::of(&bytes));
                if self.asked == digest {
                    None
                } else {
                    match Asks::parse(&bytes) {
                        Ok(asks) => {
                            self.asked = digest;
                            self.take(&asks);
                            None
                        }
                        Err(e) => Some(format!("{}: {}", path.display(), one_line(e))),
                    }
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Some(format!("{}: nothing is asked for yet; writ-enforce lays it out", path.display()))
            }
            Err(e) => Some(format!("{}: {e}", path.display())),
        };
        if self.status.problem != problem
            && let Some(problem) = &problem
        {
            warn!("{problem}");
        }
        self.status.problem = problem;
    }

    fn take(&mut self, asks: &Asks) {
        self.schedule.take(asks, Instant::now());
        let checks: BTreeSet<&str> = self.schedule.checks().collect();
        info!(checks = checks.len(), calls = self.schedule.len(), "asked for");
        self.status.checks = checks.len();
        self.status.unseen.retain(|check, _| checks.contains(check.as_str()));
        // What nobody asks for any more, and what a crash left behind.
        let kept: BTreeSet<String> = checks.into_iter().filter_map(file_name).collect();
        let looks = self.config.looks();
        for name in hostile::names(&looks).into_iter().filter(|name| !kept.contains(name)) {
            let _ = std::fs::remove_file(looks.join(name));
        }
    }

    /// Looks at what is due now, if anything is.
    fn look_if_due(&mut self) -> bool {
        let Some((digest, call)) = self.schedule.due(Instant::now()) else { return false };
        self.look(&call);
        let mut random = [0; 4];
        // Without randomness the rhythm is regular, and nothing worse.
        let _ = getrandom::fill(&mut random);
        self.schedule.looked(&digest, Instant::now(), u32::from_le_bytes(random));
        true
    }

    fn look(&mut self, call: &Call) {
        let began_at = now();
        let sight = Sight {
            now: began_at,
            deadline: Instant::now() + LOOK,
            // Anew each time: they change when a network does.
            resolver: Resolver::of_this_machine(),
            authorities: self.authorities.clone(),
        };
        let seen = super::look(&call.ask.probe, &call.ask.parameters, &sight);
        let ended_at = now().max(began_at);
        self.status.looks += 1;
        debug!(probe = call.ask.probe, checks = ?call.checks, took_ms = ended_at.millis_since(began_at), ?seen, "looked");
        for check in &call.checks {
            let look = seen::look(check, &call.ask, began_at, ended_at, seen.as_ref().map_err(String::as_str));
            let Some(name) = file_name(check) else { continue };
            let laid = spool::put(&self.config.looks(), &name, &look.canonical());
            let unseen = laid.map_err(|e| format!("{}: {e}", self.config.looks().display()));
            match unseen.and(seen.as_ref().map(drop).map_err(Clone::clone)) {
                Ok(()) => drop(self.status.unseen.remove(check)),
                Err(reason) => {
                    if self.status.unseen.get(check) != Some(&reason) {
                        warn!(check, "nothing was seen: {reason}");
                    }
                    self.status.unseen.insert(check.clone(), reason);
                }
            }
        }
    }
}
