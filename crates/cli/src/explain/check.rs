//! A check: what it supports, what it looks at, what it expects, and what answers a failure.

use serde::Serialize;
use writ_policy::check::Check;
use writ_policy::control::{Control, Coverage, Requirement};

use super::healing::{Healing, healing};
use super::looking::{Looking, looking};
use super::merging::merging;
use super::page::Page;
use super::predicate::{FigureRef, Place, Told, figures, named, told};
use super::subject::{Declared, Subject};
use super::{Asked, Details, Explanation, Kind};
use crate::library::sites::{Name, Policy, each};
use crate::library::words;

/// A control that a check supports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Supported {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How far machines can show it.
    pub coverage: Coverage,
    /// How the rule book puts it.
    pub requirement: Option<Requirement>,
    /// Identifiers in other frameworks, in words.
    pub maps: String,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// How bad a failure is.
    pub severity: String,
    /// Whether that comes from its controls.
    pub severity_of_controls: bool,
    /// How often it looks, at least.
    pub every: String,
    /// The figures of that.
    pub every_figures: Vec<FigureRef>,
    /// The machine it is about.
    pub target: String,
    /// What rule books say of this very setting.
    pub cites: Vec<String>,
    /// The controls that it supports.
    pub controls: Vec<Supported>,
    /// How it looks.
    pub looks: Looking,
    /// What must hold.
    pub expect: Told,
    /// What should hold.
    pub prefer: Option<Told>,
    /// What answers a failure.
    pub healing: Healing,
}

/// Every declaration of a check in a baseline, and whether one leaves the severity to the controls.
fn declared(asked: &Asked<'_>, id: &str) -> (Vec<Declared<Check>>, bool) {
    let mut of_controls = false;
    let all = asked.library.catalogue.baselines.iter().filter_map(|(name, baseline)| {
        let known = baseline.checks.get(id)?;
        of_controls |= known.of_controls;
        Some(Declared {
            by: format!("baseline {name} {}", baseline.version),
            baseline: Some(name.clone()),
            family: None,
            at: known.check.declared_at.clone(),
            item: known.check.clone(),
        })
    });
    (all.collect(), of_controls)
}

/// Explains a check.
pub fn explain(asked: &Asked<'_>, id: &str) -> Option<Explanation> {
    let (declared, of_controls) = declared(asked, id);
    let subject = Subject::gather(asked, id, declared, |p: &Policy| &p.checks, |c| &c.declared_at);
    let check = subject.main()?;
    let merging = merging(asked, "checks", &subject);
    let files = subject.declared.iter().map(|d| d.at.file.clone()).collect();
    let place = Place { section: "checks", id, files };
    let details = Explained {
        severity: check.severity.to_string(),
        severity_of_controls: of_controls,
        every: check.every.to_string(),
        every_figures: figures(asked, &place, &["every"], &[]),
        target: check.target.clone(),
        cites: check.cites.clone(),
        controls: supported(asked, id),
        looks: looking(asked, &place, check),
        expect: told(asked, &place, &["expect"], &check.expect),
        prefer: check.prefer.as_ref().map(|prefer| told(asked, &place, &["prefer"], prefer)),
        healing: healing(asked, id, Some(check)),
    };
    let controls: Vec<&str> = details.controls.iter().map(|c| c.id.as_str()).collect();
    let exceptions = asked
        .exceptions(|e| e.check.as_deref() == Some(id) || e.control.as_deref().is_some_and(|c| controls.contains(&c)));
    Some(Explanation {
        applies: Some(subject.applies(asked, |_| subject.without_baseline())),
        merging,
        exceptions,
        last: asked.last([id]),
        ..asked.explanation(Kind::Check, id, &check.title, &subject, Details::Check(details))
    })
}

/// The controls that name a check: those in force where it is in question, or else all that are declared.
fn supported(asked: &Asked<'_>, check: &str) -> Vec<Supported> {
    let mut found: Vec<Supported> = Vec::new();
    let in_force = asked.policies().flat_map(|(_, policy)| each(&policy.controls));
    let used = asked.policies().any(|(_, policy)| policy.checks.contains_key(check));
    let baselines = asked.library.catalogue.baselines.values().filter(|_| !used);
    for (id, control) in in_force.chain(baselines.flat_map(|baseline| &baseline.controls)) {
        if control.checks.iter().any(|name| name == check) && !found.iter().any(|known| known.id == *id) {
            found.push(supports(id, control));
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}

fn supports(id: &str, control: &Control) -> Supported {
    Supported {
        id: id.to_owned(),
        title: control.title.clone(),
        coverage: control.coverage,
        requirement: control.requirement,
        maps: words::maps(&control.maps),
    }
}

impl Explained {
    /// In a few words, for the head of the page.
    pub fn summary(&self) -> String {
        let of = if self.severity_of_controls { " (from its controls)" } else { "" };
        let target = if self.target == "self" { String::new() } else { format!(" · about {}", self.target) };
        let blind = if self.looks.observed { "" } else { " · not observed by this version" };
        format!("severity {}{of} · looks at least every {}{target}{blind}", self.severity, self.every)
    }

    /// Prints it; `everywhere` are the appliances that have it.
    pub fn print(&self, page: &mut Page, everywhere: &[Name]) {
        if !self.cites.is_empty() || !self.controls.is_empty() {
            page.section("Asked for by");
            let rows = self.controls.iter().map(|c| {
                let maps = if c.maps.is_empty() { String::new() } else { format!(" ({})", c.maps) };
                (c.id.clone(), format!("{}{maps}", c.title))
            });
            page.rows(2, &rows.collect::<Vec<_>>());
            if !self.cites.is_empty() {
                page.text(2, &format!("cites {}", words::cites(&self.cites)));
            }
        }
        self.looks.print(page);
        if let Some(named) = named(&self.every_figures) {
            page.dim(2, &format!("every {}: figure {named}", self.every));
        }
        page.section("Expects");
        self.expect.print(page, 2);
        if let Some(prefer) = &self.prefer {
            page.section("Prefers (a warning only)");
            prefer.print(page, 2);
        }
        self.healing.print(page, everywhere);
    }
}
