//! Having the checks of the policy looked at: on this thread what is quick, by the [`Looker`] what may take long.
//!
//! An attempt is judged by looks that began after it had ended, and who waited in line for one is looked at when the turn has
//! come. Both wait for slow looks without keeping anybody else waiting: an attempt with its place in the lanes, so that its
//! incident stays as it is meanwhile.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use writ_policy::check::ProbeCall;
use writ_policy::outcome::Probed;
use writ_trust::json;
use writ_trust::time::Time;

use super::engine::Engine;
use super::incident::Phase;
use super::scan::Scan;
use super::state::{Point, incident_key};
use super::work::Finished;
use crate::clock;
use crate::looks::looker::{Looker, NewContext, Order};
use crate::looks::place::Place;
use crate::looks::shared::{Act, Event, Shared};
use crate::probes::{self, Pace};

/// What was looked at already of what an attempt is judged by.
pub(super) type Scans = BTreeMap<String, Scan>;

/// Who looks for what, and who waits for it.
#[derive(Default)]
pub(super) struct Looking {
    /// Who looks where it may take long; none where whoever wants a look waits for it.
    pub looker: Option<Looker>,
    shared: Shared<Seen>,
    /// The call of each line.
    calls: Vec<Arc<ProbeCall>>,
    /// The release whose policy these are of, and how many there were before.
    policy: Option<Point>,
    count: u64,
    answers: VecDeque<(String, Seen)>,
    judging: Vec<Judging>,
    /// Attempts that have ended and are to be taken up anew, as everything is to be looked at again.
    held: VecDeque<Finished>,
}

/// What a look came to.
#[derive(Debug, Clone)]
struct Seen {
    probed: Probed,
    at: Time,
}

/// An attempt that has ended and waits for looks.
struct Judging {
    finished: Finished,
    missing: BTreeSet<String>,
    scans: Scans,
}

impl Looking {
    /// Whether an attempt of this incident waits to be judged.
    pub fn judges(&self, key: &str) -> bool {
        self.judging.iter().map(|judging| &judging.finished).chain(&self.held).any(|finished| finished.job.key == key)
    }

    /// Attempts that wait for looks wait for others: those they wait for are of another generation.
    pub fn hold(&mut self) {
        self.held.extend(self.judging.drain(..).map(|judging| judging.finished));
    }

    /// An attempt that was held.
    pub fn held(&mut self) -> Option<Finished> {
        self.held.pop_front()
    }

    /// Whether every check that was wanted until then has been looked at.
    pub fn has_caught_up(&self, until: Instant) -> bool {
        self.shared.waits_since().is_none_or(|since| since > until)
    }

    /// When a look is to be answered for that has not come back.
    pub fn due(&self) -> Option<Instant> {
        self.looker.as_ref()?.due()
    }
}

/// Hands what was seen to whoever waits for it. Whether one is an attempt for that very check, whose incident hears of it as what the
/// attempt came to: it is no run of the check besides.
fn hand(judging: &mut [Judging], id: &str, scan: &Scan) -> bool {
    let mut tried = false;
    for judging in judging {
        if judging.missing.remove(id) {
            judging.scans.insert(id.to_owned(), scan.clone());
            tried |= judging.finished.job.check == id;
        }
    }
    tried
}

impl Engine {
    /// Runs one check and does what follows, at once where its look is quick.
    pub fn check(&mut self, id: &str) {
        self.take_up_calls();
        if self.looking.shared.line(id).is_none() {
            if let Some(scan) = self.scan(id) {
                self.take_run(id, &scan);
            }
            return;
        }
        if self.may_be_healed(id) {
            self.note_look(Event::Poked(id.to_owned()));
        }
        self.note_look(Event::Wanted(id.to_owned()));
        self.take_answers();
    }

    /// The same by a look that begins now.
    pub(super) fn check_afresh(&mut self, id: &str) {
        self.poked(id);
        self.check(id);
    }

    /// What a check looks at may have changed.
    pub(super) fn poked(&mut self, id: &str) {
        self.take_up_calls();
        self.note_look(Event::Poked(id.to_owned()));
    }

    /// Nothing that was seen before now is told to anybody who asks from now on.
    pub(super) fn doubt(&mut self) {
        self.note_look(Event::Doubtful);
    }

    /// Whether something may be run because of what the next look sees: then it is no look of before.
    fn may_be_healed(&self, id: &str) -> bool {
        let check = self.policy().and_then(|policy| policy.checks.get(id));
        let incident = check.and_then(|check| self.state.incidents.get(&incident_key(id, &check.target)));
        incident.is_some_and(|incident| !matches!(incident.phase, Phase::Escalated))
    }

    /// Whether whoever wants this check looked at has to wait for it.
    pub(super) fn takes_long(&self, id: &str) -> bool {
        let line = self.looking.looker.as_ref().and_then(|_| self.looking.shared.line(id));
        let call = line.and_then(|line| self.looking.calls.get(line));
        call.and_then(|call| probes::named(&call.name)).is_some_and(|probe| probe.pace == Pace::Slow)
    }

    /// Knows the calls of the policy that is obeyed now.
    pub(super) fn take_up_calls(&mut self) {
        let obeyed = self.policy_point();
        if self.looking.policy == obeyed {
            return;
        }
        let mut lines: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let (mut calls, mut checks) = (Vec::new(), Vec::new());
        for (id, check) in self.policy().into_iter().flat_map(|policy| &policy.checks) {
            if check.target != "self" || probes::is_network(&check.probe.name) {
                continue;
            }
            let line = *lines.entry(json::canonical(&check.probe)).or_insert_with(|| {
                calls.push(Arc::new(check.probe.clone()));
                calls.len() - 1
            });
            checks.push((id.clone(), line, check.every.duration()));
        }
        self.looking.shared = Shared::new(checks);
        (self.looking.calls, self.looking.policy) = (calls, obeyed);
        self.looking.count += 1;
        self.looking.answers.clear();
        self.looking.hold();
        self.attempts.look_again();
    }

