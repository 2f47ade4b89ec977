//! A runbook: its steps, what decides whether they helped, and which rules run it.

use serde::Serialize;
use writ_policy::runbook::Runbook;

use super::healing::{Steps, steps_of};
use super::merging::merging;
use super::page::Page;
use super::subject::{Declared, Subject};
use super::{Asked, Details, Explanation, Kind};
use crate::library::sites::{Policy, each};

/// A rule that runs a runbook.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Running {
    /// Its id.
    pub id: String,
    /// What it answers.
    pub title: String,
    /// The check that fails.
    pub check: String,
}

/// A runbook.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// Its steps.
    pub steps: Steps,
    /// What evidence names it by.
    pub digest: String,
    /// The rules that run it.
    pub rules: Vec<Running>,
}

/// Explains a runbook.
pub fn explain(asked: &Asked<'_>, id: &str) -> Option<Explanation> {
    let declared = asked.library.catalogue.runbooks.get(id).map(|runbook| Declared {
        by: "the runbooks of this tree".to_owned(),
        baseline: None,
        family: None,
        at: runbook.declared_at.clone(),
        item: runbook.clone(),
    });
    let declared = declared.into_iter().collect();
    let subject = Subject::gather(asked, id, declared, |p: &Policy| &p.runbooks, |r: &Runbook| &r.declared_at);
    let runbook = subject.main()?;
    let mut rules: Vec<Running> = Vec::new();
    let in_force = asked.policies().flat_map(|(_, policy)| each(&policy.rules));
    let all = asked.library.catalogue.rules().map(|(_, id, rule)| (id, rule));
    for (rule_id, rule) in all.chain(in_force.map(|(id, rule)| (id.as_str(), rule))) {
        if rule.run.as_deref() == Some(id) && !rules.iter().any(|known| known.id == rule_id) {
            let (title, check) = (rule.title.clone(), rule.when.check.clone());
            rules.push(Running { id: rule_id.to_owned(), title, check });
        }
    }
    let details =
        Explained { steps: steps_of(asked, id, runbook), digest: runbook.digest().to_string(), rules: rules.clone() };
    let names: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    let why = |_: &Policy| match names[..] {
        [] => "no rule runs it".to_owned(),
        [one] => format!("rule {one}, which runs it, is not in force there"),
        _ => format!("none of the rules that run it is in force there: {}", names.join(", ")),
    };
    Some(Explanation {
        applies: Some(subject.applies(asked, why)),
        merging: merging(asked, "runbooks", &subject),
        ..asked.explanation(Kind::Runbook, id, &runbook.title, &subject, Details::Runbook(details))
    })
}

impl Explained {
    /// In a few words, for the head of the page.
    pub fn summary(&self) -> String {
        format!("version {} · {}", self.steps.version, writ_audit::words::of(self.steps.steps.len() as u64, "step"))
    }

    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        page.section("Steps");
        self.steps.print(page, 2);
        let about = self.steps.steps.iter().filter_map(|step| Some((step.step.as_str(), step.about.as_ref()?)));
        for (step, about) in about.collect::<std::collections::BTreeMap<_, _>>() {
            page.dim(2, &format!("{step} {about}"));
        }
        page.section("Run by");
        if self.rules.is_empty() {
            page.text(2, "No rule runs it.");
        }
        let rows = self.rules.iter().map(|rule| (rule.id.clone(), format!("{} (check {})", rule.title, rule.check)));
        page.rows(2, &rows.collect::<Vec<_>>());
        page.dim(2, &format!("evidence names it by {}", self.digest));
    }
}
