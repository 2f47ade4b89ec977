//! A probe, and a step of runbooks: what it takes, what it shows, and who uses it.

use serde::Serialize;
use writ_policy::schema::ParameterSchema;

use super::looking::Field;
use super::page::Page;
use super::{Asked, Details, Explanation, Kind};
use crate::library::catalogue;
use crate::library::sites::each;

/// A parameter that may or must be given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Takes {
    /// Its name.
    pub name: String,
    /// Its type, in words.
    pub kind: &'static str,
    /// Which values of that type it takes, in words; none where it takes all.
    pub values: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// What it means.
    pub about: String,
}

/// A probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// Whether this version can look with it.
    pub observed: bool,
    /// What it takes.
    pub parameters: Vec<Takes>,
    /// What it shows.
    pub observation: Vec<Field>,
    /// The checks that look with it.
    pub checks: Vec<String>,
}

/// A step of runbooks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What it takes.
    pub parameters: Vec<Takes>,
    /// The runbooks that have such a step.
    pub runbooks: Vec<String>,
}

fn takes(parameters: &[ParameterSchema]) -> Vec<Takes> {
    let one = |p: &ParameterSchema| Takes {
        name: p.name.to_owned(),
        kind: p.kind.as_str(),
        values: p.values.words(),
        required: p.required,
        about: p.about.to_owned(),
    };
    parameters.iter().map(one).collect()
}

/// Explains a probe.
pub fn explain(asked: &Asked<'_>, id: &str) -> Option<Explanation> {
    let schema = asked.library.registry.probes.get(id)?;
    let declared = asked.library.catalogue.baselines.values().flat_map(|b| &b.checks);
    let declared = declared.map(|(id, declared)| (id, &declared.check));
    let in_force = asked.policies().flat_map(|(_, policy)| each(&policy.checks));
    let all = declared.chain(in_force).filter(|(_, check)| check.probe.name == id);
    let mut checks: Vec<String> = all.map(|(id, _)| id.clone()).collect();
    checks.sort();
    checks.dedup();
    let details = Explained {
        observed: !asked.library.registry.unobserved(id),
        parameters: takes(schema.parameters),
        observation: schema.observation.iter().map(Field::of).collect(),
        checks,
    };
    Some(Explanation::of(Kind::Probe, id, schema.about, Details::Probe(details)))
}

/// Explains a step.
pub fn explain_step(asked: &Asked<'_>, id: &str) -> Option<Explanation> {
    let schema = asked.library.registry.steps.get(id)?;
    let in_force = asked.policies().flat_map(|(_, policy)| each(&policy.runbooks));
    let all = asked.library.catalogue.runbooks.iter().chain(in_force);
    let with = all.filter(|(_, runbook)| catalogue::takes_step(runbook, id));
    let mut runbooks: Vec<String> = with.map(|(id, _)| id.clone()).collect();
    runbooks.sort();
    runbooks.dedup();
    let details = Step { parameters: takes(schema.parameters), runbooks };
    Some(Explanation::of(Kind::Step, id, schema.about, Details::Step(details)))
}

fn print_takes(page: &mut Page, parameters: &[Takes]) {
    page.section("Takes");
    if parameters.is_empty() {
        page.text(2, "nothing");
    }
    let needed = |p: &Takes| if p.required { "" } else { "optional, " };
    let values = |p: &Takes| p.values.as_ref().map(|values| format!(", {values}")).unwrap_or_default();
    let row = |p: &Takes| format!("{}{}{}: {}", needed(p), p.kind, values(p), p.about);
    let rows = parameters.iter().map(|p| (p.name.clone(), row(p)));
    page.rows(2, &rows.collect::<Vec<_>>());
}

impl Explained {
    /// In a few words, for the head of the page.
    pub fn summary(&self) -> String {
        if self.observed { "observed by this version" } else { "not observed by this version: announced as a schema" }
            .to_owned()
    }

    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        print_takes(page, &self.parameters);
        page.section("Shows");
        let rows = self.observation.iter().map(|field| (field.name.clone(), field.words()));
        page.rows(2, &rows.collect::<Vec<_>>());
        page.section("Looked with by");
        page.text(2, &if self.checks.is_empty() { "no check".to_owned() } else { self.checks.join(", ") });
    }
}

impl Step {
    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        print_takes(page, &self.parameters);
        page.section("Taken by");
        page.text(2, &if self.runbooks.is_empty() { "no runbook".to_owned() } else { self.runbooks.join(", ") });
    }
}
