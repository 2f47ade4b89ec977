//! A figure: its value, where it comes from, and what is made of it.

use serde::Serialize;
use serde_json::Value as Json;

use super::page::Page;
use super::{Asked, Declaration, Details, Explanation, Kind};
use crate::library::words;
use writ_policy::validate::path_text;

/// A place that a figure is used at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Used {
    /// Keys within the file.
    pub path: Vec<String>,
    /// `file:line`.
    pub at: String,
}

/// A figure as one baseline has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stated {
    /// The baseline.
    pub baseline: String,
    /// The figure itself.
    pub value: Json,
    /// What it counts.
    pub unit: String,
    /// What it is a figure of.
    pub about: String,
    /// Where it comes from.
    pub source: Vec<String>,
    /// Whether no source gives it.
    pub ours: bool,
    /// What is made of it.
    pub uses: Vec<Used>,
}

/// A figure: several baselines may have one of the same name, each for itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// By baseline.
    pub stated: Vec<Stated>,
}

/// Explains a figure.
pub fn explain(asked: &Asked<'_>, id: &str) -> Option<Explanation> {
    let mut declared = Vec::new();
    let mut stated = Vec::new();
    for (name, baseline) in &asked.library.catalogue.baselines {
        let Some(figure) = baseline.figures.get(id) else { continue };
        let by = format!("baseline {name} {}", baseline.version);
        declared.push(Declaration { by, origin: asked.library.origin(&figure.declared_at) });
        let uses = asked.library.uses_of(id, &figure.declared_at.file);
        stated.push(Stated {
            baseline: name.clone(),
            value: figure.value.clone(),
            unit: figure.unit.clone(),
            about: figure.about.clone(),
            source: figure.source.clone(),
            ours: figure.ours,
            uses: uses.into_iter().map(|u| Used { at: format!("{}:{}", u.file, u.line), path: u.path }).collect(),
        });
    }
    let title = stated.first()?.about.clone();
    Some(Explanation { declared, ..Explanation::of(Kind::Figure, id, &title, Details::Figure(Explained { stated })) })
}

impl Explained {
    /// In a few words, for the head of the page.
    pub fn summary(&self) -> String {
        let one = |s: &Stated| format!("{} ({}) in {}", words::plain(&s.value), s.unit, s.baseline);
        self.stated.iter().map(one).collect::<Vec<_>>().join(" · ")
    }

    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        for stated in &self.stated {
            page.section(&format!("In the baseline {}", stated.baseline));
            page.text(2, &format!("{}, unit {}: {}", words::plain(&stated.value), stated.unit, stated.about));
            let from = words::basis(stated.ours, &stated.source);
            if stated.ours {
                page.text(2, &format!("{}.", words::capitalised(&from)));
            } else if !from.is_empty() {
                page.text(2, &format!("from {from}"));
            }
            if stated.uses.is_empty() {
                page.text(2, "Nothing is made of it in the files of this tree.");
                continue;
            }
            page.text(2, "used by:");
            for used in &stated.uses {
                page.text(4, &path_text(&used.path));
                page.dim(6, &used.at);
            }
        }
    }
}
