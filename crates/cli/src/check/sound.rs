//! Evaluating a tree for somebody who needs all of it.

use std::collections::BTreeSet;

use writ_policy::delta::Delta;
use writ_policy::validate::Level;

use super::evaluate::{Sites, evaluate};
use super::mistake::{self, Mistake};
use super::render::{Hidden, render};
use super::source::Sources;
use super::told;
use super::tree::Tree;
use crate::failure::{Failure, Outcome};
use crate::screen;

/// The most mistakes that are shown.
const MOST_SHOWN: usize = 10;

/// What a tree evaluates to, some sites at a time. One with mistakes of shape is refused, and they are shown on standard
/// error: what they left out would be missing from the result. `name` is what people call the tree.
pub fn sound(tree: &Tree, site: Option<&str>, name: &str) -> Outcome<Vec<Delta>> {
    let one = site.map(|site| vec![site.to_owned()]);
    let sites = one.as_deref().map_or(Sites::All, Sites::These);
    let evaluated = evaluate(tree, sites, &|delta: Delta, _: &BTreeSet<String>| Ok(delta))?;
    let sources = Sources::new(tree.root.clone());
    let mut told: Vec<Mistake> = evaluated.errors.iter().map(|error| told::error(error, &sources)).collect();
    if let Some(part) = evaluated.parts.first() {
        told.extend(told::of_tree(&part.findings, &sources));
    }
    for (site, said) in evaluated.parts.iter().flat_map(|part| &part.sites) {
        told.extend(told::of_site(site, said, &sources));
    }
    told.retain(|mistake| mistake.severity == Level::Error);
    let mistakes = mistake::merge(told, Vec::new());
    if mistakes.is_empty() {
        return Ok(evaluated.parts);
    }
    let appliances =
        evaluated.parts.iter().flat_map(|part| part.sites.values()).map(|said| said.appliances.len()).sum();
    let hidden = Hidden::of(&mistakes, &sources);
    for mistake in mistakes.iter().take(MOST_SHOWN) {
        screen::aside(&render(mistake, &hidden, &sources, appliances));
    }
    Err(Failure::could_not(format!("{name} has {}", screen::count(mistakes.len(), "mistake")))
        .because("half a policy would hide what it lacks")
        .next("writ check shows every mistake of the tree that it is run in"))
}
