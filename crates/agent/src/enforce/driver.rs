//! What the daemon does when: it acts on what is due and on what happened, and says when it wants to act next.
//!
//! A driver waits for nothing and asks the engine's clock what time it is, so that a loop which advances a simulated
//! clock to [`Driver::next`] lives through a month in a moment. [`super::daemon`] is the loop that waits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::info;
use writ_policy::outcome::Outcome;

use super::agenda::Agenda;
use super::engine::Engine;
use super::flap::Flapping;
use super::incident::Phase;
use crate::probes::{self, Watch};
use crate::switch::journal;
use crate::watch::events::Wanted;
use crate::watch::{Message, Topic};

/// How many events are taken in between two checks at most.
const TAKEN_BETWEEN: usize = 1_000;
/// How long checks that are due are run before everything else has its turn: some are due again and again.
const TURN: Duration = Duration::from_millis(250);
/// How often the status file is written at most.
const STATUS_EVERY: Duration = Duration::from_secs(3);
/// How often it is written at least.
const STATUS_AT_LEAST: Duration = Duration::from_secs(30);
/// How often the journal of a switch under way is read, whatever inotify says.
const SWITCH_EVERY: Duration = Duration::from_secs(1);
/// After a change in the folder of releases it is read now and, as its files may still be coming, after these.
const RELEASES_AFTER: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];
/// The shortest time after which a check is looked at again whose incident its last look did not decide.
const UNDECIDED: Duration = Duration::from_millis(250);
/// The same where nothing can be decided for now: nobody knows whether the check holds, or a generation is on trial.
const UNDECIDABLE: Duration = Duration::from_secs(30);
/// The longest that what is due by the time of day is slept for: that clock may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Units that checks look at, shared with whoever hears of units.
pub type Units = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// Has this told of, and nothing else from now on.
pub type Watcher = Box<dyn FnMut(Wanted)>;

/// An engine with its plans.
pub struct Driver {
    pub(super) engine: Engine,
    agenda: Agenda,
    polls: Vec<Instant>,
    last_poll: Instant,
    status_at: Option<Instant>,
    rescan: Rescan,
    watcher: Watcher,
    units: Units,
    /// The checks that look at something else which is told of.
    watched: BTreeMap<Watch, Vec<String>>,
    /// What each check wanted to be told of.
    wanted: BTreeMap<String, Vec<Watch>>,
}

/// How far a full scan has come that SIGUSR1 or an order asked for.
#[derive(Debug, Clone, Copy)]
enum Rescan {
    /// None was asked for.
    None,
    /// Then; not every check may have had its turn since.
    Asked(Instant),
    /// Every check was wanted until then; not all may have been looked at.
    Begun(Instant),
}

impl Driver {
    /// A driver of an engine that was started. What it wants to be told of it says to `watcher` and lays into `units`.
    pub fn new(engine: Engine, watcher: Watcher, units: Units) -> Self {
        let now = engine.clock.instant();
        let mut driver = Self {
            engine,
            agenda: Agenda::default(),
            polls: vec![now],
            last_poll: now,
            status_at: None,
            rescan: Rescan::None,
            watcher,
            units,
            watched: BTreeMap::new(),
            wanted: BTreeMap::new(),
        };
        driver.take_up_policy();
        driver
    }

    /// The engine.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Takes one message; false when it is time to stop.
    pub fn take(&mut self, message: Message) -> bool {
        let now = self.engine.clock.instant();
        match message {
            Message::Stop => return false,
            Message::Reload => {
                // What people laid down by hand since, and a new key, are known before anything is looked at.
                self.engine.take_up_secrets();
                self.polls.push(now);
            }
            Message::Rescan => self.scan_all(now),
            Message::Changed(topic) => self.changed(topic),
            Message::Happened(watch) => {
                for check in self.watched.get(&watch).cloned().unwrap_or_default() {
                    self.poke(&check, now);
                }
            }
            Message::Unit(unit) => self.unit_changed(unit.as_deref(), now),
            Message::Ran => self.engine.take_finished(),
            Message::Looked => self.engine.take_looked(),
            Message::Settled => self.engine.take_settled(),
        }
        true
    }

    /// Has every check run, and counts that when it is done.
    fn scan_all(&mut self, now: Instant) {
        self.engine.doubt();
        self.agenda.all_at(now);
        self.rescan = Rescan::Asked(now);
    }

    fn changed(&mut self, topic: Topic) {
        let now = self.engine.clock.instant();
        match topic {
            Topic::Check(check) => self.poke(&check, now),
            Topic::Releases if self.polls.len() < 8 => self.polls.extend(RELEASES_AFTER.map(|after| now + after)),
            Topic::Releases => {}
            Topic::Requests => self.engine.answer_requests(),
            Topic::Plans => self.engine.tend_plans(),
            Topic::Switch => {
                if self.engine.poll_switch() {
                    self.take_up_policy();
                }
            }
        }
    }

