//! The daemon: waits for what happens, looks, heals, and says that it is alive.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::agenda::Agenda;
use super::engine::{Engine, now};
use super::incident::Phase;
use super::work::Workers;
use crate::dbus::{self, UnitEvent};
use crate::probes::{self, Watch};
use crate::switch::journal;
use crate::watch::files::Files;
use crate::watch::notify::Notifier;
use crate::watch::{Message, Topic, signals};

/// How long events are gathered before they are acted on: writers make several at once.
const GATHER: Duration = Duration::from_millis(2);
/// How long they are gathered at most, while they keep coming.
const GATHER_AT_MOST: Duration = Duration::from_millis(10);
/// How many events are taken in between two checks at most.
const TAKEN_BETWEEN: usize = 1_000;
/// How often the status file is written at most.
const STATUS_EVERY: Duration = Duration::from_secs(3);
/// How often it is written at least.
const STATUS_AT_LEAST: Duration = Duration::from_secs(30);
/// How often the journal of a switch under way is read, whatever inotify says.
const SWITCH_EVERY: Duration = Duration::from_secs(1);
/// After a change in the folder of releases it is read now and, as its files may still be coming, after these.
const RELEASES_AFTER: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];
/// How long nothing happens before the outbox is fsynced.
const QUIET: Duration = Duration::from_millis(20);
/// How long after that it is done at the latest, however much happens.
const STARVED_AFTER: Duration = Duration::from_secs(1);
/// The longest sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Units that checks look at, shared with the thread that hears of units.
type Units = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// The daemon's sources and its plans.
struct Daemon {
    engine: Engine,
    messages: Receiver<Message>,
    files: Files,
    units: Units,
    agenda: Agenda,
    polls: Vec<Instant>,
    last_poll: Instant,
    status_at: Option<Instant>,
    /// When what waits for a quiet moment was done.
    quiet_at: Instant,
    /// SIGUSR1 asked for a full scan that is not done yet.
    rescan_asked: bool,
}

/// Runs until it is told to stop.
pub fn run(mut engine: Engine) -> io::Result<()> {
    let (sender, messages) = channel();
    signals::watch(sender.clone())?;
    let files = Files::new(sender.clone())?;
    let units = Units::default();
    watch_units(&sender, &units);
    engine.notifier = Notifier::from_environment();
    engine.attempts.workers = Some(Workers::new(sender));
    engine.start(false);
    engine.reconcile_tickets();
    writ_durable::create_directories(&engine.config.requests_dir())?;
    let now = Instant::now();
    let mut daemon = Daemon {
        engine,
        messages,
        files,
        units,
        agenda: Agenda::default(),
        polls: vec![now],
        last_poll: now,
        status_at: None,
        quiet_at: now,
        rescan_asked: false,
    };
    daemon.take_up_policy();
    daemon.engine.notifier.ready();
    daemon.turn();
    daemon.engine.stop();
    Ok(())
}

fn watch_units(messages: &Sender<Message>, units: &Units) {
    if !dbus::booted_with_systemd() {
        return;
    }
    let (messages, units) = (messages.clone(), Arc::clone(units));
    let watched = dbus::watch_units(move |event| match event {
        UnitEvent::Began => messages.send(Message::Unit(None)).is_ok(),
        UnitEvent::Changed(unit) => {
            let wanted = units.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&unit);
            !wanted || messages.send(Message::Unit(Some(unit))).is_ok()
        }
    });
    if let Err(e) = watched {
        warn!("systemd cannot be listened to: {e}; units are looked at by polling only");
    }
}

