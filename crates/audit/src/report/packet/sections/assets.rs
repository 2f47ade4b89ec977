//! What is there: appliances, and the machines that they look at.

use std::collections::BTreeMap;

use super::super::model::{Section, Shape, Table, instant, maybe, number, percent, text};
use super::super::site::Site;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("asset-inventory", "Asset inventory");
    let mut table = Table::new(
        "assets",
        "Appliances by the release that they obey",
        &[
            ("Appliance", Shape::Words),
            ("Kind of machine", Shape::Words),
            ("Release", Shape::Words),
            ("System", Shape::Code),
            ("Baselines", Shape::Words),
            ("Checks", Shape::Numbers),
            ("Last heard", Shape::Words),
            ("Key fingerprint", Shape::Code),
        ],
    );
    let policies: BTreeMap<_, _> = site.policies().into_iter().collect();
    let record = site.archive.sites.get(&site.id);
    for finding in &site.whole.appliances {
        let past = record.and_then(|r| r.releases.iter().rfind(|past| Some(past.digest) == finding.release_digest));
        let generation = past.and_then(|past| past.release.generations.get(&finding.appliance));
        let policy = policies.get(&finding.appliance);
        let baselines = policy.map(|p| {
            let all: Vec<String> = p.baselines.iter().map(|(name, version)| format!("{name} {version}")).collect();
            all.join(", ")
        });
        table.row(vec![
            text(&finding.appliance),
            maybe(generation.map(|g| g.system_type.as_str())),
            maybe(finding.release_told()),
            maybe(generation.and_then(|g| g.closure.as_ref()).map(|closure| closure.toplevel.as_str())),
            maybe(baselines),
            number(policy.map_or(0, |p| p.checks.len() as u64)),
            instant(finding.last_heard),
            maybe(generation.map(|g| g.public_key.fingerprint())),
        ]);
    }
    section.table(table, "No release names an appliance.");
    let mut table = Table::new(
        "machines",
        "Machines that are looked at: `self` is the appliance",
        &[
            ("Machine", Shape::Words),
            ("Looked at by", Shape::Words),
            ("Checks that hold or are excepted", Shape::Numbers),
            ("Of", Shape::Numbers),
            ("Share", Shape::Numbers),
        ],
    );
    for target in &site.whole.figures.targets {
        let (met, of) = (number(target.met), number(target.of));
        table.row(vec![text(&target.target), text(&target.appliance), met, of, percent(target.percent)]);
    }
    section.table(table, "No machine is looked at.");
    section
}
