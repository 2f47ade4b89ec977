//! Which runbooks run beside one another, and which wait for others to end. Pure: instants come in.
//!
//! ```text
//!          ┌─ there is a place, and nobody changes the same ─▶ Start ─ Ended ─▶
//! Asked ───┤                                                     ▲
//!          ├─ else it waits in line ─ its turn comes ────────────┘
//!          │              ├─ too long ─▶ HandOver
//!          │              └─ Dropped ─▶ (not tried)
//!          └─ the line is full ─▶ HandOver
//! ```
//!
//! Over all rules only so many runbooks run within an hour ([`Budget`]): a machine in which everything breaks, again and
//! again, is for people.
//!
//! Who asked does not overtake those before them that change the same, so nobody waits for ever: the first in line waits
//! only for what runs.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use writ_policy::settings::CircuitBreaker;

use crate::steps::Touch;

/// The longest line. Each check waits at most once.
pub const LONGEST_LINE: usize = 256;
/// The longest wait. Longer than the longest runbook that comes with Writ takes (63 minutes), with one like it before.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3 * 3600);

/// The time that a budget is for.
const HOUR: Duration = Duration::from_secs(3600);

/// How many runbooks may run within an hour, over all rules. A restart forgets those before it; what a crash repeats, the
/// circuit breaker bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// All of them.
    pub runs: usize,
    /// Those that run a program of the closure, of which nobody can say what it changes.
    pub programs: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { runs: 120, programs: 30 }
    }
}

impl Budget {
    /// The budget where the policy's circuit breaker lets one rule alone answer more: what it allows one, it allows all.
    pub fn of(limit: &CircuitBreaker) -> Self {
        let an_hour = u64::from(limit.fires) * HOUR.as_secs() / limit.within.seconds().max(1).unsigned_abs();
        let least = usize::try_from(an_hour).unwrap_or(usize::MAX);
        let Self { runs, programs } = Self::default();
        Self { runs: runs.max(least), programs: programs.max(least) }
    }
}

/// Up to this a runbook is quick.
const QUICK: Duration = Duration::from_secs(60);
/// Up to this it is no long one.
const ORDINARY: Duration = Duration::from_secs(10 * 60);

/// How long a runbook may take: each kind has places of its own, so that the quick never wait for the long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// At most a minute.
    Quick,
    /// At most ten minutes.
    Ordinary,
    /// Longer: a backup, a scan.
    Long,
}

impl Lane {
    /// The lane of what takes at most this long.
    pub fn of(at_most: Duration) -> Self {
        match at_most {
            t if t <= QUICK => Self::Quick,
            t if t <= ORDINARY => Self::Ordinary,
            _ => Self::Long,
        }
    }

    /// How many may run in it at once.
    pub fn places(self) -> usize {
        match self {
            Self::Quick | Self::Ordinary => 2,
            Self::Long => 1,
        }
    }
}

/// A runbook that is to run for a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The check and its target: one job each at once.
    pub key: String,
    /// The check.
    pub check: String,
    /// The rule.
    pub rule: String,
    /// How long it may take.
    pub lane: Lane,
    /// What it changes.
    pub touches: Vec<Touch>,
}

impl Job {
    fn runs_a_program(&self) -> bool {
        self.touches.iter().any(|touch| matches!(touch, Touch::Program(_)))
    }

    fn meets(&self, other: &Self) -> bool {
        self.key == other.key || self.touches.iter().any(|one| other.touches.iter().any(|other| one.meets(other)))
    }
}

/// What runs, and who waits in line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lanes {
    running: BTreeMap<String, Job>,
    waiting: VecDeque<(Job, Instant)>,
    held: bool,
    budget: Budget,
    /// What began within the last hour, and whether it ran a program.
    began: VecDeque<(Instant, bool)>,
}

/// How many began within the last hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// All of them.
    pub runs: usize,
    /// Those of them that ran a program of the closure.
    pub programs: usize,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A job is to run. One that waits already keeps its place in line.
    Asked(Job),
    /// The job of this key is over, or does not want its place any more.
    Ended(String),
    /// From now on nothing starts, or does again.
    Held(bool),
    /// Those who wait are no longer wanted.
    Dropped,
    /// So much may run within an hour from now on.
    Allowed(Budget),
    /// So it stands with another process, whose lanes these are to be like.
    Recalled {
        /// What runs there.
        running: Vec<Job>,
        /// Who waits there, the first in line first.
        waiting: Vec<Job>,
        /// What began there within the hour.
        ran: Ran,
    },
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Run it. It has its place until [`Event::Ended`].
    Start(Job),
    /// It will not run: people have to do something, for this reason.
    HandOver(Job, String),
}

