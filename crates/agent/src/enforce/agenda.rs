//! When each check runs next. Pure: instants come in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use writ_policy::policy::Policy;

/// The least time between two runs of one check that events ask for.
const BREATH: Duration = Duration::from_millis(10);
/// The same for a check whose events do not cease: it is then looked at once in this time, and others get their turn.
const DEEP_BREATH: Duration = Duration::from_secs(1);
/// More event-driven runs than this within [`BURST`] are too many.
const BURST_RUNS: u32 = 200;
/// See [`BURST_RUNS`].
const BURST: Duration = Duration::from_secs(5);

/// When each check of a policy runs next.
#[derive(Debug, Default)]
pub struct Agenda {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    every: Duration,
    due: Instant,
    ran: Option<Instant>,
    /// Something happened to what it looks at: it goes before those that are merely due.
    urgent: bool,
    burst_since: Instant,
    burst: u32,
}

impl Agenda {
    /// An agenda for a policy: everything is due now. The second runs are spread over each check's period by its name, so
    /// that not all run at the same moment for ever.
    pub fn new(policy: &Policy, now: Instant) -> Self {
        let entry = |every: Duration| Entry { every, due: now, ran: None, urgent: false, burst_since: now, burst: 0 };
        let every = |check: &writ_policy::check::Check| check.every.duration().max(Duration::from_millis(100));
        Self { entries: policy.checks.iter().map(|(id, check)| (id.clone(), entry(every(check)))).collect() }
    }

    /// The check to run now: one that something happened to, else the one that is due for the longest time.
    pub fn first_due(&self, now: Instant) -> Option<String> {
        let due = self.entries.iter().filter(|(_, entry)| entry.due <= now);
        due.min_by_key(|(_, entry)| (!entry.urgent, entry.due)).map(|(id, _)| id.clone())
    }

    /// Whether every check was run at this instant or later.
    pub fn all_ran_since(&self, at: Instant) -> bool {
        self.entries.values().all(|entry| entry.ran.is_some_and(|ran| ran >= at))
    }

    /// When the next check is due.
    pub fn next(&self) -> Option<Instant> {
        self.entries.values().map(|entry| entry.due).min()
    }

    /// A check was run.
    pub fn ran(&mut self, check: &str, now: Instant) {
        if let Some(entry) = self.entries.get_mut(check) {
            let first = entry.ran.replace(now).is_none();
            entry.urgent = false;
            entry.due = now + if first { spread(check, entry.every) } else { entry.every };
        }
    }

    /// Something that a check looks at may have changed: it runs at once, or as soon as it may again.
    pub fn poke(&mut self, check: &str, now: Instant) {
        let Some(entry) = self.entries.get_mut(check) else { return };
        if now.duration_since(entry.burst_since) > BURST {
            (entry.burst_since, entry.burst) = (now, 0);
        }
        entry.burst += 1;
        let gap = if entry.burst > BURST_RUNS { DEEP_BREATH } else { BREATH };
        let earliest = entry.ran.map_or(now, |ran| now.max(ran + gap));
        entry.due = entry.due.min(earliest);
        entry.urgent = true;
    }

    /// Every check runs at this instant at the latest.
    pub fn all_at(&mut self, at: Instant) {
        for entry in self.entries.values_mut() {
            entry.due = entry.due.min(at);
        }
    }

    /// A check runs at this instant at the latest.
    pub fn not_after(&mut self, check: &str, at: Instant) {
        if let Some(entry) = self.entries.get_mut(check) {
            entry.due = entry.due.min(at);
        }
    }
}

/// A part of a period, from a tenth of it to all of it, that depends on the name alone.
fn spread(check: &str, every: Duration) -> Duration {
    // FNV-1a: any hash that is the same in every process will do.
    let hash = check.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let part = 100 + (hash % 900);
    every.mul_f64(part as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agenda(now: Instant) -> Agenda {
        let entry =
            || Entry { every: Duration::from_secs(60), due: now, ran: None, urgent: false, burst_since: now, burst: 0 };
        Agenda { entries: ["a", "b"].into_iter().map(|id| (id.to_owned(), entry())).collect() }
    }

    #[test]
    fn everything_runs_at_once_then_spread_then_at_its_period() {
        let start = Instant::now();
        let mut agenda = agenda(start);
        assert_eq!(agenda.first_due(start).as_deref(), Some("a"));
        agenda.ran("a", start);
        assert!(!agenda.all_ran_since(start));
        agenda.ran("b", start);
        assert!(agenda.all_ran_since(start) && !agenda.all_ran_since(start + Duration::from_secs(1)));
        let first = agenda.next().unwrap();
        assert!(first >= start + Duration::from_secs(6) && first <= start + Duration::from_secs(60));
        let id = agenda.first_due(first).unwrap();
        agenda.ran(&id, first);
        assert!(agenda.entries[&id].due == first + Duration::from_secs(60));
    }

    #[test]
    fn events_run_a_check_at_once_but_not_without_end() {
        let start = Instant::now();
        let mut agenda = agenda(start);
        agenda.ran("a", start);
        agenda.ran("b", start);
        let (mut now, mut runs) = (start, 0);
        while now < start + Duration::from_secs(20) {
            agenda.poke("a", now);
            if agenda.first_due(now).as_deref() == Some("a") {
                agenda.ran("a", now);
                runs += 1;
            }
            now += Duration::from_millis(1);
        }
        assert!((8..900).contains(&runs), "{runs}");
        agenda.poke("b", now);
        assert_eq!(agenda.first_due(now).as_deref(), Some("b"), "a quiet one still runs at once");
        agenda.poke("unknown", now);
    }

    #[test]
    fn what_happened_goes_before_what_is_merely_due() {
        let start = Instant::now();
        let mut agenda = agenda(start);
        agenda.poke("b", start + Duration::from_secs(1));
        assert_eq!(agenda.first_due(start + Duration::from_secs(1)).as_deref(), Some("b"));
        agenda.ran("b", start + Duration::from_secs(1));
        assert_eq!(agenda.first_due(start + Duration::from_secs(1)).as_deref(), Some("a"));
    }

    #[test]
    fn a_rest_that_ends_brings_its_check_forward() {
        let start = Instant::now();
        let mut agenda = agenda(start);
        agenda.ran("a", start);
        agenda.ran("b", start);
        agenda.not_after("a", start + Duration::from_secs(1));
        assert_eq!(agenda.next(), Some(start + Duration::from_secs(1)));
    }
}
