//! What the evidence on a check comes to, with the exceptions that were in force.

use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use super::check::{Facts, Scope, seconds};
use super::lifted::{self, Lifted};
use super::model::Verdict;
use super::terms::{Terms, Unseen, worst};
use super::untold;
use crate::period::{Period, outside, total};
use crate::words::{lasting, of};

/// The verdict on a check, and why. An exception counts for its time and no more: what failed, or was not looked at, outside
/// of it counts as if there were none. No exceptions give the verdict without them; `end` is that of what is judged.
pub fn judge(facts: &Facts, exceptions: &[Lifted<'_>], end: Time) -> (Verdict, Vec<String>) {
    let left = Remaining::of(facts, exceptions, end);
    let (verdict, mut reasons) = left.base();
    if verdict == Verdict::Excepted {
        if let Some(Lifted { name, exception, .. }) = left.by {
            let who = &exception.approved_by;
            reasons.insert(0, format!("lifted by exception {name}, approved by {who} until {}", exception.expires));
        }
    } else if left.excepted_seconds > 0 {
        let (excepted, names) = (lasting(left.excepted_seconds), left.names.join(", "));
        reasons.push(format!("{excepted} of its time in failure were excepted by {names}"));
    }
    let a = &facts.arithmetic;
    let holds_again = facts.last.as_ref().is_some_and(|(last, _)| *last != Outcome::Fail);
    if a.failures > 0 && holds_again && verdict != Verdict::Excepted {
        let times = if a.failures == 1 { "once".to_owned() } else { format!("{} times", a.failures) };
        reasons.push(format!("it failed {times}, {} in all, and holds again", lasting(a.seconds_in_failure)));
    }
    (verdict, reasons)
}

/// What exceptions leave.
struct Remaining<'f, 'e> {
    facts: &'f Facts,
    /// The exception in force at the end, or else one that was in force in the time.
    by: Option<&'f Lifted<'e>>,
    /// Whether one is in force at the end.
    at_end: bool,
    failing: Vec<Period>,
    undecided: Vec<Period>,
    holes: Vec<Unseen>,
    /// How many runs failed of which nothing tells when.
    untold: u64,
    excepted_seconds: u64,
    names: Vec<String>,
}

impl<'f, 'e> Remaining<'f, 'e> {
    fn of(facts: &'f Facts, exceptions: &'f [Lifted<'e>], end: Time) -> Self {
        let times = lifted::together(exceptions);
        let at_end = lifted::at(exceptions, end.plus_millis(-1));
        let (excepted, names) = lifted::share(&facts.failing, exceptions);
        Self {
            facts,
            by: at_end.or(exceptions.last()),
            at_end: at_end.is_some(),
            failing: outside(&facts.failing, &times),
            undecided: outside(&facts.undecided, &times),
            holes: facts.holes.iter().flat_map(|hole| left_of(*hole, &times, &facts.terms)).collect(),
            untold: untold::outside_of(&facts.untold, &times),
            excepted_seconds: facts.scope.seconds(excepted),
            names,
        }
    }

    fn base(&self) -> (Verdict, Vec<String>) {
        let facts = self.facts;
        let (then, it_was) = match facts.scope {
            Scope::Period => ("at the end of the period", "not looked at for"),
            Scope::Instant => ("at that instant", "around that instant it was not looked at for"),
        };
        let Some((last, reasons)) = &facts.last else {
            let why = match facts.scope {
                Scope::Period => "nothing shows that it was ever looked at",
                Scope::Instant => "nothing shows that it was looked at before",
            };
            let excepted = !facts.holes.is_empty() && self.holes.is_empty();
            return (if excepted { Verdict::Excepted } else { Verdict::NoEvidence }, vec![why.to_owned()]);
        };
        let with = |first: String| std::iter::once(first).chain(reasons.iter().take(8).cloned()).collect::<Vec<_>>();
        let fails = *last == Outcome::Fail;
        if fails && !self.at_end {
            return (Verdict::Failed, with(format!("it does not hold {then}")));
        }
        if let Some(unaccepted) = self.unaccepted().filter(|_| fails) {
            let why =
                format!("it failed for {} outside of any exception, and does not hold {then}", lasting(unaccepted));
            return (Verdict::Failed, with(why));
        }
        if let Some(hole) = worst(&self.holes) {
            let why = format!("{it_was} {}, where {} are allowed", lasting(hole.seconds), lasting(hole.allowed));
            return (Verdict::NoEvidence, vec![why]);
        }
        if fails {
            return (Verdict::Excepted, with(format!("it does not hold {then}")));
        }
        if let Some(hole) = worst(&facts.holes) {
            return (Verdict::Excepted, vec![format!("not looked at for {}", lasting(hole.seconds))]);
        }
        match last {
            Outcome::NotApplicable => (Verdict::NotApplicable, reasons.clone()),
            Outcome::NotAssessable => {
                let verdict = if self.at_end { Verdict::Excepted } else { Verdict::NotAssessable };
                (verdict, with(format!("it could not be decided {then}")))
            }
            Outcome::Warn => self.held(with("it holds, but not as preferred".to_owned())),
            Outcome::Pass | Outcome::Fail => self.held(Vec::new()),
        }
    }

    /// Of a failure that lasts, and is excepted now: how long it was not, in seconds, where that is longer than the site allowed
    /// itself for a failure then.
    fn unaccepted(&self) -> Option<u64> {
        let last = self.facts.failing.last().filter(|_| self.facts.scope == Scope::Period)?;
        let outside = self.failing.iter().filter(|p| p.from >= last.from);
        let too_long = outside.map(|p| (seconds(p.millis()), self.facts.terms.sla_seconds(*p).unwrap_or(0)));
        too_long.filter(|(lasted, allowed)| lasted > allowed).map(|(lasted, _)| lasted).max()
    }

    /// It holds; whether it did for long enough.
    fn held(&self, reasons: Vec<String>) -> (Verdict, Vec<String>) {
        let terms = &self.facts.terms;
        let by_each = self.failing.iter().filter_map(|p| Some((seconds(p.millis()), terms.sla_seconds(*p)?)));
        let too_long = by_each.filter(|(lasted, allowed)| lasted > allowed);
        if let Some((lasted, allowed)) = too_long.max_by_key(|(lasted, allowed)| lasted - allowed) {
            let (failed, allowed) = (lasting(lasted), lasting(allowed));
            let why = format!("it failed for {failed} on end, where the site allows itself {allowed}");
            return (Verdict::PartlyDemonstrated, vec![why]);
        }
        let undecided = seconds(total(&self.undecided));
        if terms.least_allowed(&self.undecided).is_some_and(|allowed| undecided > allowed) {
            return (Verdict::PartlyDemonstrated, vec![format!("it could not be decided for {}", lasting(undecided))]);
        }
        if self.untold > 0 {
            let why = format!("{} failed, and nothing tells when", of(self.untold, "run"));
            return (Verdict::PartlyDemonstrated, vec![why]);
        }
        (Verdict::Demonstrated, reasons)
    }
}

/// What exceptions leave of a time without a run: all of it, or the parts that are longer than was allowed in each.
fn left_of(hole: Unseen, times: &[Period], terms: &Terms) -> Vec<Unseen> {
    let left = outside(&[hole.time], times);
    if left == [hole.time] {
        return vec![hole];
    }
    let judged = left.into_iter().filter_map(|part| terms.judge(seconds(part.millis()), part));
    judged.filter(Unseen::is_too_long).collect()
}
