//! A rule: which failure it answers and how, and which rules are tried before and after it.

use serde::Serialize;
use writ_policy::rule::Rule;

use super::healing::{Healing, healing};
use super::merging::merging;
use super::page::Page;
use super::subject::{Declared, Subject};
use super::{Asked, Details, Explanation, Kind, lifting};
use crate::library::sites::{Name, Policy};

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The check that it answers.
    pub check: String,
    /// What that looks at; none where nobody declares it.
    pub check_title: Option<String>,
    /// The family that it is of; none where a site or an appliance declares it.
    pub family: Option<String>,
    /// The controls that it serves.
    pub controls: Vec<String>,
    /// Its place among those that answer the same check, from 1.
    pub place: usize,
    /// All that answers the check, in order of trial.
    pub healing: Healing,
}

/// Explains a rule.
pub fn explain(asked: &Asked<'_>, id: &str) -> Option<Explanation> {
    let families = asked.library.catalogue.families.iter();
    let declared = families.filter_map(|(name, family)| {
        let rule = family.rules.get(id)?;
        Some(Declared {
            by: format!("rule family {name} ({})", family.file),
            baseline: None,
            family: Some(name.clone()),
            at: rule.declared_at.clone(),
            item: rule.clone(),
        })
    });
    let subject = Subject::gather(asked, id, declared.collect(), |p: &Policy| &p.rules, |r: &Rule| &r.declared_at);
    let rule = subject.main()?;
    let check = rule.when.check.as_str();
    let family = subject.declared.iter().find_map(|d| d.family.clone());
    let healing = healing(asked, check);
    let details = Explained {
        check: check.to_owned(),
        check_title: asked.check(check).map(|check| check.title.clone()),
        place: healing.rules.iter().position(|answer| answer.id == id).map_or(0, |i| i + 1),
        controls: rule.controls.clone(),
        family: family.clone(),
        healing,
    };
    let why = |policy: &Policy| match (&family, policy.checks.contains_key(check)) {
        (_, false) => format!("it has no check {check}"),
        (Some(family), true) => format!("neither it nor its site chooses the rule family {family}"),
        (None, true) => subject.without_baseline(),
    };
    let (exceptions, touching) = asked.exceptions(|policy, e| lifting::of_check(policy, check, e, asked.now));
    Some(Explanation {
        applies: Some(subject.applies(asked, why)),
        merging: merging(asked, "rules", &subject),
        exceptions,
        touching,
        last: asked.last([check]),
        ..asked.explanation(Kind::Rule, id, &rule.title, &subject, Details::Rule(details))
    })
}

impl Explained {
    /// In a few words, for the head of the page.
    pub fn summary(&self) -> String {
        let family =
            self.family.as_ref().map(|f| format!("rule family {f}")).unwrap_or_else(|| "of one site".to_owned());
        format!("{family} · answers {} · serves {}", self.check, self.controls.join(", "))
    }

    /// Prints it; `everywhere` are the appliances that have it.
    pub fn print(&self, page: &mut Page, everywhere: &[Name]) {
        page.section("Answers");
        let title = self.check_title.as_deref().unwrap_or("a check that nobody declares");
        page.rows(2, &[(self.check.clone(), title.to_owned())]);
        let Some(this) = self.healing.rules.get(self.place.saturating_sub(1)).map(|answer| &answer.id) else { return };
        page.section("What it does");
        for answer in self.healing.rules.iter().filter(|answer| answer.id == *this) {
            answer.print(page, None, everywhere);
        }
        if self.healing.rules.len() > 1 {
            page.section("In order of trial");
            for (i, rule) in self.healing.rules.iter().enumerate() {
                let mark = if rule.id == *this { " ◀" } else { "" };
                let said = format!("{} {}, priority {}{mark}", rule.id, rule.title, rule.priority);
                page.labelled(2, &format!("{}.", i + 1), 2, &said);
            }
        }
    }
}
