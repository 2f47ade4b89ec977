//! What the courier does next. Pure: time and randomness come in.
//!
//! Seven jobs. Checking in, pulling and what is sent are done one at a time, the most urgent first; fetching a closure may take
//! hours and goes on beside them. Each has its own back-off. Checking in is how a network that came back is noticed: when it succeeds, what
//! failed for want of a network is tried at once.

#[cfg(test)]
mod tests;

/// What the courier does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {
    /// Hand over the heartbeat, and hear whether there is news.
    CheckIn,
    /// Pull what is new.
    Sync,
    /// Send what is in the outbox.
    Deliver,
    /// Download what the newest release names.
    Fetch,
    /// Send notices.
    Notices,
    /// Send batches of logs.
    Logs,
    /// Fetch the orders that there are.
    Orders,
}

impl Job {
    /// Every job, the most urgent first.
    pub const ALL: [Self; 7] =
        [Self::CheckIn, Self::Notices, Self::Orders, Self::Sync, Self::Deliver, Self::Logs, Self::Fetch];

    /// What the job is called in logs and in the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::CheckIn => "check-in",
            Self::Sync => "sync",
            Self::Deliver => "delivery",
            Self::Fetch => "fetch",
            Self::Notices => "notices",
            Self::Logs => "logs",
            Self::Orders => "orders",
        }
    }
}

/// How often things are done, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// Between two check-ins.
    pub check_in: u64,
    /// Between two pulls, when nothing tells of news.
    pub sync: u64,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// There is nothing left to do.
    Done,
    /// It went well, and there is more of the same.
    More,
    /// The depot could not be reached.
    Offline,
    /// Something was not as it should be. `wait` is what the depot asked for, in milliseconds.
    Failed {
        /// How long at least, in milliseconds; 0 when nobody said.
        wait: u64,
    },
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Time has passed: asks for what is due.
    Tick,
    /// Whether the enforcer vouches for this courier.
    Vouched(bool),
    /// Something came into the outbox.
    OutboxChanged,
    /// Something came into the folder of notices.
    NoticesChanged,
    /// Somebody on the machine asks for everything now.
    Asked,
    /// A check-in told of a newer release or trust root.
    News,
    /// A check-in told that the depot lacks evidence that was delivered.
    Behind,
    /// A check-in told of other orders than are here.
    OrdersWanted,
    /// There is a closure to fetch.
    FetchWanted,
    /// A job ended.
    Ended(Job, Ending),
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Begin a job; its end comes back as [`Event::Ended`].
    Start(Job),
}

/// How long files are gathered in the outbox before they are sent, in milliseconds: they come several at once.
const GATHER: u64 = 500;
/// The first wait after a failure, in milliseconds.
const FIRST_WAIT: u64 = 5_000;
/// The longest wait while there is no network, in milliseconds.
const LONGEST_OFFLINE: u64 = 5 * 60_000;
/// The longest wait after other failures, in milliseconds.
const LONGEST_FAILED: u64 = 15 * 60_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Slot {
    due: Option<u64>,
    running: bool,
    /// Failures one after another.
    failures: u32,
    /// Whether the last one was for want of a network.
    offline: bool,
    /// Asked for while it ran: due again as soon as it ends well.
    again: bool,
}

impl Slot {
    fn at(&mut self, at: u64) {
        if self.running {
            self.again = true;
        } else {
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
    }

    /// As [`Slot::at`], but a job that fails for a reason keeps its back-off: whoever causes the failures must not be able
    /// to end it.
    fn hint(&mut self, at: u64) {
        if self.failures == 0 || self.offline {
            self.at(at);
        }
    }
}

/// What is due when. Times are milliseconds of a clock that never goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    rhythm: Rhythm,
    vouched: bool,
    slots: [Slot; 7],
}

impl Schedule {
    /// Nothing is due until the enforcer vouches for this courier.
    pub fn new(rhythm: Rhythm) -> Self {
        Self { rhythm, vouched: false, slots: [Slot::default(); 7] }
    }

    fn slot(&mut self, job: Job) -> &mut Slot {
        &mut self.slots[job as usize]
    }

