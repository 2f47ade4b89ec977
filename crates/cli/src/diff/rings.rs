//! Who gets a change when: the rings of the sites that something changes for, and of those whose rings change.

use std::collections::BTreeMap;

use serde::Serialize;
use writ_policy::rings::{Ring, Rings};

use super::closure::Closure;
use super::compare::{Fate, Name, Status};
use super::gather::Gathered;
use crate::release::timing;

/// The rings of one site.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteRings {
    /// The site.
    pub site: String,
    /// Its rings before, where they were others.
    pub before: Option<Rings>,
    /// Its rings.
    pub rings: Rings,
}

/// Those of the side after.
pub fn compare(
    before: &Gathered<'_>,
    after: &Gathered<'_>,
    appliances: &BTreeMap<Name, Fate>,
    closures: &BTreeMap<Name, Closure>,
) -> Vec<SiteRings> {
    let none = Rings::default();
    let mut found = Vec::new();
    for site in after.sites.keys() {
        let (was, is) =
            (before.rings.get(site).copied().unwrap_or(&none), after.rings.get(site).copied().unwrap_or(&none));
        // Of a site that is new nothing was otherwise.
        let differ = was != is && before.sites.contains_key(site);
        let differs = |(name, fate): (&Name, &Fate)| name.0 == *site && fate.status != Status::Unchanged;
        let moves = |(name, closure): (&Name, &Closure)| name.0 == *site && matches!(closure, Closure::Changed { .. });
        let something = appliances.iter().any(differs) || closures.iter().any(moves);
        if differ || (something && !is.is_empty()) {
            let before = differ.then(|| was.clone());
            found.push(SiteRings { site: site.clone(), before, rings: is.clone() });
        }
    }
    found
}

impl SiteRings {
    /// The rings in words, one line.
    pub fn words(&self) -> String {
        in_words(&self.rings)
    }

    /// What was otherwise, in words; none where nothing was.
    pub fn before_words(&self) -> Option<String> {
        self.before.as_ref().map(|before| format!("until now {}", in_words(before)))
    }
}

fn in_words(rings: &Rings) -> String {
    if rings.is_empty() {
        return "all at once".to_owned();
    }
    let one = |ring: &Ring| {
        let names: Vec<&str> = ring.appliances.iter().map(String::as_str).collect();
        let names = if names.is_empty() { "nobody".to_owned() } else { timing::named(&names) };
        format!("{} {} ({names})", ring.name, ring.after.words())
    };
    rings.0.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_told_where_something_changes() {
        let rings = |json: &str| serde_json::from_str::<Rings>(json).unwrap();
        let (two, one) = (
            rings(
                r#"[{"name":"canary","after":"0s","appliances":["a"]},{"name":"rest","after":"24h","appliances":["b","c","d","e"]}]"#,
            ),
            rings(r#"[{"name":"canary","after":"promotion","appliances":[]}]"#),
        );
        let side = |rings| {
            let mut side = Gathered::default();
            side.sites.insert("s".to_owned(), BTreeMap::new());
            side.rings.insert("s".to_owned(), rings);
            side
        };
        let fates = |status| {
            BTreeMap::from([(("s".to_owned(), "a".to_owned()), Fate { status, key: None, system_type: None })])
        };
        let none = BTreeMap::new();
        assert!(compare(&side(&two), &side(&two), &fates(Status::Unchanged), &none).is_empty());
        let told = compare(&side(&two), &side(&two), &fates(Status::Changed), &none);
        assert_eq!(told[0].words(), "canary at once (a), rest after 24h (b, c, d and 1 more)");
        assert_eq!(told[0].before_words(), None);
        let told = compare(&side(&one), &side(&two), &fates(Status::Unchanged), &none);
        assert_eq!(told[0].before_words().unwrap(), "until now canary once promoted (nobody)");
        let told =
            compare(&side(&two), &Gathered { rings: BTreeMap::new(), ..side(&one) }, &fates(Status::Unchanged), &none);
        assert_eq!(told[0].words(), "all at once");
    }
}
