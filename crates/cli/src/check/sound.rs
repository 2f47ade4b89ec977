//! Evaluating a tree for somebody who needs all of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use writ_policy::validate::Level;

use super::evaluate::{self, Evaluated};
use super::mistake::{self, Mistake};
use super::render::render;
use super::report::NixFinding;
use super::source::Sources;
use super::told;
use super::tree::Tree;
use crate::failure::{Failure, Outcome};
use crate::screen;

/// The most mistakes that are shown.
const MOST_SHOWN: usize = 10;

/// What a tree evaluates to. One with mistakes of shape is refused, and they are shown on standard error: what they left
/// out would be missing from the result. `name` is what people call the tree.
pub fn sound(tree: &Tree, site: Option<&str>, name: &str) -> Outcome<Evaluated> {
    let evaluated = evaluate::evaluate(tree, site)?;
    let misfit = |e: &serde_json::Error| {
        Failure::could_not("what modules/policy evaluates to is not what this version of writ reads")
            .at(name)
            .caused_by(e)
    };
    let reports: Vec<Said> = evaluated
        .reports
        .iter()
        .map(|bytes| serde_json::from_slice(bytes))
        .collect::<Result<_, _>>()
        .map_err(|e| misfit(&e))?;
    let sources = Sources::new(tree.root.clone());
    let mut told: Vec<Mistake> = evaluated.errors.iter().map(|error| told::error(error, &sources)).collect();
    let findings = reports.iter().flat_map(Said::findings);
    told.extend(findings.map(|finding| told::mistake(finding, &sources, BTreeSet::new())));
    told.retain(|mistake| mistake.severity == Level::Error);
    let mistakes = mistake::merge(told, Vec::new());
    if mistakes.is_empty() {
        return Ok(evaluated);
    }
    for mistake in mistakes.iter().take(MOST_SHOWN) {
        screen::aside(&render(mistake, &sources, 0));
    }
    Err(Failure::could_not(format!("{name} has {}", screen::count(mistakes.len(), "mistake")))
        .because("half a policy would hide what it lacks")
        .next("writ check shows every mistake of the tree that it is run in"))
}

/// What a tree says of its mistakes, whichever version of the library says it.
#[derive(Deserialize)]
struct Said {
    findings: Vec<NixFinding>,
    sites: BTreeMap<String, SiteSaid>,
}

#[derive(Deserialize)]
struct SiteSaid {
    findings: Vec<NixFinding>,
    appliances: BTreeMap<String, ApplianceSaid>,
}

#[derive(Deserialize)]
struct ApplianceSaid {
    findings: Vec<NixFinding>,
}

impl Said {
    fn findings(&self) -> impl Iterator<Item = &NixFinding> {
        let of_sites = self.sites.values().flat_map(|site| {
            site.findings.iter().chain(site.appliances.values().flat_map(|appliance| &appliance.findings))
        });
        self.findings.iter().chain(of_sites)
    }
}
