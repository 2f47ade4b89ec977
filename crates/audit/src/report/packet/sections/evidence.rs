//! How much evidence there is, of what, from whom.

use std::collections::BTreeMap;

use writ_trust::ids::ApplianceId;

use super::super::model::{Block, BundleRow, Cell, Section, Shape, Table, Value, instant, maybe, number, text};
use super::super::site::Site;
use crate::words::of;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("evidence", "Evidence");
    let written = site.written();
    section.say(format!("{} were written in the period. They are listed at the end.", of(written.0, "bundle")));
    let within: Vec<&BundleRow> = site.bundles.iter().filter(|b| site.period().contains(b.generated_at)).collect();
    let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for bundle in &within {
        let (count, bytes) = kinds.entry(bundle.kind).or_default();
        *count += 1;
        *bytes += bundle.size;
    }
    let mut table = Table::new(
        "evidence-by-kind",
        "Bundles of the period by kind",
        &[("Kind", Shape::Words), ("Bundles", Shape::Numbers), ("Bytes", Shape::Numbers)],
    );
    let bytes = |n: u64| -> Cell { Value::Bytes(n).into() };
    for (kind, (count, size)) in kinds {
        table.row(vec![text(kind), number(count), bytes(size)]);
    }
    if !table.rows.is_empty() {
        table.row(vec![text("all").to("set-a".to_owned()), number(written.0), bytes(written.1)]);
    }
    section.table(table, "Nothing was written in this period.");
    section.blocks.push(Block::Table(appliances(site, &within)));
    section.heading("Chains");
    let mut table = Table::new(
        "chains",
        "Chains of evidence, of all time: each bundle names the digest of the one before it",
        &[
            ("Appliance", Shape::Words),
            ("Key id", Shape::Code),
            ("Bundles", Shape::Numbers),
            ("First", Shape::Numbers),
            ("Last", Shape::Numbers),
            ("Last written", Shape::Words),
            ("Fingerprint", Shape::Code),
        ],
    );
    let may = |n: Option<u64>| -> Cell { n.map_or(Value::Nothing, Value::Number).into() };
    for chain in &site.whole.verification.chains {
        table.row(vec![
            text(&chain.appliance),
            text(&chain.key_id),
            number(chain.bundles as u64),
            may(chain.first),
            may(chain.last),
            instant(chain.last_at),
            text(&chain.fingerprint),
        ]);
    }
    section.table(table, "There is no chain.");
    section
}

fn appliances(site: &Site<'_>, within: &[&BundleRow]) -> Table {
    let mut sums: BTreeMap<&ApplianceId, (u64, u64)> = BTreeMap::new();
    for bundle in within {
        let (count, bytes) = sums.entry(&bundle.appliance).or_default();
        *count += 1;
        *bytes += bundle.size;
    }
    let mut table = Table::new(
        "appliances",
        "Appliances: what they wrote in the period, and what they obey",
        &[
            ("Appliance", Shape::Words),
            ("Bundles", Shape::Numbers),
            ("Bytes", Shape::Numbers),
            ("Last heard", Shape::Words),
            ("Obeys release", Shape::Words),
            ("Newest release", Shape::Words),
            ("Not assessable", Shape::Words),
        ],
    );
    for finding in &site.whole.appliances {
        let (count, bytes) = sums.get(&finding.appliance).copied().unwrap_or_default();
        table.row(vec![
            text(&finding.appliance),
            number(count),
            Value::Bytes(bytes).into(),
            instant(finding.last_heard),
            maybe(finding.release_told()),
            maybe(finding.newest_release.as_ref()),
            maybe(finding.not_assessable.as_ref()),
        ]);
    }
    table
}
