//! Bundles that an auditor may try the whole by: of each quarter some, chosen by their digests, so that nobody could choose them.

use std::collections::BTreeMap;

use super::super::model::{BundleRow, Section, Shape, Table, bundle_anchor, instant, text};
use super::super::site::Site;
use crate::compare::model::{IncidentFinding, IncidentStatus};

/// What is chosen of each quarter.
pub const SAMPLES: [&str; 3] =
    ["any bundle", "an incident that was resolved", "an incident that was not resolved, or by people"];

/// A bundle that was chosen.
pub struct Sample {
    /// The quarter: `2026-Q4`.
    pub quarter: String,
    /// What of it, one of [`SAMPLES`].
    pub what: &'static str,
    /// Its position among the bundles of the packet.
    pub row: usize,
}

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("samples", "Samples");
    section.say(
        "Of each quarter: any bundle, one that closed a resolved incident, and one of an incident that was not resolved or that \
         people resolved, as far as there are any. Of all that could be chosen it is the one whose SHA-256 is the least: anybody \
         can choose again, and nobody could make the choice.",
    );
    let mut table = Table::new(
        "samples",
        "Samples of the evidence; every one of them verified",
        &[
            ("Bundle", Shape::Words),
            ("Quarter", Shape::Words),
            ("What", Shape::Words),
            ("Appliance", Shape::Words),
            ("Written", Shape::Words),
            ("SHA-256", Shape::Code),
            ("File in the audit folder", Shape::Code),
        ],
    );
    for sample in sampled(site) {
        let bundle = &site.bundles[sample.row];
        table.row(vec![
            text(bundle.bundle_id).to(bundle_anchor(sample.row)),
            text(&sample.quarter),
            text(sample.what),
            text(&bundle.appliance),
            instant(Some(bundle.generated_at)),
            text(bundle.digest),
            text(&bundle.path),
        ]);
    }
    section.table(table, "Nothing was written in this period.");
    section
}

fn quarter(bundle: &BundleRow) -> String {
    let date = bundle.generated_at.date_digits();
    let month = date.get(4..6).and_then(|month| month.parse::<u32>().ok()).unwrap_or(1);
    format!("{}-Q{}", date.get(..4).unwrap_or_default(), month.div_ceil(3))
}

/// The samples of a site, by quarter.
pub fn sampled(site: &Site<'_>) -> Vec<Sample> {
    let within = |row: usize| site.bundles.get(row).is_some_and(|b| site.period().contains(b.generated_at));
    let of = |wanted: fn(&IncidentFinding) -> bool| -> Vec<usize> {
        let closings = site.whole.incidents.iter().filter(|i| i.closed_at.is_some() && wanted(i));
        let files = closings.filter_map(|i| i.evidence.last()).map(|link| link.path.as_str());
        let files: std::collections::BTreeSet<&str> = files.collect();
        (0..site.bundles.len()).filter(|row| files.contains(site.bundles[*row].path.as_str())).collect()
    };
    let by_machine = |i: &IncidentFinding| i.status == IncidentStatus::Resolved && i.tier != Some("L3");
    let by_nobody = |i: &IncidentFinding| i.status != IncidentStatus::Resolved || i.tier == Some("L3");
    let candidates = [(0..site.bundles.len()).collect(), of(by_machine), of(by_nobody)];
    let mut chosen: BTreeMap<(String, usize), usize> = BTreeMap::new();
    for (what, rows) in candidates.into_iter().enumerate() {
        for row in rows.into_iter().filter(|row| within(*row)) {
            let best = chosen.entry((quarter(&site.bundles[row]), what)).or_insert(row);
            if site.bundles[row].digest < site.bundles[*best].digest {
                *best = row;
            }
        }
    }
    chosen.into_iter().map(|((quarter, what), row)| Sample { quarter, what: SAMPLES[what], row }).collect()
}
