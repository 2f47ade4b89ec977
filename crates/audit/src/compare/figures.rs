//! What the reviews of a month and of a quarter ask for, in figures.

use std::collections::BTreeMap;

use writ_trust::ids::ApplianceId;

use super::Comparer;
use super::model::{CheckFinding, Figures, IncidentFinding, IncidentStatus, Score, TargetFigures, Verdict};
use crate::period::Period;

/// The figures of a period, by its checks and incidents.
pub(super) fn of(comparer: &Comparer<'_>, checks: &[CheckFinding], incidents: &[IncidentFinding]) -> Figures {
    let period = comparer.period;
    let before = Period { from: period.from.plus_millis(-period.millis()), to: period.from };
    let closed: Vec<&IncidentFinding> = incidents.iter().filter(|i| i.status != IncidentStatus::Open).collect();
    let resolved = || closed.iter().filter(|i| i.status == IncidentStatus::Resolved);
    let judged: Vec<bool> = incidents.iter().filter_map(|i| i.sla_met).collect();
    let repairs: Vec<u64> = resolved().filter_map(|i| i.mttr_seconds).collect();
    let (bundles, bytes) = written(comparer, &period);
    Figures {
        closed: closed.len() as u64,
        unresolved: closed.iter().filter(|i| i.status == IncidentStatus::Unresolved).count() as u64,
        l1_percent: percent(resolved().filter(|i| i.tier == Some("L1")).count(), closed.len()),
        sla_met_percent: percent(judged.iter().filter(|met| **met).count(), judged.len()),
        mttr_seconds: repairs.iter().sum::<u64>().checked_div(repairs.len() as u64),
        bundles,
        bytes,
        bytes_before: written(comparer, &before).1,
        targets: targets(checks),
    }
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
