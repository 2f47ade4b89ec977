//! Incidents from opening to closing, and what they come to in figures.

use std::collections::BTreeMap;

use writ_evidence::Bundle;
use writ_evidence::incident::{Incident, ResolutionStatus, Tier};
use writ_trust::time::Time;

use super::model::{IncidentFinding, IncidentStatus, IncidentSummary};
use super::timeline::Told;
use super::{Comparer, Subject};
use crate::period::Period;
use crate::story;

/// Every incident that was open at some time of the period, oldest first.
pub(super) fn of(comparer: &Comparer<'_>) -> Vec<IncidentFinding> {
    let mut all: Vec<IncidentFinding> = comparer
        .subjects
        .iter()
        .flat_map(|s| {
            let all = s.timeline.incidents.values();
            all.filter_map(move |(o, c)| finding(s, o.as_ref(), c.as_ref(), comparer))
        })
        .collect();
    all.sort_by(|a, b| (a.detected_at, &a.appliance, a.incident_id).cmp(&(b.detected_at, &b.appliance, b.incident_id)));
    all
}

fn finding(
    subject: &Subject<'_>,
    opened: Option<&Told>,
    closed: Option<&Told>,
    comparer: &Comparer<'_>,
) -> Option<IncidentFinding> {
    let period = &comparer.period;
    let ended = closed.and_then(|(b, _)| Some(b.execution.as_ref()?.timestamp_end));
    // What ends as a period begins was open in it for an instant; what ends at an instant is open no more.
    let over = ended.is_some_and(|end| end < period.from || comparer.instant == Some(end));
    let closed = closed.filter(|(bundle, _)| bundle.generated_at < period.to);
    let latest = closed.or(opened)?;
    let incident = latest.0.incident.as_ref()?;
    if incident.detected_at >= period.to || over {
        return None;
    }
    let execution = closed.and_then(|(b, _)| b.execution.as_ref());
    let policy =
        subject.stretches.iter().rev().filter_map(|s| s.policy).find(|p| p.checks.contains_key(&incident.check));
    let rule = execution.and_then(|e| e.rule.clone());
    let target = execution
        .map(|e| e.sla_target_seconds)
        .or_else(|| u64::try_from(policy?.settings.sla.get(&incident.severity)?.seconds()).ok());
    Some(IncidentFinding {
        incident_id: incident.incident_id,
        appliance: subject.appliance.clone(),
        check: incident.check.clone(),
        event_type: incident.event_type.clone(),
        controls: incident.hipaa_controls.clone(),
        severity: incident.severity,
        detected_at: incident.detected_at,
        closed_at: execution.map(|e| e.timestamp_end),
        status: status(closed.map(|(b, _)| b)),
        took_millis: execution.map(|e| story::took_millis(incident, e)),
        mttr_seconds: execution.map(|e| e.mttr_seconds),
        sla_target_seconds: target,
        sla_met: execution.map(|e| e.sla_met).or_else(|| still_in_time(incident, target?, period.to)),
        resolution: execution.map(|e| e.resolution_type.as_str()),
        tier: execution.and_then(|e| e.tier).map(Tier::as_str),
        runbook: closed.and_then(|(b, _)| b.runbook.as_ref()).map(|r| r.runbook_id.clone()),
        attempts: execution.map_or(0, |e| e.attempts),
        story: whole_story(opened, closed),
        check_declared_at: policy.and_then(|p| p.checks.get(&incident.check)).map(|c| c.declared_at.clone()),
        rule_declared_at: policy.and_then(|p| p.rules.get(rule.as_ref()?)).map(|r| r.declared_at.clone()),
        rule,
        evidence: opened.iter().chain(&closed).map(|(_, link)| subject.timeline.links[*link].clone()).collect(),
    })
}

fn whole_story(opened: Option<&Told>, closed: Option<&Told>) -> Vec<String> {
    match (opened, closed) {
        (Some((first, _)), Some((last, _))) => story::tell(first).into_iter().chain(story::tell_end(last)).collect(),
        (one, other) => one.or(other).map(|(bundle, _)| story::tell(bundle)).unwrap_or_default(),
    }
}

/// An open incident that is older than its target has missed it; before that nobody knows.
fn still_in_time(incident: &Incident, target: u64, end: Time) -> Option<bool> {
    let open = u64::try_from(end.millis_since(incident.detected_at)).unwrap_or(0) / 1000;
    (open > target).then_some(false)
}

fn status(closed: Option<&Bundle>) -> IncidentStatus {
    match closed.and_then(|b| b.outputs) {
        None => IncidentStatus::Open,
        Some(outputs) => match outputs.resolution_status {
            ResolutionStatus::Success => IncidentStatus::Resolved,
            ResolutionStatus::Partial => IncidentStatus::PartlyResolved,
            ResolutionStatus::Failed => IncidentStatus::Unresolved,
        },
    }
}

/// How many incidents of each check were resolved by whom within the period.
pub(super) fn healed(subject: &Subject<'_>, period: &Period) -> BTreeMap<String, BTreeMap<&'static str, u64>> {
    let mut counts: BTreeMap<String, BTreeMap<&'static str, u64>> = BTreeMap::new();
    for (bundle, _) in subject.timeline.incidents.values().filter_map(|(_, closed)| closed.as_ref()) {
        let resolved = bundle.outputs.is_some_and(|o| o.resolution_status == ResolutionStatus::Success);
        let execution = bundle.execution.as_ref().filter(|e| resolved && period.contains(e.timestamp_end));
        let Some((incident, execution)) = bundle.incident.as_ref().zip(execution) else { continue };
        let of_check = counts.entry(incident.check.clone()).or_default();
        *of_check.entry(execution.tier.map_or("nobody", Tier::as_str)).or_default() += 1;
    }
    counts
}

/// Incidents in figures.
pub(super) fn summary(all: &[IncidentFinding]) -> IncidentSummary {
    let mut summary = IncidentSummary { detected: all.len() as u64, ..IncidentSummary::default() };
    let mut times = Vec::new();
    for incident in all {
        summary.open += u64::from(incident.status == IncidentStatus::Open);
        summary.sla_missed += u64::from(incident.sla_met == Some(false));
        if incident.status == IncidentStatus::Resolved {
            summary.resolved += 1;
            *summary.healed_by.entry(incident.tier.unwrap_or("nobody")).or_default() += 1;
            times.extend(incident.took_millis);
        }
    }
    summary.mean_millis = times.iter().sum::<u64>().checked_div(times.len() as u64);
    summary.longest_millis = times.iter().max().copied();
    summary
}
