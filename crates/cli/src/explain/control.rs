//! A control: what it asks, how far machines can show it, by which checks, and what people do.

use serde::Serialize;
use std::collections::BTreeMap;
use writ_policy::control::{Control, Coverage, Requirement};
use writ_policy::duty::Duty;

use super::healing::healing;
use super::merging::merging;
use super::page::Page;
use super::subject::{Declared, Subject};
use super::{Asked, Details, Explanation, Kind, lifting};
use crate::library::sites::Policy;
use crate::library::words;

/// A check that supports a control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Supporting {
    /// Its id.
    pub id: String,
    /// Its title; empty where nobody declares it.
    pub title: String,
    /// Whether this version can look.
    pub observed: bool,
    /// The rules that answer it, in order of trial.
    pub rules: Vec<String>,
}

/// What people do for a control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Done {
    /// Its id.
    pub id: String,
    /// What is done; empty where nobody declares it.
    pub title: String,
    /// When, in words.
    pub cadence: String,
    /// By whom.
    pub by: String,
    /// What is attached.
    pub attach: String,
}

/// A control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// How far machines can show it.
    pub coverage: Coverage,
    /// How the rule book puts it.
    pub requirement: Option<Requirement>,
    /// How bad it is when it does not hold.
    pub severity: String,
    /// Identifiers in other frameworks.
    pub maps: BTreeMap<String, Vec<String>>,
    /// The checks that support it.
    pub checks: Vec<Supporting>,
    /// What people do for it.
    pub duties: Vec<Done>,
    /// For procedural controls, how.
    pub procedure: Option<String>,
    /// What its checks leave out.
    pub not_assessed: Option<String>,
}

/// Explains a control.
pub fn explain(asked: &Asked<'_>, id: &str) -> Option<Explanation> {
    let declared = asked.library.catalogue.baselines.iter().filter_map(|(name, baseline)| {
        let control = baseline.controls.get(id)?;
        Some(Declared {
            by: format!("baseline {name} {}", baseline.version),
            baseline: Some(name.clone()),
            family: None,
            at: control.declared_at.clone(),
            item: control.clone(),
        })
    });
    let subject =
        Subject::gather(asked, id, declared.collect(), |p: &Policy| &p.controls, |c: &Control| &c.declared_at);
    let control = subject.main()?;
    let details = Explained {
        coverage: control.coverage,
        requirement: control.requirement,
        severity: control.severity.to_string(),
        maps: control.maps.clone(),
        checks: control.checks.iter().map(|check| supporting(asked, check)).collect(),
        duties: control.duties.iter().map(|duty| done(asked, duty)).collect(),
        procedure: control.procedure.clone(),
        not_assessed: control.not_assessed.clone(),
    };
    let (exceptions, touching) = asked.exceptions(|policy, e| lifting::of_control(policy, id, e));
    Some(Explanation {
        applies: Some(subject.applies(asked, |_| subject.without_baseline())),
        merging: merging(asked, "controls", &subject),
        exceptions,
        touching,
        last: asked.last(control.checks.iter().map(String::as_str)),
        ..asked.explanation(Kind::Control, id, &control.title, &subject, Details::Control(details))
    })
}

fn supporting(asked: &Asked<'_>, id: &str) -> Supporting {
    let check = asked.check(id);
    let registry = &asked.library.registry;
    let sees = |name: &str| registry.probes.contains_key(name) && !registry.unobserved(name);
    Supporting {
        id: id.to_owned(),
        title: check.map(|check| check.title.clone()).unwrap_or_default(),
        observed: check.is_some_and(|check| sees(&check.probe.name)),
        rules: answered_by(asked, id),
    }
}

/// The rules in force that answer a check, each once although appliances may have it otherwise.
fn answered_by(asked: &Asked<'_>, check: &str) -> Vec<String> {
    let in_force = healing(asked, check).rules.into_iter().filter(|rule| !rule.appliances.is_empty());
    let mut ids: Vec<String> = in_force.map(|rule| rule.id).collect();
    let mut known = std::collections::BTreeSet::new();
    ids.retain(|id| known.insert(id.clone()));
    ids
}

fn done(asked: &Asked<'_>, id: &str) -> Done {
    let duty: Option<&Duty> = asked.duty(id);
    let said = |of: fn(&Duty) -> String| duty.map(of).unwrap_or_default();
    Done {
        id: id.to_owned(),
        title: said(|duty| duty.title.clone()),
        cadence: said(|duty| duty.cadence.to_string()),
        by: said(|duty| duty.by.clone()),
        attach: said(|duty| duty.attach.clone()),
    }
}

impl Explained {
    /// In a few words, for the head of the page.
    pub fn summary(&self) -> String {
        let graded = self.requirement.map(|r| format!("{} · ", words::requirement(r))).unwrap_or_default();
        format!("{graded}severity {} · {}", self.severity, words::coverage(self.coverage))
    }

    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        if !self.maps.is_empty() {
            page.section("Also known as");
            page.text(2, &words::maps(&self.maps));
        }
        if !self.checks.is_empty() {
            page.section("Shown by");
            let blind = |c: &Supporting| if c.observed { "" } else { " (not observed by this version)" };
            let heals = |c: &Supporting| match &c.rules[..] {
                [] => "; no rule in force answers it".to_owned(),
                rules => format!("; answered by {}", rules.join(", ")),
            };
            let rows = self.checks.iter().map(|c| (c.id.clone(), format!("{}{}{}", c.title, blind(c), heals(c))));
            page.rows(2, &rows.collect::<Vec<_>>());
        }
        if let Some(left) = &self.not_assessed {
            page.section("Left out by the checks");
            page.text(2, left);
        }
        if self.procedure.is_some() || !self.duties.is_empty() {
            page.section("Done by people");
            self.procedure.iter().for_each(|procedure| page.text(2, procedure));
            let told = |d: &Done| format!("{}: {}, by {}; attached: {}", d.title, d.cadence, d.by, d.attach);
            page.rows(2, &self.duties.iter().map(|d| (d.id.clone(), told(d))).collect::<Vec<_>>());
        }
    }
}
