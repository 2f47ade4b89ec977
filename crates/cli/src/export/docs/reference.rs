//! What every page of the reference asks of the tree.

use std::collections::BTreeMap;

use writ_policy::check::Check;
use writ_policy::declared::DeclaredAt;
use writ_policy::predicate::Predicate;
use writ_policy::rule::Rule;
use writ_policy::validate::codes::CODES;

use super::markdown::{Links, Target, code, text};
use crate::library::choices::Choices;
use crate::library::figures::{self, Use};
use crate::library::{Library, words};

/// A tree with its links.
pub struct Reference<'a> {
    /// The tree.
    pub library: &'a Library,
    /// Where everything is told of.
    pub links: Links,
    /// Which rule families the sites choose.
    pub choices: Choices,
}

impl<'a> Reference<'a> {
    /// The reference of a tree.
    pub fn new(library: &'a Library, choices: Choices) -> Self {
        let catalogue = &library.catalogue;
        let mut all: Vec<(Target, String)> = Vec::new();
        for (name, baseline) in &catalogue.baselines {
            all.extend(baseline.controls.keys().map(|id| (Target::Control, id.clone())));
            all.extend(baseline.checks.keys().map(|id| (Target::Check, id.clone())));
            all.extend(baseline.duties.keys().map(|id| (Target::Duty, id.clone())));
            all.extend(baseline.figures.keys().map(|id| (Target::Figure, format!("{name}/{id}"))));
        }
        all.extend(catalogue.rules().map(|(_, id, _)| (Target::Rule, id.to_owned())));
        all.extend(catalogue.runbooks.keys().map(|id| (Target::Runbook, id.clone())));
        all.extend(library.registry.probes.keys().map(|id| (Target::Probe, (*id).to_owned())));
        all.extend(library.registry.steps.keys().map(|id| (Target::Step, (*id).to_owned())));
        all.extend(CODES.iter().map(|code| (Target::Code, code.name.to_owned())));
        Self { library, links: Links::new(all), choices }
    }

    /// Every check with the baselines that declare it.
    pub fn checks(&self) -> BTreeMap<&'a str, Vec<(&'a str, &'a Check)>> {
        let mut all: BTreeMap<&str, Vec<(&str, &Check)>> = BTreeMap::new();
        for (name, baseline) in &self.library.catalogue.baselines {
            for (id, declared) in &baseline.checks {
                all.entry(id).or_default().push((name, &declared.check));
            }
        }
        all
    }

    /// The rules that answer a check, each with its family, in order of trial.
    pub fn answers(&self, check: &str) -> Vec<(&'a str, &'a str, &'a Rule)> {
        let all = self.library.catalogue.rules().filter(|(_, _, rule)| rule.when.check == check);
        let mut answers: Vec<(&str, &str, &Rule)> = all.collect();
        answers.sort_by_key(|(_, id, rule)| (std::cmp::Reverse(rule.priority), *id));
        answers
    }

    /// A predicate as nested list items, each with the figures of its value.
    pub fn predicate(&self, at: &DeclaredAt, keys: &[&str], predicate: &Predicate, indent: usize) -> String {
        let uses = self.library.uses(&at.file);
        let mut out = String::new();
        for line in words::predicate(predicate) {
            let margin = " ".repeat(indent + 2 * line.depth);
            let path = |below: Vec<String>| keys.iter().map(|key| (*key).to_owned()).chain(below).collect::<Vec<_>>();
            let Some(clause) = line.clause else {
                out += &format!("{margin}- {}\n", text(&line.text));
                continue;
            };
            let (field, said) = line.text.split_once(' ').unwrap_or((&line.text, ""));
            let figures = self.of(&figures::at(&uses, &path(clause.path)));
            out += &format!("{margin}- {} {}{figures}\n", code(field), text(said));
        }
        out
    }

    /// The figures at some keys, in brackets; nothing where there are none.
    pub fn figures(&self, at: &DeclaredAt, keys: &[&str]) -> String {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        self.of(&figures::at(&self.library.uses(&at.file), &keys))
    }

    fn of(&self, uses: &[&Use]) -> String {
        let links: Vec<String> = uses
            .iter()
            .filter_map(|one| {
                let (baseline, figure) = self.library.figure_of(one)?;
                let link = self.links.link(Target::Figure, &format!("{baseline}/{}", one.figure));
                Some(format!("{link} = {}", text(&words::plain(&figure.value))))
            })
            .collect();
        if links.is_empty() { String::new() } else { format!(" ({})", links.join(", ")) }
    }
}

/// Where something is declared, as a list item.
pub fn declared(at: &DeclaredAt) -> String {
    format!("- Declared at {}\n", code(&at.to_string()))
}