    fn unit_changed(&mut self, unit: Option<&str>, now: Instant) {
        let units = self.units.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |name: &&String| unit.is_none_or(|unit| unit == *name);
        let checks = units.iter().filter(|(name, _)| of(name)).flat_map(|(_, checks)| checks).cloned();
        let checks: Vec<String> = checks.collect();
        drop(units);
        for check in checks {
            self.poke(&check, now);
        }
    }

    fn poke(&mut self, check: &str, now: Instant) {
        self.engine.poked(check);
        self.agenda.poke(check, now);
    }

    /// Does what is due, or as much of it as there is time for in one turn; false when it is time to stop. What is heard meanwhile
    /// goes before what is merely due.
    pub fn act(&mut self, heard: &mut dyn Iterator<Item = Message>) -> bool {
        self.poll();
        self.engine.take_finished();
        self.engine.take_looked();
        if std::mem::take(&mut self.engine.rescan_wanted) {
            self.engine.doubt();
            self.agenda.all_at(self.engine.clock.instant());
        }
        if std::mem::take(&mut self.engine.full_scan_wanted) {
            self.scan_all(self.engine.clock.instant());
        }
        let began = self.engine.clock.instant();
        while self.engine.clock.since(began) < TURN
            && let Some(check) = self.agenda.first_due(self.engine.clock.instant())
        {
            self.follow(&check);
            self.engine.check(&check);
            self.agenda.ran(&check, self.engine.clock.instant());
            self.engine.notifier.alive();
            for message in (&mut *heard).take(TAKEN_BETWEEN) {
                if !self.take(message) {
                    return false;
                }
            }
        }
        self.engine.check_again();
        self.engine.tick();
        self.count_rescan();
        self.wake_for_incidents();
        self.engine.beat_if_due();
        self.write_status();
        true
    }

    fn count_rescan(&mut self) {
        if let Rescan::Asked(at) = self.rescan
            && self.agenda.all_ran_since(at)
        {
            self.rescan = Rescan::Begun(self.engine.clock.instant());
        }
        if let Rescan::Begun(at) = self.rescan
            && self.engine.looking.has_caught_up(at)
            && !self.engine.full_scan_wanted
        {
            self.rescan = Rescan::None;
            self.engine.counters.full_scans += 1;
            self.status_at = None;
            self.engine.full_scan_done();
        }
    }

    fn write_status(&mut self) {
        let now = self.engine.clock.instant();
        let due = if self.engine.status_is_old() { STATUS_EVERY } else { STATUS_AT_LEAST };
        if self.status_at.is_none_or(|at| now >= at + due) {
            self.status_at = Some(now);
            self.engine.write_status();
        }
    }

    fn poll(&mut self) {
        let now = self.engine.clock.instant();
        let asked = std::mem::take(&mut self.engine.poll_wanted) || self.polls.iter().any(|at| *at <= now);
        self.polls.retain(|at| *at > now);
        let poll_every = self.engine.config.poll_releases.duration();
        let mut changed = false;
        if asked || now.duration_since(self.last_poll) >= poll_every {
            self.last_poll = now;
            changed = self.engine.poll_releases();
            self.engine.answer_requests();
            self.engine.look_at_orders();
        } else if self.engine.switch_under_way() {
            changed = self.engine.poll_switch();
        }
        if changed {
            self.take_up_policy();
        }
    }

    /// An incident that rests is looked at when its rule may be tried again. One that a look did not decide is looked at again
    /// after a moment, not at once.
    fn wake_for_incidents(&mut self) {
        let (at, now) = (self.engine.clock.now(), self.engine.clock.instant());
        for incident in self.engine.state.incidents.values() {
            let unknown = self.engine.state.outcomes.get(&incident.check) == Some(&Outcome::NotAssessable);
            let least = if unknown || self.engine.on_trial { UNDECIDABLE } else { UNDECIDED };
            if let Phase::Waiting(Some(until)) = incident.phase {
                let left = Duration::from_millis(until.millis_since(at).max(0).unsigned_abs()).max(least);
                self.agenda.not_after(&incident.check, now + left);
            }
            if let Some(ends) = incident.flapping.as_ref().and_then(Flapping::ends) {
                let left = Duration::from_millis(ends.millis_since(at).max(0).unsigned_abs()).max(least);
                self.agenda.not_after(&incident.check, now + left);
            }
        }
    }

    /// Whether evidence waits for a quiet moment to be safe in the outbox.
    pub fn unsettled(&self) -> bool {
        self.engine.unsettled() && !self.engine.writer.is_settling() && !self.engine.writer.settling_rests()
    }