impl Daemon {
    /// The main loop.
    fn turn(&mut self) {
        loop {
            self.engine.notifier.alive();
            if !self.act() {
                return;
            }
            let unsettled = self.engine.unsettled();
            let next = if unsettled { self.next() } else { self.next().min(self.engine.house_due()) };
            let wait = next.saturating_duration_since(Instant::now());
            let wait = wait.min(if unsettled { QUIET } else { LONGEST_SLEEP });
            match self.messages.recv_timeout(wait) {
                Ok(first) => {
                    if !self.gather(first) {
                        return;
                    }
                    // Who makes something happen all the time must not keep evidence from the disk, nor the outbox from
                    // being kept within its bounds.
                    if self.quiet_at.elapsed() >= STARVED_AFTER {
                        self.settle();
                        self.engine.keep_house();
                    }
                }
                Err(RecvTimeoutError::Timeout) if unsettled => {
                    self.settle();
                    // A full disk may be waiting for just that.
                    if self.engine.writer.trouble().is_some() {
                        self.engine.keep_house();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.quiet_at = Instant::now();
                    self.engine.keep_house();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn settle(&mut self) {
        self.quiet_at = Instant::now();
        self.engine.settle();
    }

    /// Takes a message and those that come with it; false when it is time to stop.
    fn gather(&mut self, first: Message) -> bool {
        let deadline = Instant::now() + GATHER_AT_MOST;
        let mut message = first;
        loop {
            if !self.take(message) {
                return false;
            }
            let left = deadline.saturating_duration_since(Instant::now()).min(GATHER);
            if left.is_zero() {
                return true;
            }
            match self.messages.recv_timeout(left) {
                Ok(next) => message = next,
                Err(_) => return true,
            }
        }
    }

    /// Takes one message; false when it is time to stop.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Stop => return false,
            Message::Reload => self.polls.push(Instant::now()),
            Message::Rescan => {
                self.agenda.all_at(Instant::now());
                self.rescan_asked = true;
            }
            Message::Changed(topic) => self.changed(topic),
            Message::Unit(unit) => self.unit_changed(unit.as_deref()),
            Message::Ran => self.engine.take_finished(),
        }
        true
    }

    fn changed(&mut self, topic: Topic) {
        let now = Instant::now();
        match topic {
            Topic::Check(check) => self.agenda.poke(&check, now),
            Topic::Releases if self.polls.len() < 8 => self.polls.extend(RELEASES_AFTER.map(|after| now + after)),
            Topic::Releases => {}
            Topic::Requests => self.engine.answer_requests(),
            Topic::Switch => {
                if self.engine.poll_switch() {
                    self.take_up_policy();
                }
            }
        }
    }

    fn unit_changed(&mut self, unit: Option<&str>) {
        let now = Instant::now();
        let units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        let checks =
            units.iter().filter(|(name, _)| unit.is_none_or(|unit| unit == *name)).flat_map(|(_, checks)| checks);
        for check in checks {
            self.agenda.poke(check, now);
        }
    }

    /// Does what is due; false when it is time to stop. What happens meanwhile goes before what is merely due.
    fn act(&mut self) -> bool {
        self.poll();
        self.engine.take_finished();
        if std::mem::take(&mut self.engine.rescan_wanted) {
            self.agenda.all_at(Instant::now());
        }
        while let Some(check) = self.agenda.first_due(Instant::now()) {
            self.engine.check(&check);
            self.agenda.ran(&check, Instant::now());
            self.engine.notifier.alive();
            for _ in 0..TAKEN_BETWEEN {
                let Ok(message) = self.messages.try_recv() else { break };
                if !self.take(message) {
                    return false;
                }
            }
        }
        self.engine.check_again();
        self.engine.tick();
        if std::mem::take(&mut self.rescan_asked) {
            self.engine.counters.full_scans += 1;
            self.status_at = None;
        }
        self.wake_for_incidents();
        self.engine.beat_if_due();
        self.write_status();
        true
    }

    fn write_status(&mut self) {
        let now = Instant::now();
        let due = if self.engine.status_is_old() { STATUS_EVERY } else { STATUS_AT_LEAST };
        if self.status_at.is_none_or(|at| now >= at + due) {
            self.status_at = Some(now);
            self.engine.write_status();
        }
    }

    fn poll(&mut self) {
        let now = Instant::now();
        let asked = std::mem::take(&mut self.engine.poll_wanted) || self.polls.iter().any(|at| *at <= now);
        self.polls.retain(|at| *at > now);
        let poll_every = self.engine.config.poll_releases.duration();
        let mut changed = false;
        if asked || now.duration_since(self.last_poll) >= poll_every {
            self.last_poll = now;
            changed = self.engine.poll_releases();
            self.engine.answer_requests();
        } else if self.engine.switch_under_way() {
            changed = self.engine.poll_switch();
        }
        if changed {
            self.take_up_policy();
        }
    }

    /// An incident that rests is looked at when its rule may be tried again.
    fn wake_for_incidents(&mut self) {
        let at = now();
        for incident in self.engine.state.incidents.values() {
            if let Phase::Waiting(Some(until)) = incident.phase {
                let left = Duration::from_millis(until.millis_since(at).max(0).unsigned_abs());
                self.agenda.not_after(&incident.check, Instant::now() + left);
            }
        }
    }

    /// When something is due next.
    fn next(&self) -> Instant {
        let now_instant = Instant::now();
        let tick = self.engine.next_tick().map(|at| {
            let left = at.millis_since(now()).max(0).unsigned_abs();
            now_instant + Duration::from_millis(left).min(LONGEST_SLEEP)
        });
        let poll = self.last_poll + self.engine.config.poll_releases.duration();
        let switch = self.engine.switch_under_way().then(|| now_instant + SWITCH_EVERY);
        let watchdog = self.engine.notifier.rhythm().map(|rhythm| now_instant + rhythm);
        let retry = self.engine.writer.trouble().map(|_| now_instant + SWITCH_EVERY);
        let again = (!self.engine.again.is_empty()).then_some(now_instant);
        let asked = self.polls.iter().min().copied().or(self.engine.poll_wanted.then_some(now_instant));
        let due = if self.engine.status_is_old() { STATUS_EVERY } else { STATUS_AT_LEAST };
        let status = self.status_at.map(|at| at + due);
        let beat = self.engine.next_beat();
        [self.agenda.next(), tick, Some(poll), asked, switch, watchdog, retry, again, status, beat]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now_instant)
    }

    /// Plans and watches for the policy that is obeyed now.
    fn take_up_policy(&mut self) {
        let config = &self.engine.config;
        let folder = self.engine.acceptor.folder();
        let newest = folder.log(&config.site, self.engine.site_log.number.max(1));
        let mut wanted: Vec<(PathBuf, Topic)> = vec![
            (folder.releases(&config.site), Topic::Releases),
            (newest.join("checkpoint"), Topic::Releases),
            (folder.courier_key(), Topic::Releases),
            (config.requests_dir(), Topic::Requests),
            (config.state_dir.join(journal::FILE), Topic::Switch),
        ];
        let mut units: BTreeMap<String, Vec<String>> = BTreeMap::new();
        self.agenda = Agenda::default();
        if let Some(policy) = self.engine.policy() {
            wanted.extend(self.engine.looks().map(|(id, path)| (path, Topic::Check(id.to_owned()))));
            for (id, check) in policy.checks.iter().filter(|(_, check)| check.target == "self") {
                for watch in probes::watch(&check.probe, &self.engine.context) {
                    match watch {
                        Watch::Path(path) => wanted.push((path, Topic::Check(id.clone()))),
                        Watch::Unit(unit) => units.entry(unit).or_default().push(id.clone()),
                    }
                }
            }
            self.agenda = Agenda::new(policy, Instant::now());
            info!(checks = policy.checks.len(), paths = wanted.len(), units = units.len(), "watching");
        }
        self.files.set(wanted);
        self.engine.lay_out_asks();
        *self.units.lock().unwrap_or_else(PoisonError::into_inner) = units;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use writ_trust::minisign::SecretKey;

    use super::*;
    use crate::config::Config;

    /// An enforcer that has sealed its first bundle, which is in the outbox and not known to be on the disk there.
    fn started(dir: &std::path::Path) -> Engine {
        let key = dir.join("key");
        std::fs::write(&key, SecretKey::generate(&[3; 40]).to_open_file().as_bytes()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let at = |name: &str| dir.join(name).display().to_string();
        let config = format!(
            "site = \"clinic-001\"\nappliance = \"front-desk\"\nreleases = {:?}\ntrust = {:?}\nkey = {:?}\nstate_dir = {:?}\n\
             outbox_dir = {:?}\n",
            at("releases"),
            at("trust.json"),
            at("key"),
            at("state"),
            at("outbox")
        );
        std::fs::write(dir.join("enforce.toml"), config).unwrap();
        let mut engine = Engine::open(Config::read(&dir.join("enforce.toml")).unwrap()).unwrap();
        engine.start(false);
        assert!(engine.unsettled());
        engine
    }

    #[test]
    fn a_steady_stream_of_events_does_not_keep_evidence_from_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let engine = started(dir.path());
        let (sender, messages) = channel();
        let now = Instant::now();
        // More than is taken in at once: there is never a quiet moment before the end.
        for _ in 0..1_000_000 {
            sender.send(Message::Changed(Topic::Check(String::new()))).unwrap();
        }
        sender.send(Message::Stop).unwrap();
        let mut daemon = Daemon {
            engine,
            messages,
            files: Files::new(sender).unwrap(),
            units: Units::default(),
            agenda: Agenda::default(),
            polls: Vec::new(),
            last_poll: now,
            status_at: None,
            quiet_at: now.checked_sub(STARVED_AFTER).unwrap(),
            rescan_asked: false,
        };
        daemon.turn();
        assert!(!daemon.engine.unsettled());
    }
}
