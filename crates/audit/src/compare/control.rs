//! The verdict on a control: the worst of its checks, over all appliances.

use std::collections::BTreeMap;

use writ_policy::control::{Control, Coverage};
use writ_policy::duty::Duty;
use writ_policy::exception::Exception;
use writ_trust::ids::ApplianceId;

use super::check::{Facts, judge as judge_check};
use super::model::{CheckFinding, ControlFinding, DutyFinding, ExceptionFinding, Score, Verdict, tell};
use super::{Comparer, Subject};

/// The verdicts on all controls of the policies in force at the end of the period, by id.
pub(super) fn judge(comparer: &Comparer<'_>, checks: &[(CheckFinding, Facts)]) -> Vec<ControlFinding> {
    let mut by_id: BTreeMap<&str, Vec<(&Subject<'_>, &Control)>> = BTreeMap::new();
    for subject in &comparer.subjects {
        for (id, control) in subject.policy().iter().flat_map(|p| &p.controls) {
            by_id.entry(id).or_default().push((subject, control));
        }
    }
    by_id.into_iter().map(|(id, asked)| judge_one(comparer, id, &asked, checks)).collect()
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
    checks: &[(CheckFinding, Facts)],
) -> ControlFinding {
    let mut parts = Vec::new();
    let (mut indices, mut exceptions) = (Vec::new(), Vec::new());
    for (subject, control) in asked {
        let all = subject.exceptions();
        let lifting: Vec<(&str, &Exception)> =
            all.iter().filter(|(_, e)| e.control.as_deref() == Some(id)).map(|(n, e)| (*n, *e)).collect();
        exceptions.extend(lifting.iter().map(|(name, _)| (*name).to_owned()));
        let mine = control
            .checks
            .iter()
            .filter_map(|check| checks.iter().position(|(f, _)| f.appliance == subject.appliance && f.check == *check));
        let before = parts.len();
        for index in mine {
            let (finding, facts) = &checks[index];
            indices.push(index);
            exceptions.extend(finding.exceptions.iter().cloned());
            parts.push(part(comparer, subject, finding, facts, &lifting));
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
        maps: first.maps.clone(),
        declared_at: first.declared_at.clone(),
        verdict: settle(worst(parts.iter().map(|p| p.verdict))),
        verdict_without_exceptions: settle(worst(parts.iter().map(|p| p.without))),
        reasons: parts.into_iter().filter_map(|p| p.reason).collect(),
        not_assessed: asked.iter().find_map(|(_, c)| c.not_assessed.clone()),
        procedure: asked.iter().find_map(|(_, c)| c.procedure.clone()),
        duties: duties(asked),
        checks: indices,
        exceptions,
    }
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

fn part(
    comparer: &Comparer<'_>,
    subject: &Subject<'_>,
    finding: &CheckFinding,
    facts: &Facts,
    lifting: &[(&str, &Exception)],
) -> Part {
    let (verdict, reasons) = if lifting.is_empty() {
        (finding.verdict, finding.reasons.clone())
    } else {
        let own = subject.exceptions();
        let own = own.iter().filter(|(name, _)| finding.exceptions.iter().any(|e| e == *name)).map(|(n, e)| (*n, *e));
        let all: Vec<(&str, &Exception)> = lifting.iter().copied().chain(own).collect();
        judge_check(facts, &all, comparer.period.to)
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
            changes: controls
                .iter()
                .filter(|c| c.verdict != c.verdict_without_exceptions && c.exceptions.iter().any(|e| e == id))
                .map(|c| c.control.clone())
                .collect(),
        })
        .collect()
}