    /// A moment in which nothing happens: evidence is made safe in the outbox, or else the outbox is kept within its
    /// bounds.
    pub fn quiet(&mut self) {
        if !self.engine.unsettled() {
            self.engine.keep_house();
            return;
        }
        self.engine.settle();
        // A full disk may be waiting for just that.
        if self.engine.writer.trouble().is_some() {
            self.engine.keep_house();
        }
    }

    /// Does both, where there is no quiet moment. Nothing is taken out of the outbox before it is safe there: it would be put
    /// there again.
    pub fn starved(&mut self) {
        self.engine.settle();
        if self.engine.house_due() <= self.engine.clock.instant() {
            self.engine.settle_now();
            self.engine.keep_house();
        }
    }

    /// When something is due next.
    pub fn next(&self) -> Instant {
        let now = self.engine.clock.instant();
        let tick = self.engine.next_tick().map(|at| {
            let left = at.millis_since(self.engine.clock.now()).max(0).unsigned_abs();
            now + Duration::from_millis(left).min(LONGEST_SLEEP)
        });
        let poll = self.last_poll + self.engine.config.poll_releases.duration();
        let switch = self.engine.switch_under_way().then(|| now + SWITCH_EVERY);
        let watchdog = self.engine.notifier.rhythm().map(|rhythm| now + rhythm);
        let retry = self.engine.writer.trouble().map(|_| now + SWITCH_EVERY);
        let again = (!self.engine.again.is_empty()).then_some(now);
        let asked = self.polls.iter().min().copied().or(self.engine.poll_wanted.then_some(now));
        let due = if self.engine.status_is_old() { STATUS_EVERY } else { STATUS_AT_LEAST };
        let status = self.status_at.map(|at| at + due);
        let beat = self.engine.next_beat();
        let house = (!self.engine.unsettled()).then(|| self.engine.house_due());
        let looks = self.engine.looking.due();
        [self.agenda.next(), tick, Some(poll), asked, switch, watchdog, retry, again, status, beat, house, looks]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now)
    }

    /// Watches anew before a look at a check that wants to be told of something else by now, as where an account has come
    /// whose home it looks at.
    fn follow(&mut self, check: &str) {
        let call = self.engine.policy().and_then(|policy| policy.checks.get(check)).map(|check| &check.probe);
        let moved = self.wanted.get(check).zip(call);
        if moved.is_some_and(|(wanted, call)| *wanted != probes::watch(call, &self.engine.context)) {
            self.watch();
        }
    }

    /// Plans and watches for the policy that is obeyed now.
    fn take_up_policy(&mut self) {
        let now = self.engine.clock.instant();
        self.agenda = self.engine.policy().map_or_else(Agenda::default, |policy| Agenda::new(policy, now));
        self.watch();
        self.engine.lay_out_asks();
    }

    /// Says what is to be told of.
    fn watch(&mut self) {
        let config = &self.engine.config;
        let folder = self.engine.acceptor.folder();
        let newest = folder.log(&config.site, self.engine.site_log.number.max(1));
        let mut wanted: Vec<(PathBuf, Topic)> = vec![
            (folder.releases(&config.site), Topic::Releases),
            (folder.orders_of(&config.site), Topic::Releases),
            (newest.join("checkpoint"), Topic::Releases),
            (folder.courier_key(), Topic::Releases),
            (config.requests_dir(), Topic::Requests),
            (config.state_dir.join(journal::FILE), Topic::Switch),
        ];
        let mut units: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // When the clock is set, whatever is planned by it moves too.
        let mut watched: BTreeMap<Watch, Vec<String>> = [(Watch::Clock, Vec::new())].into();
        let mut asked = BTreeMap::new();
        if let Some(policy) = self.engine.policy() {
            if policy.settings.planner.enabled {
                wanted.push((self.engine.config.plans_dir(), Topic::Plans));
            }
            wanted.extend(self.engine.looks().map(|(id, path)| (path, Topic::Check(id.to_owned()))));
            for (id, check) in policy.checks.iter().filter(|(_, check)| check.target == "self") {
                let watches = probes::watch(&check.probe, &self.engine.context);
                asked.insert(id.clone(), watches.clone());
                for watch in watches {
                    match watch {
                        Watch::Path(path) => wanted.push((path, Topic::Check(id.clone()))),
                        Watch::Unit(unit) => units.entry(unit).or_default().push(id.clone()),
                        other => watched.entry(other).or_default().push(id.clone()),
                    }
                }
            }
            info!(checks = policy.checks.len(), paths = wanted.len(), units = units.len(), "watching");
        }
        let watches = watched.keys().cloned().chain(units.keys().cloned().map(Watch::Unit)).collect();
        (self.watcher)(Wanted { paths: wanted, watches });
        (self.watched, self.wanted) = (watched, asked);
        *self.units.lock().unwrap_or_else(PoisonError::into_inner) = units;
    }
}
