//! Incidents that machines did not resolve: what they have in common, and each.

use std::collections::BTreeMap;

use super::super::model::{Section, Shape, Table, instant, maybe, number, seconds, text};
use super::super::site::Site;
use super::super::tally::needed_people;
use super::incidents::outcome;
use crate::compare::model::{IncidentFinding, IncidentStatus};

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("people", "Incidents that needed people");
    section.say(
        "Incidents that a rule or a planner did not resolve by themselves: those that people resolved, that were resolved only in \
         part or not at all, and those that are still open.",
    );
    let sought = |i: &&IncidentFinding| needed_people(i) || i.status == IncidentStatus::Open;
    let failed: Vec<&IncidentFinding> = site.whole.incidents.iter().filter(sought).collect();
    section.table(by_check(&failed), "There were none.");
    let mut table = Table::new(
        "people",
        "Each of them",
        &[
            ("Incident", Shape::Words),
            ("Appliance", Shape::Words),
            ("Check", Shape::Words),
            ("Severity", Shape::Words),
            ("Detected", Shape::Words),
            ("Outcome", Shape::Words),
            ("Rule", Shape::Words),
            ("Attempts", Shape::Numbers),
            ("Took", Shape::Numbers),
            ("Evidence", Shape::Words),
        ],
    );
    for incident in &failed {
        table.row(vec![
            text(incident.incident_id).to(format!("i-{}-{}", incident.appliance, incident.incident_id)),
            text(&incident.appliance),
            text(&incident.check),
            text(incident.severity),
            instant(Some(incident.detected_at)),
            text(outcome(incident)),
            maybe(incident.rule.as_ref()),
            number(incident.attempts),
            seconds(incident.mttr_seconds),
            site.evidence(&incident.evidence),
        ]);
    }
    if !table.rows.is_empty() {
        section.table(table, "");
    }
    section
}

/// What they have in common: those of one check, the most first.
fn by_check(failed: &[&IncidentFinding]) -> Table {
    let mut groups: BTreeMap<&str, Vec<&IncidentFinding>> = BTreeMap::new();
    for incident in failed {
        groups.entry(&incident.check).or_default().push(incident);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(check, all)| (std::cmp::Reverse(all.len()), *check));
    let mut table = Table::new(
        "people-by-check",
        "By check, the most first",
        &[
            ("Check", Shape::Words),
            ("Incidents", Shape::Numbers),
            ("Resolved by people", Shape::Numbers),
            ("Not resolved, or in part", Shape::Numbers),
            ("Open", Shape::Numbers),
            ("Without a rule", Shape::Numbers),
            ("Out of time", Shape::Numbers),
        ],
    );
    for (check, all) in groups {
        let count = |wanted: fn(&IncidentFinding) -> bool| number(all.iter().filter(|i| wanted(i)).count() as u64);
        table.row(vec![
            text(check),
            number(all.len() as u64),
            count(|i| i.status == IncidentStatus::Resolved),
            count(|i| matches!(i.status, IncidentStatus::Unresolved | IncidentStatus::PartlyResolved)),
            count(|i| i.status == IncidentStatus::Open),
            count(|i| i.rule.is_none()),
            count(|i| i.sla_met == Some(false)),
        ]);
    }
    table
}