    /// Takes an event at an instant; `random` is any number, drawn anew for each call.
    #[must_use]
    pub fn step(mut self, event: Event, now: u64, random: u64) -> (Self, Vec<Action>) {
        match event {
            Event::Tick => return self.start_due(now),
            Event::Vouched(vouched) => {
                if vouched && !self.vouched {
                    for job in [Job::CheckIn, Job::Sync, Job::Deliver] {
                        self.slot(job).at(now);
                    }
                }
                self.vouched = vouched;
            }
            Event::OutboxChanged => self.slot(Job::Deliver).hint(now + GATHER),
            Event::NoticesChanged => self.slot(Job::Notices).hint(now + GATHER),
            Event::Asked => {
                for job in [Job::CheckIn, Job::Notices, Job::Sync, Job::Deliver, Job::Logs] {
                    self.slot(job).failures = 0;
                    self.slot(job).at(now);
                }
                // There is only something to fetch where a fetch is planned.
                let fetch = self.slot(Job::Fetch);
                if fetch.due.is_some() {
                    fetch.failures = 0;
                    fetch.at(now);
                }
            }
            Event::News => self.slot(Job::Sync).hint(now),
            Event::Behind => self.slot(Job::Deliver).hint(now),
            Event::OrdersWanted => self.slot(Job::Orders).hint(now),
            Event::FetchWanted => self.slot(Job::Fetch).hint(now),
            Event::Ended(job, ending) => self.ended(job, ending, now, random),
        }
        (self, Vec::new())
    }

    /// When something is due next; `None` while nothing is planned.
    pub fn next(&self) -> Option<u64> {
        if !self.vouched {
            return None;
        }
        self.slots.iter().filter(|slot| !slot.running).filter_map(|slot| slot.due).min()
    }

    /// Failures of a job one after another.
    pub fn failures(&self, job: Job) -> u32 {
        self.slots[job as usize].failures
    }

    fn start_due(mut self, now: u64) -> (Self, Vec<Action>) {
        let mut actions = Vec::new();
        if !self.vouched {
            return (self, actions);
        }
        let mut busy = Job::ALL.into_iter().any(|job| job != Job::Fetch && self.slots[job as usize].running);
        for job in Job::ALL {
            let blocked = busy && job != Job::Fetch;
            let slot = self.slot(job);
            if !blocked && !slot.running && slot.due.is_some_and(|due| due <= now) {
                (slot.due, slot.running, slot.again) = (None, true, false);
                busy |= job != Job::Fetch;
                actions.push(Action::Start(job));
            }
        }
        (self, actions)
    }

    fn ended(&mut self, job: Job, ending: Ending, now: u64, random: u64) {
        let rhythm = self.rhythm;
        let slot = self.slot(job);
        slot.running = false;
        let again = std::mem::take(&mut slot.again);
        let (wait, longest) = match ending {
            Ending::Done | Ending::More => {
                (slot.failures, slot.offline) = (0, false);
                slot.due = match (job, ending) {
                    (_, Ending::More) => Some(now),
                    _ if again => Some(now),
                    (Job::CheckIn, _) => Some(now + about(rhythm.check_in, random)),
                    (Job::Sync, _) => Some(now + about(rhythm.sync, random)),
                    (Job::Deliver | Job::Fetch | Job::Notices | Job::Logs | Job::Orders, _) => None,
                };
                if job == Job::CheckIn {
                    self.connected(now);
                }
                return;
            }
            Ending::Offline => (0, LONGEST_OFFLINE),
            Ending::Failed { wait } => (wait, LONGEST_FAILED),
        };
        slot.offline = ending == Ending::Offline;
        let doubled = FIRST_WAIT.saturating_mul(1 << slot.failures.min(20));
        slot.failures = slot.failures.saturating_add(1);
        // From half of it on: many that failed together do not come back together.
        let wait = (doubled.min(longest) / 2 + random % (doubled.min(longest) / 2 + 1)).max(wait);
        slot.due = Some(now.saturating_add(wait));
    }

    /// The depot can be reached: what waits for that waits no longer, and what is to be sent is looked at in any case.
    fn connected(&mut self, now: u64) {
        for job in [Job::Sync, Job::Fetch, Job::Orders] {
            let slot = self.slot(job);
            if slot.offline && slot.due.is_some() {
                slot.due = Some(now);
            }
        }
        for job in [Job::Notices, Job::Deliver, Job::Logs] {
            self.slot(job).hint(now);
        }
    }
}

/// A span give or take a tenth, so that appliances that began together do not stay together.
fn about(span: u64, random: u64) -> u64 {
    span - span / 10 + random % (span / 5 + 1)
}
