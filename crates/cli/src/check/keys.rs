//! Appliances that have one public key: whoever holds its secret key could write the evidence of each of them.

use std::collections::BTreeMap;

use writ_policy::validate::Level;

use super::mistake::{Mistake, Place};
use super::source::Sources;
use super::told::placed;

/// One mistake for every appliance whose key another has already, in order of name. Each of `keys` is of a site and an
/// appliance.
pub fn mistakes<'k>(keys: impl Iterator<Item = (&'k str, &'k str, &'k str)>, sources: &Sources) -> Vec<Mistake> {
    let mut owners: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (site, appliance, key) in keys {
        owners.entry(key).or_default().push((site, appliance));
    }
    owners
        .into_values()
        .flat_map(|mut owners| {
            owners.sort_unstable();
            let first = owners.first().copied();
            owners
                .into_iter()
                .skip(1)
                .filter_map(move |second| Some(mistake(first?, second, sources)))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn mistake(first: (&str, &str), second: (&str, &str), sources: &Sources) -> Mistake {
    let name = |(site, appliance): (&str, &str)| {
        if first.0 == second.0 { appliance.to_owned() } else { format!("{site}/{appliance}") }
    };
    Mistake {
        code: "duplicate-key".to_owned(),
        severity: Level::Error,
        message: format!("{} and {} have the same public key", name(first), name(second)),
        expected: Some("a key of its own for each appliance".to_owned()),
        nearest: None,
        help: Some(
            "evidence is signed by the appliance's own key: with a shared one it shows nothing of either".to_owned(),
        ),
        path: ["hosts", second.0, second.1, "key.pub"].map(str::to_owned).to_vec(),
        place: place(second, sources),
        related: place(first, sources).map(|place| (place, "the same key".to_owned())).into_iter().collect(),
        appliances: [first, second].map(|(site, appliance)| format!("{site}/{appliance}")).into(),
    }
}

/// The first line of an appliance's key file.
fn place((site, appliance): (&str, &str), sources: &Sources) -> Option<Place> {
    let file = format!("hosts/{site}/{appliance}/key.pub");
    let source = sources.get(&file)?;
    Some(placed(&file, &source, source.line(1)))
}
