//! Incidents: how many, how fast, by whom, and each with its story.

use super::super::chart::{Data, Hue, Series, Share, Unit, shares};
use super::super::model::{Block, Section, Shape, Table, instant, maybe, number, percent, seconds, text};
use super::super::site::{Part, Site};
use super::super::tally::Tally;
use crate::compare::model::IncidentFinding;

/// What is promised of the tiers, in percent.
pub const PROMISED: [(&str, (u64, u64)); 3] =
    [("L1, rules", (70, 80)), ("L2, a planner", (15, 20)), ("L3, people", (5, 10))];

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("incidents", "Incidents");
    over_time(site, &mut section);
    by_tier(site, &mut section);
    section.heading("Every incident");
    let mut table = Table::new(
        "incidents",
        "Incidents, oldest first, each with the bundles that opened and closed it",
        &[
            ("Incident", Shape::Words),
            ("Appliance", Shape::Words),
            ("Check", Shape::Words),
            ("Severity", Shape::Words),
            ("Detected", Shape::Words),
            ("Ended", Shape::Words),
            ("Outcome", Shape::Words),
            ("Took", Shape::Numbers),
            ("Allowed", Shape::Numbers),
            ("In time", Shape::Words),
            ("What happened", Shape::Words),
            ("Evidence", Shape::Words),
        ],
    );
    for incident in &site.whole.incidents {
        table.row_at(
            format!("i-{}-{}", incident.appliance, incident.incident_id),
            vec![
                text(incident.incident_id),
                text(&incident.appliance),
                text(&incident.check),
                text(incident.severity),
                instant(Some(incident.detected_at)),
                instant(incident.closed_at),
                text(outcome(incident)),
                seconds(incident.mttr_seconds),
                seconds(incident.sla_target_seconds),
                text(in_time(incident)),
                text(incident.story.join(" ")),
                site.evidence(&incident.evidence),
            ],
        );
    }
    section.table(table, "No incident was detected in this period.");
    section
}

/// How an incident ended, and by whom.
pub fn outcome(incident: &IncidentFinding) -> String {
    match incident.tier {
        Some(tier) => format!("{} by {tier}", incident.status.as_str()),
        None => incident.status.as_str().to_owned(),
    }
}

fn in_time(incident: &IncidentFinding) -> &'static str {
    match incident.sla_met {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not yet known",
    }
}

fn series<'s>(parts: &[Part], name: &'s str, hue: Hue, value: impl Fn(&Part) -> Option<u64>) -> Series<'s> {
    Series { name, hue, values: parts.iter().map(value).collect() }
}

fn over_time(site: &Site<'_>, section: &mut Section) {
    let parts = &site.parts;
    let names: Vec<String> = parts.iter().map(|part| part.slice.name.clone()).collect();
    let tier = |n: usize| move |part: &Part| Some(part.tally.tiers[n]);
    let rest = |part: &Part| Some(part.tally.all - part.tally.tiers.iter().sum::<u64>());
    let counts = Data {
        id: "incidents-chart",
        title: "Incidents over time, by who resolved them",
        unit: Unit::Count,
        names: names.clone(),
        series: vec![
            series(parts, "L1, rules", Hue::First, tier(0)),
            series(parts, "L2, planner", Hue::Second, tier(1)),
            series(parts, "L3, people", Hue::Third, tier(2)),
            series(parts, "open or not resolved", Hue::Fourth, rest),
        ],
    };
    section.heading("Incidents over time");
    section.blocks.push(Block::Chart(counts.bars()));
    let mut table = Table::new(
        "incidents-over-time",
        "Incidents by when they were detected",
        &[
            ("From", Shape::Words),
            ("Incidents", Shape::Numbers),
            ("L1", Shape::Numbers),
            ("L2", Shape::Numbers),
            ("L3", Shape::Numbers),
            ("Open or not resolved", Shape::Numbers),
            ("Mean time to repair", Shape::Numbers),
            ("In time", Shape::Numbers),
            ("Missed", Shape::Numbers),
        ],
    );
    let before = site.before;
    let earlier = (before.all > 0).then_some(("before the period", before));
    for (name, tally) in earlier.into_iter().chain(parts.iter().map(|p| (p.slice.name.as_str(), p.tally))) {
        table.row(vec![
            text(name).to("incidents-table".to_owned()),
            number(tally.all),
            number(tally.tiers[0]),
            number(tally.tiers[1]),
            number(tally.tiers[2]),
            number(tally.all - tally.tiers.iter().sum::<u64>()),
            seconds(tally.mttr()),
            percent(tally.in_time_percent()),
            number(tally.judged - tally.in_time),
        ]);
    }
    section.table(table, "Nothing of the period has gone by yet.");
    let mttr = Data {
        id: "mttr-chart",
        title: "Mean time to repair, of incidents detected then",
        unit: Unit::Seconds,
        names: names.clone(),
        series: vec![series(parts, "mean time to repair", Hue::First, |part| part.tally.mttr())],
    };
    section.heading("Mean time to repair");
    section.blocks.push(Block::Chart(mttr.bars()));
    let sla = Data {
        id: "sla-chart",
        title: "Incidents that kept the time that the site allows itself",
        unit: Unit::Percent,
        names,
        series: vec![series(parts, "in time", Hue::First, |part| part.tally.in_time_percent())],
    };
    section.heading("Kept in time");
    section.blocks.push(Block::Chart(sla.lines()));
}

fn by_tier(site: &Site<'_>, section: &mut Section) {
    section.heading("Who resolved them");
    let set = |n: usize| Some(super::super::model::set_anchor(&site.sets[site.set.tiers[n]].letter));
    tiers(&site.tally, &set, section);
}

/// Who resolved the incidents, as a chart and a table. `set` names the anchor of what the figure of a tier rests on.
pub fn tiers(tally: &Tally, set: &dyn Fn(usize) -> Option<String>, section: &mut Section) {
    let share = |n: usize, hue| {
        let (name, promised) = PROMISED[n];
        Share { name, percent: tally.tier_percent(n), promised, hue }
    };
    let bars = [share(0, Hue::First), share(1, Hue::Second), share(2, Hue::Third)];
    let title = "Share of ended incidents by who resolved them, beside what is promised";
    section.blocks.push(Block::Chart(shares("tiers-chart", title, &bars)));
    let mut table = Table::new(
        "tiers",
        "Share of ended incidents by who resolved them",
        &[
            ("Tier", Shape::Words),
            ("Resolved", Shape::Numbers),
            ("Share", Shape::Numbers),
            ("Promised, percent", Shape::Words),
            ("Within", Shape::Words),
        ],
    );
    for (n, (name, (low, high))) in PROMISED.into_iter().enumerate() {
        let share = tally.tier_percent(n);
        let within = share.map(|s| if (low..=high).contains(&s) { "yes" } else { "no" });
        let name = match set(n) {
            Some(set) => text(name).to(set),
            None => text(name),
        };
        let promised = format!("{low} to {high}");
        table.row(vec![name, number(tally.tiers[n]), percent(share), text(promised), maybe(within)]);
    }
    section.blocks.push(Block::Table(table));
}
