//! A duty: what people do, when, who, what they attach, and for which controls.

use serde::Serialize;
use writ_policy::duty::{Cadence, Duty};

use super::merging::merging;
use super::page::Page;
use super::predicate::{FigureRef, Place, figures, named};
use super::subject::{Declared, Subject};
use super::{Asked, Details, Explanation, Kind};
use crate::library::sites::{Policy, each};

/// A duty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// When it is due.
    pub cadence: Cadence,
    /// The figures of that.
    pub figures: Vec<FigureRef>,
    /// When it is usually done.
    pub day: Option<String>,
    /// By whom.
    pub by: String,
    /// What is attached.
    pub attach: String,
    /// Where the demand comes from.
    pub source: Vec<String>,
    /// The controls that name it, with their titles.
    pub controls: Vec<(String, String)>,
}

/// Explains a duty.
pub fn explain(asked: &Asked<'_>, id: &str) -> Option<Explanation> {
    let declared = asked.library.catalogue.baselines.iter().filter_map(|(name, baseline)| {
        let duty = baseline.duties.get(id)?;
        Some(Declared {
            by: format!("baseline {name} {}", baseline.version),
            baseline: Some(name.clone()),
            family: None,
            at: duty.declared_at.clone(),
            item: duty.clone(),
        })
    });
    let subject = Subject::gather(asked, id, declared.collect(), |p: &Policy| &p.duties, |d: &Duty| &d.declared_at);
    let duty = subject.main()?;
    let place = Place { section: "duties", id, files: subject.declared.iter().map(|d| d.at.file.clone()).collect() };
    let cadence = ["every", "within"].into_iter().flat_map(|key| figures(asked, &place, &["cadence", key], &[]));
    let in_force = asked.policies().flat_map(|(_, policy)| each(&policy.controls));
    let all = asked.library.catalogue.baselines.values().flat_map(|b| &b.controls).chain(in_force);
    let mut controls: Vec<(String, String)> = all
        .filter(|(_, control)| control.duties.iter().any(|name| name == id))
        .map(|(id, control)| (id.clone(), control.title.clone()))
        .collect();
    controls.sort();
    controls.dedup_by(|a, b| a.0 == b.0);
    let details = Explained {
        cadence: duty.cadence.clone(),
        figures: cadence.collect(),
        day: duty.day.clone(),
        by: duty.by.clone(),
        attach: duty.attach.clone(),
        source: duty.source.clone(),
        controls,
    };
    Some(Explanation {
        applies: Some(subject.applies(asked, |_| subject.without_baseline())),
        merging: merging(asked, "duties", &subject),
        ..asked.explanation(Kind::Duty, id, &duty.title, &subject, Details::Duty(details))
    })
}

impl Explained {
    /// In a few words, for the head of the page.
    pub fn summary(&self) -> String {
        let day = self.day.as_ref().map(|day| format!(", usually {day}")).unwrap_or_default();
        format!("{}{day} · by {}", self.cadence, self.by)
    }

    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        if let Some(named) = named(&self.figures) {
            page.dim(0, &format!("figure {named}"));
        }
        page.section("Attached as evidence");
        page.text(2, &self.attach);
        if !self.controls.is_empty() {
            page.section("Asked for by");
            page.rows(2, &self.controls);
        }
        if !self.source.is_empty() {
            page.section("Comes from");
            page.text(2, &self.source.join(", "));
        }
    }
}
