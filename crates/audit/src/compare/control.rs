//! The verdict on a control: the worst of its checks, over all appliances.

use std::collections::{BTreeMap, HashMap};

use writ_policy::control::{Control, Coverage};
use writ_policy::duty::Duty;
use writ_policy::exception::Exception;
use writ_trust::ids::ApplianceId;

use super::check::{Facts, Scope, seconds};
use super::lifted::{self, Lifted};
use super::model::{
    CheckFinding, ControlArithmetic, ControlFinding, DutyFinding, ExceptionFinding, Score, Verdict, tell,
};
use super::{Comparer, Subject, verdict};
use crate::period::{Period, joined, outside, total};

/// The checks that were judged, and where each stands.
struct Judged<'c> {
    all: &'c [(CheckFinding, Facts)],
    at: HashMap<(&'c ApplianceId, &'c str), usize>,
}

/// The verdicts on all controls of the policies in force at the end of the period, by id.
pub(super) fn judge(comparer: &Comparer<'_>, checks: &[(CheckFinding, Facts)]) -> Vec<ControlFinding> {
    let mut by_id: BTreeMap<&str, Vec<(&Subject<'_>, &Control)>> = BTreeMap::new();
    for subject in &comparer.subjects {
        for (id, control) in subject.policy().iter().flat_map(|p| &p.controls) {
            by_id.entry(id).or_default().push((subject, control));
        }
    }
    let at = checks.iter().enumerate().map(|(i, (f, _))| ((&f.appliance, f.check.as_str()), i)).collect();
    let judged = Judged { all: checks, at };
    by_id.into_iter().map(|(id, asked)| judge_one(comparer, id, &asked, &judged)).collect()
}

/// One part of a control's verdict.
struct Part {
    verdict: Verdict,
    without: Verdict,
    reason: Option<String>,
}

fn judge_one(
    comparer: &Comparer<'_>,
    id: &str,
    asked: &[(&Subject<'_>, &Control)],
    judged: &Judged<'_>,
) -> ControlFinding {
    let mut parts = Vec::new();
    let (mut indices, mut exceptions) = (Vec::new(), Vec::new());
    let mut sum = Sum::default();
    for (subject, control) in asked {
        let own = lifted::times(subject, |e| e.control.as_deref() == Some(id));
        exceptions.extend(own.iter().map(|lifted| lifted.name.to_owned()));
        let mine = control.checks.iter().filter_map(|check| judged.at.get(&(&subject.appliance, check.as_str())));
        let before = parts.len();
        for index in mine {
            let (finding, facts) = &judged.all[*index];
            indices.push(*index);
            exceptions.extend(finding.exceptions.iter().cloned());
            let of_check = |e: &Exception| e.check.as_ref() == Some(&finding.check);
            let of_either = |e: &Exception| e.control.as_deref() == Some(id) || of_check(e);
            sum.take(finding, facts, &lifted::so_far(comparer, subject, of_either));
            let lifting: Vec<Lifted<'_>> = own.iter().copied().chain(lifted::times(subject, of_check)).collect();
            parts.push(part(comparer, finding, facts, (!own.is_empty()).then_some(&lifting[..])));
        }
        parts.extend(by_coverage(control, parts.len() > before));
    }
    exceptions.sort();
    exceptions.dedup();
    let first = asked[0].1;
    let partial = asked.iter().any(|(_, c)| c.coverage != Coverage::Automated);
    // Partial never plainly: what its checks leave out was not looked at.
    let settle = |v: Verdict| if partial && v == Verdict::Demonstrated { Verdict::PartlyDemonstrated } else { v };
    ControlFinding {
        control: id.to_owned(),
        title: first.title.clone(),
        coverage: first.coverage,
        severity: first.severity,
        maps: maps(asked),
        declared_at: first.declared_at.clone(),
        verdict: settle(worst(parts.iter().map(|p| p.verdict))),
        verdict_without_exceptions: settle(worst(parts.iter().map(|p| p.without))),
        reasons: parts.into_iter().filter_map(|p| p.reason).collect(),
        not_assessed: asked.iter().find_map(|(_, c)| c.not_assessed.clone()),
        procedure: asked.iter().find_map(|(_, c)| c.procedure.clone()),
        duties: duties(asked),
        checks: indices,
        arithmetic: sum.done(if comparer.instant.is_some() { Scope::Instant } else { Scope::Period }),
        exceptions,
    }
}

/// The numbers of several checks together.
#[derive(Default)]
struct Sum {
    numbers: ControlArithmetic,
    failing: Vec<Period>,
    unaccepted: Vec<Period>,
}

impl Sum {
    fn take(&mut self, finding: &CheckFinding, facts: &Facts, lifting: &[Lifted<'_>]) {
        let (n, a) = (&mut self.numbers, &finding.arithmetic);
        n.scheduled += a.scheduled;
        n.runs += a.runs;
        n.longest_gap_seconds = n.longest_gap_seconds.max(a.longest_gap_seconds);
        n.failures += a.failures;
        a.healed_by.iter().for_each(|(tier, count)| *n.healed_by.entry(tier).or_default() += count);
        self.failing.extend(&facts.failing);
        self.unaccepted.extend(outside(&facts.failing, &lifted::together(lifting)));
    }

    fn done(mut self, scope: Scope) -> ControlArithmetic {
        let (failing, unaccepted) = (total(&joined(self.failing)), total(&joined(self.unaccepted)));
        self.numbers.seconds_in_failure = scope.seconds(failing);
        self.numbers.excepted_seconds = scope.seconds(failing - unaccepted);
        self.numbers
    }
}

/// The ids in other frameworks that the control has on any appliance.
fn maps(asked: &[(&Subject<'_>, &Control)]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (framework, ids) in asked.iter().flat_map(|(_, control)| &control.maps) {
        let known = all.entry(framework.clone()).or_default();
        let new: Vec<String> = ids.iter().filter(|id| !known.contains(id)).cloned().collect();
        known.extend(new);
    }
    all
}

/// The duties that the control names on any appliance, as the first policy that has each puts it.
fn duties(asked: &[(&Subject<'_>, &Control)]) -> Vec<DutyFinding> {
    let mut by_id = BTreeMap::new();
    for (subject, control) in asked {
        let Some(policy) = subject.policy() else { continue };
        for id in &control.duties {
            if let Some(duty) = policy.duties.get(id) {
                by_id.entry(id.as_str()).or_insert(duty);
            }
        }
    }
    let finding = |(id, duty): (&str, &Duty)| DutyFinding {
        id: id.to_owned(),
        title: duty.title.clone(),
        cadence: duty.cadence.clone(),
        by: duty.by.clone(),
        attach: duty.attach.clone(),
    };
    by_id.into_iter().map(finding).collect()
}

/// The verdict of several: the worst, where something that does not apply gives way to anything that does.
fn worst(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.min().unwrap_or(Verdict::NotAssessable)
}

/// What one check says of a control. `lifting` are the exceptions of both, where the control has any of its own.
fn part(comparer: &Comparer<'_>, finding: &CheckFinding, facts: &Facts, lifting: Option<&[Lifted<'_>]>) -> Part {
    let (verdict, reasons) = match lifting {
        None => (finding.verdict, finding.reasons.clone()),
        Some(all) => verdict::judge(facts, all, comparer.period.to),
    };
    let told = verdict != Verdict::Demonstrated || !reasons.is_empty();
    let reason = told.then(|| tell(finding, verdict, &reasons));
    Part { verdict, without: finding.verdict_without_exceptions, reason }
}

/// What a control's coverage says beside its checks.
fn by_coverage(control: &Control, has_checks: bool) -> Option<Part> {
    let of = |verdict, reason: Option<&str>| Part { verdict, without: verdict, reason: reason.map(str::to_owned) };
    match control.coverage {
        Coverage::Procedural => Some(of(Verdict::Procedural, None)),
        Coverage::Inherited => Some(of(Verdict::Inherited, None)),
        Coverage::Automated | Coverage::Partial if has_checks => None,
        Coverage::Automated | Coverage::Partial => {
            Some(of(Verdict::NotAssessable, Some("no check in force supports it")))
        }
    }
}

/// How many controls are met, with and without exceptions, of those that machines were to decide.
pub(super) fn scores(controls: &[ControlFinding]) -> (Score, Score) {
    let count = |verdict: fn(&ControlFinding) -> Verdict, met: fn(Verdict) -> bool| Score {
        met: controls.iter().filter(|c| met(verdict(c))).count() as u64,
        of: controls.iter().filter(|c| verdict(c).is_assessed()).count() as u64,
    };
    (
        count(|c| c.verdict, |v| v.is_shown() || v == Verdict::Excepted),
        count(|c| c.verdict_without_exceptions, Verdict::is_shown),
    )
}

/// When an exception of this name was in force on any appliance.
fn in_force(comparer: &Comparer<'_>, id: &str) -> Vec<Period> {
    let times = |subject| lifted::times(subject, |_| true).into_iter().filter(|lifted| lifted.name == id);
    joined(comparer.subjects.iter().flat_map(times).map(|lifted| lifted.period).collect())
}

/// Every exception of the period, with what it changes.
pub(super) fn exceptions(comparer: &Comparer<'_>, controls: &[ControlFinding]) -> Vec<ExceptionFinding> {
    let mut by_id: BTreeMap<&str, (Vec<ApplianceId>, &Exception, bool)> = BTreeMap::new();
    for subject in &comparer.subjects {
        for (id, exception) in subject.exceptions() {
            let entry = by_id.entry(id).or_insert((Vec::new(), exception, false));
            entry.0.push(subject.appliance.clone());
            entry.2 |= subject.policy().is_some_and(|p| p.exceptions.contains_key(id));
        }
    }
    let end = comparer.period.to.plus_millis(-1);
    by_id
        .into_iter()
        .map(|(id, (appliances, exception, listed))| ExceptionFinding {
            id: id.to_owned(),
            appliances,
            exception: exception.clone(),
            in_force: listed && exception.in_force(end),
            in_force_seconds: seconds(total(&in_force(comparer, id))),
            changes: controls
                .iter()
                .filter(|c| c.verdict != c.verdict_without_exceptions && c.exceptions.iter().any(|e| e == id))
                .map(|c| c.control.clone())
                .collect(),
        })
        .collect()
}
