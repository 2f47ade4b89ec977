//! What people changed: releases, who signed them, and what became of them on appliances; pauses and refusals.

use writ_policy::diff::Effect;

use super::super::model::{Section, Shape, Table, instant, maybe, text};
use super::super::site::Site;
use crate::compare::model::EventFinding;
use crate::words::effect;

/// Kinds of events that are not somebody's doing, and that there are many of.
const USUAL: [&str; 2] = ["posture", "logs"];

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("changes", "Changes");
    section.heading("Releases");
    section.table(releases(site), "No release was made in this period.");
    section.heading("What they changed");
    section.table(baselines(site), "No appliance began to obey another release in this period.");
    section.heading("What became of them");
    let mut table = Table::new(
        "switches",
        "Switches of appliances to other generations",
        &[
            ("When", Shape::Words),
            ("Appliance", Shape::Words),
            ("From", Shape::Words),
            ("To", Shape::Words),
            ("Outcome", Shape::Words),
            ("What happened", Shape::Words),
            ("Evidence", Shape::Words),
        ],
    );
    for switch in &site.whole.switches {
        table.row(vec![
            instant(Some(switch.at)),
            text(&switch.appliance),
            maybe(switch.from.as_ref()),
            text(&switch.to),
            text(switch.outcome.as_str()),
            text(switch.story.join(" ")),
            site.evidence([&switch.link]),
        ]);
    }
    section.table(table, "No appliance switched to another generation.");
    section.heading("Other events");
    let mut table = Table::new(
        "events",
        "Starts, pauses of healing, refused documents, orders, restore tests and the like",
        &[
            ("When", Shape::Words),
            ("Appliance", Shape::Words),
            ("Kind", Shape::Words),
            ("What happened", Shape::Words),
            ("Evidence", Shape::Words),
        ],
    );
    for event in site.whole.events.iter().filter(|e: &&EventFinding| !USUAL.contains(&e.kind)) {
        table.row(vec![
            instant(Some(event.at)),
            text(&event.appliance),
            text(event.kind),
            text(event.story.join(" ")),
            site.evidence([&event.link]),
        ]);
    }
    section.table(table, "None.");
    section
}

fn releases(site: &Site<'_>) -> Table {
    let mut table = Table::new(
        "releases",
        "Releases that were made in the period, and who signed them",
        &[
            ("Release", Shape::Words),
            ("Made", Shape::Words),
            ("Signed by", Shape::Words),
            ("Sources", Shape::Code),
            ("Appliances", Shape::Words),
            ("Digest", Shape::Code),
        ],
    );
    let releases = site.archive.sites.get(&site.id).map(|record| record.releases.as_slice()).unwrap_or_default();
    for past in releases.iter().filter(|past| site.period().contains(past.release.issued_at)) {
        let release = &past.release;
        let signers: Vec<String> =
            past.signers.iter().map(|s| format!("{} ({})", s.name, s.public_key.key_id())).collect();
        let appliances: Vec<&str> = release.generations.keys().map(|name| name.as_str()).collect();
        table.row(vec![
            text(format!("{}-{}", release.epoch, release.serial)),
            instant(Some(release.issued_at)),
            text(signers.join(", ")),
            maybe(release.source.revision.as_ref()),
            text(appliances.join(", ")),
            text(past.digest),
        ]);
    }
    table
}

/// What each release changed in the policies that appliances obey, what weakens protection marked.
fn baselines(site: &Site<'_>) -> Table {
    let mut table = Table::new(
        "baseline-changes",
        "What changed in the policies that appliances obey, and whose signatures stand for it",
        &[
            ("When", Shape::Words),
            ("Appliance", Shape::Words),
            ("From", Shape::Words),
            ("To", Shape::Words),
            ("Signed by", Shape::Words),
            ("Weakens protection", Shape::Words),
            ("What changed", Shape::Words),
        ],
    );
    for change in &site.whole.changes {
        let told = change.entries.iter().map(|entry| format!("{}: {}", effect(entry.effect), entry.what));
        let told: Vec<String> = told.collect();
        let signers: Vec<String> = change.signed_by.iter().map(|s| format!("{} ({})", s.name, s.key_id)).collect();
        let unclear = change.entries.iter().any(|entry| entry.effect == Effect::Unclear);
        let weakens = match (change.weakens, unclear) {
            (true, _) => "yes",
            (false, true) => "unclear",
            (false, false) => "no",
        };
        table.row(vec![
            instant(Some(change.at)),
            text(&change.appliance),
            maybe(change.from.as_ref()),
            text(&change.to),
            text(signers.join(", ")),
            text(weakens),
            text(match (told.is_empty(), &change.from) {
                (false, _) => told.join("; "),
                (true, Some(_)) => "nothing in its policy".to_owned(),
                (true, None) => "it obeyed none before".to_owned(),
            }),
        ]);
    }
    table
}