    fn note_look(&mut self, event: Event<Seen>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for act in self.looking.shared.step(event, self.clock.instant()) {
                match act {
                    Act::Answer(id, seen) => self.looking.answers.push_back((id, seen)),
                    Act::Look(line) => {
                        events.extend(self.begin_look(line).map(|seen| Event::Seen(line, seen)));
                    }
                }
            }
        }
    }

    /// Looks, or has somebody look.
    fn begin_look(&mut self, line: usize) -> Option<Seen> {
        let call = Arc::clone(&self.looking.calls[line]);
        let slow = probes::named(&call.name).is_some_and(|probe| probe.pace == Pace::Slow);
        if slow && let Some(looker) = &self.looking.looker {
            let expected_toplevel = self.context.expected_toplevel.clone();
            looker.ask(Order { policy: self.looking.count, line, call, expected_toplevel });
            return None;
        }
        self.set_context(&call.name);
        Some(Seen { probed: probes::run(&call, &mut self.context), at: self.context.now })
    }

    /// Makes contexts for who looks elsewhere.
    pub(super) fn context_of_looker(&self) -> NewContext {
        let (place, profile) = (self.place(), self.context.profile.clone());
        Box::new(move || place.context(clock::now(), Instant::now(), profile.clone(), None))
    }

    /// What whoever looks elsewhere has to know of this machine.
    pub(super) fn place(&self) -> Place {
        Place { logs_dropped: self.logs_dropped(), ..Place::of(&self.context) }
    }

    /// Takes up what was looked at elsewhere.
    pub fn take_looked(&mut self) {
        self.take_up_calls();
        let now = self.clock.instant();
        while let Some(looked) = self.looking.looker.as_ref().and_then(|looker| looker.looked(now)) {
            if looked.policy == self.looking.count {
                self.note_look(Event::Seen(looked.line, Seen { probed: looked.probed, at: looked.at }));
                self.take_answers();
            }
        }
    }

    fn take_answers(&mut self) {
        while let Some((id, seen)) = self.looking.answers.pop_front() {
            let Some(scan) = self.judged(&id, seen.probed, seen.at) else { continue };
            let tried = hand(&mut self.looking.judging, &id, &scan);
            if self.attempts.take_turn_of(&id) {
                self.take_run(&id, &scan);
                self.attempts.give_back();
            } else if !tried {
                self.take_run(&id, &scan);
            }
            while let Some(ready) = self.looking.judging.iter().position(|judging| judging.missing.is_empty()) {
                let Judging { finished, scans, .. } = self.looking.judging.swap_remove(ready);
                self.judge(finished, scans);
            }
        }
    }

    /// Takes in one run of a check, and what it alone tells.
    fn take_run(&mut self, id: &str, scan: &Scan) {
        self.observe(id, scan);
        self.tell_restore_test(id);
    }

    /// Has everything looked at that an attempt is judged by, now that it has ended. Gives it back when that is quick; else it
    /// is judged when all of it has been seen.
    pub(super) fn look_after(&mut self, finished: Finished) -> Option<Finished> {
        self.take_up_calls();
        self.doubt();
        let all = finished.verify.iter().chain([&finished.job.check]);
        let missing: BTreeSet<String> = all.filter(|id| self.takes_long(id)).cloned().collect();
        if missing.is_empty() {
            return Some(finished);
        }
        for id in &missing {
            self.note_look(Event::Wanted(id.clone()));
        }
        self.looking.judging.push(Judging { finished, missing, scans: Scans::new() });
        None
    }
}

#[cfg(test)]
mod tests {
    use writ_policy::observation::Observation;
    use writ_policy::outcome::{Judgement, Outcome};

    use super::*;
    use crate::enforce::incident::Work;
    use crate::enforce::lanes::{Job, Lane};
    use crate::enforce::posture::Run;

    fn judging(check: &str, missing: &[&str]) -> Judging {
        let (key, lane) = (incident_key(check, "self"), Lane::of(std::time::Duration::ZERO));
        let job = Job { key, check: check.to_owned(), rule: "L1".to_owned(), lane, touches: Vec::new() };
        let finished = Finished { job, recorded: true, policy: None, verify: Vec::new(), work: Work::default() };
        let missing = missing.iter().map(|&id| id.to_owned()).collect();
        Judging { finished, missing, scans: Scans::new() }
    }

    #[test]
    fn what_an_attempt_is_judged_by_is_a_run_of_every_other_check_too() {
        let (outcome, observation) = (Outcome::Fail, Observation::new());
        let (reasons, at) = (Vec::new(), "2026-11-23T14:40:56Z".parse().unwrap());
        let judgement = Judgement { outcome, observation: observation.clone(), reasons: reasons.clone() };
        let scan = Scan { run: Run { at, outcome, reasons, seen: observation }, judgement };
        let mut all = [judging("a", &["a", "b"]), judging("c", &["b"])];
        assert!(!hand(&mut all, "b", &scan), "the incident of b, if one is open, hears of it as ever");
        assert!(hand(&mut all, "a", &scan), "that of a hears what its attempt came to");
        assert!(!hand(&mut all, "a", &scan) && !hand(&mut all, "d", &scan), "nobody waits for these");
        let seen = all.map(|judging| (judging.missing.len(), judging.scans.into_keys().collect::<String>()));
        assert_eq!(seen, [(0, "ab".to_owned()), (0, "b".to_owned())]);
    }
}
