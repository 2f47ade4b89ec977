//! What the reviews of a month and of a quarter ask for, in figures.

use std::collections::BTreeMap;

use writ_evidence::incident::Tier;
use writ_trust::ids::ApplianceId;

use super::Comparer;
use super::model::{
    CheckFinding, Figures, IncidentFinding, IncidentStatus, RuleFigures, Score, TargetFigures, Verdict,
};
use crate::period::Period;

/// The figures of a period, by its checks and incidents.
pub(super) fn of(comparer: &Comparer<'_>, checks: &[CheckFinding], incidents: &[IncidentFinding]) -> Figures {
    let period = comparer.period;
    let before = Period { from: period.from.plus_millis(-period.millis()), to: period.from };
    let closed: Vec<&IncidentFinding> = incidents.iter().filter(|i| i.status != IncidentStatus::Open).collect();
    let resolved = || closed.iter().filter(|i| i.status == IncidentStatus::Resolved);
    let by_rules = resolved().filter(|i| by_rule(i)).count();
    let judged: Vec<bool> = incidents.iter().filter_map(|i| i.sla_met).collect();
    let repairs: Vec<u64> = resolved().filter_map(|i| i.mttr_seconds).collect();
    let (bundles, bytes) = written(comparer, &period);
    Figures {
        closed: closed.len() as u64,
        unresolved: closed.iter().filter(|i| i.status == IncidentStatus::Unresolved).count() as u64,
        l1_percent: percent(by_rules, closed.len()),
        sla_met_percent: percent(judged.iter().filter(|met| **met).count(), judged.len()),
        mttr_seconds: repairs.iter().sum::<u64>().checked_div(repairs.len() as u64),
        bundles,
        bytes,
        bytes_before: written(comparer, &before).1,
        rules: rules(&closed),
        targets: targets(checks),
    }
}

/// Whether a rule resolved an incident, and not somebody after it.
fn by_rule(incident: &IncidentFinding) -> bool {
    incident.status == IncidentStatus::Resolved && incident.tier == Some(Tier::L1.as_str())
}

fn rules(closed: &[&IncidentFinding]) -> Vec<RuleFigures> {
    let mut rules: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (incident, rule) in closed.iter().filter_map(|i| Some((i, i.rule.as_deref()?))) {
        let (tried, resolved) = rules.entry(rule).or_default();
        *tried += 1;
        *resolved += u64::from(by_rule(incident));
    }
    let one = |(rule, (tried, resolved)): (&str, (u64, u64))| {
        let percent = (resolved * 100).checked_div(tried).unwrap_or(0);
        RuleFigures { rule: rule.to_owned(), tried, resolved, percent }
    };
    rules.into_iter().map(one).collect()
}

fn percent(part: usize, of: usize) -> Option<u64> {
    (part as u64 * 100).checked_div(of as u64)
}

/// How many bundles were written within a period, and how many bytes they have.
fn written(comparer: &Comparer<'_>, period: &Period) -> (u64, u64) {
    let all = comparer.subjects.iter().flat_map(|s| s.timeline.written.iter().zip(&s.timeline.sizes));
    let within = all.filter(|(at, _)| period.contains(**at));
    within.fold((0, 0), |(bundles, bytes), (_, size)| (bundles + 1, bytes + size))
}

fn targets(checks: &[CheckFinding]) -> Vec<TargetFigures> {
    let mut scores: BTreeMap<(&ApplianceId, &str), Score> = BTreeMap::new();
    for check in checks {
        let score = scores.entry((&check.appliance, &check.target)).or_default();
        score.of += u64::from(check.verdict.is_assessed());
        score.met += u64::from(check.verdict.is_shown() || check.verdict == Verdict::Excepted);
    }
    let one = |((appliance, target), score): ((&ApplianceId, &str), Score)| TargetFigures {
        appliance: appliance.clone(),
        target: target.to_owned(),
        met: score.met,
        of: score.of,
        percent: score.percent(),
    };
    scores.into_iter().map(one).collect()
}