/// The next state, and what is to be done.
pub fn step(mut lanes: Lanes, event: Event, now: Instant) -> (Lanes, Vec<Act>) {
    let mut acts = Vec::new();
    match event {
        Event::Asked(job) => acts.extend(lanes.asked(job, now)),
        Event::Ended(key) => {
            lanes.running.remove(&key);
        }
        Event::Held(held) => lanes.held = held,
        Event::Dropped => lanes.waiting.clear(),
        Event::Allowed(budget) => lanes.budget = budget,
        Event::Recalled { running, waiting, ran } => lanes.recall(running, waiting, ran, now),
        Event::Tick => {}
    }
    acts.extend(lanes.start(now));
    acts.extend(lanes.give_up(now));
    (lanes, acts)
}

impl Lanes {
    /// What runs.
    pub fn running(&self) -> impl Iterator<Item = &Job> {
        self.running.values()
    }

    /// Who waits, the first in line first.
    pub fn waiting(&self) -> impl Iterator<Item = &Job> {
        self.waiting.iter().map(|(job, _)| job)
    }

    /// How many began within the last hour.
    pub fn ran(&self, now: Instant) -> Ran {
        let recent = self.began.iter().filter(|(at, _)| now.saturating_duration_since(*at) < HOUR);
        recent.fold(Ran::default(), |ran, (_, program)| Ran {
            runs: ran.runs + 1,
            programs: ran.programs + usize::from(*program),
        })
    }

    /// Whether nothing starts.
    pub fn is_held(&self) -> bool {
        self.held
    }

    fn recall(&mut self, running: Vec<Job>, waiting: Vec<Job>, ran: Ran, now: Instant) {
        self.running = running.into_iter().map(|job| (job.key.clone(), job)).collect();
        self.waiting = waiting.into_iter().take(LONGEST_LINE).map(|job| (job, now)).collect();
        let most = self.budget.runs.max(self.budget.programs);
        self.began = (0..ran.runs.min(most)).map(|n| (now, n < ran.programs)).collect();
    }

    fn asked(&mut self, job: Job, now: Instant) -> Option<Act> {
        if self.running.contains_key(&job.key) {
            return None;
        }
        if let Some((waits, _)) = self.waiting.iter_mut().find(|(waits, _)| waits.key == job.key) {
            *waits = job;
            return None;
        }
        if self.waiting.len() >= LONGEST_LINE {
            let why = format!("rule {} could not run: {LONGEST_LINE} others wait for their turn already", job.rule);
            return Some(Act::HandOver(job, why));
        }
        self.waiting.push_back((job, now));
        None
    }

    /// Starts all that may, the first in line first.
    fn start(&mut self, now: Instant) -> Vec<Act> {
        while self.began.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= HOUR) {
            self.began.pop_front();
        }
        let mut acts = Vec::new();
        let mut at = 0;
        while let Some((job, _)) = self.waiting.get(at) {
            if !self.may_start(job, at) {
                at += 1;
                continue;
            }
            let Some((job, _)) = self.waiting.remove(at) else { break };
            if let Some(why) = self.over_budget(&job) {
                acts.push(Act::HandOver(job, why));
                continue;
            }
            self.began.push_back((now, job.runs_a_program()));
            self.running.insert(job.key.clone(), job.clone());
            acts.push(Act::Start(job));
        }
        acts
    }

    fn may_start(&self, job: &Job, at: usize) -> bool {
        let in_lane = self.running.values().filter(|other| other.lane == job.lane).count();
        let before = self.waiting.iter().take(at).map(|(other, _)| other);
        !self.held && in_lane < job.lane.places() && !self.running.values().chain(before).any(|other| job.meets(other))
    }

    fn over_budget(&self, job: &Job) -> Option<String> {
        let Budget { runs, programs } = self.budget;
        let rule = &job.rule;
        let ran = self.began.iter().filter(|(_, program)| *program).count();
        if job.runs_a_program() && ran >= programs {
            return Some(format!(
                "rule {rule} could not run: {programs} runbooks with programs ran within an hour, which is all that may"
            ));
        }
        let over = self.began.len() >= runs;
        over.then(|| {
            format!("rule {rule} could not run: {runs} runbooks of all rules ran within an hour, which is all that may")
        })
    }

    fn give_up(&mut self, now: Instant) -> Vec<Act> {
        let too_long = |since: &Instant| now.saturating_duration_since(*since) >= LONGEST_WAIT;
        let (late, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(_, since)| too_long(since));
        self.waiting = waiting;
        let late: VecDeque<(Job, Instant)> = late;
        let hours = LONGEST_WAIT.as_secs() / 3600;
        let hand_over = |(job, _): (Job, Instant)| {
            let why = format!("rule {} could not run: others that go before it did not end within {hours} h", job.rule);
            Act::HandOver(job, why)
        };
        late.into_iter().map(hand_over).collect()
    }
}

#[cfg(test)]
mod tests;
