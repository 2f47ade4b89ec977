//! Rule families that no site chooses. Those that come with the library wait for whoever needs them; one that somebody
//! wrote here is meant to heal something here.

use std::collections::BTreeSet;

use writ_policy::validate::{Level, Part};

use super::locate::{Wanted, locate_exactly};
use super::mistake::Mistake;
use super::source::Sources;
use super::told::placed;
use crate::embedded::LIBRARY;

/// The list of families of those whose tree it is.
const LIST: &str = "rules/default.nix";

/// One warning for each family of `known` that is neither `chosen` nor the library's.
pub fn mistakes(known: &[String], chosen: &BTreeSet<&str>, sources: &Sources) -> Vec<Mistake> {
    let left = known.iter().filter(|name| !chosen.contains(name.as_str()) && !is_shipped(name));
    left.filter_map(|name| mistake(name, sources)).collect()
}

fn is_shipped(family: &str) -> bool {
    let files = [format!("rules/{family}.nix"), format!("rules/{family}/rules.nix")];
    LIBRARY.iter().any(|(path, _)| files.iter().any(|file| file == path))
}

/// What is wrong with a family, if the list of one's own names it.
fn mistake(family: &str, sources: &Sources) -> Option<Mistake> {
    let path = ["families", family].map(str::to_owned).to_vec();
    let source = sources.get(LIST)?;
    let wanted = Wanted { line: 1, column: None, path: &path, part: Part::Key, text: None };
    let place = Some(placed(LIST, &source, locate_exactly(&source, &wanted)?));
    Some(Mistake {
        code: "unused-family".to_owned(),
        severity: Level::Warning,
        message: format!("no site chooses the rule family `{family}`, so it heals nothing"),
        expected: Some("its name in `rule_families` of a site.nix or policy.nix".to_owned()),
        nearest: None,
        help: None,
        path,
        place,
        related: Vec::new(),
        appliances: BTreeSet::new(),
    })
}
