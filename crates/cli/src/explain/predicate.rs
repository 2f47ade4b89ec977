//! A predicate in words, with the figures that its values are made of.

use serde::Serialize;
use serde_json::Value as Json;
use writ_policy::observation::Value;
use writ_policy::predicate::Predicate;
use writ_trust::time::Span;

use super::Asked;
use super::page::Page;
use crate::library::words;

/// A figure that a value is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureRef {
    /// Its id.
    pub id: String,
    /// Its value.
    pub value: Json,
    /// The baseline that declares it.
    pub baseline: String,
}

/// One line of a predicate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// How deep it stands, from 0.
    pub depth: usize,
    /// What it says.
    pub text: String,
    /// The figures of its value.
    pub figures: Vec<FigureRef>,
}

/// A predicate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// As the policy has it.
    pub predicate: Json,
    /// In words; every line at one depth must hold, unless the line above them says otherwise.
    pub lines: Vec<Line>,
}

/// Where to look for the figures of an item: its section and id, and the files that may say.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// For instance `checks`.
    pub section: &'a str,
    /// The item.
    pub id: &'a str,
    /// The files that declare the item, the most telling first.
    pub files: Vec<String>,
}

/// A predicate at some keys of an item.
pub fn told(asked: &Asked<'_>, place: &Place<'_>, keys: &[&str], predicate: &Predicate) -> Told {
    let lines = words::predicate(predicate).into_iter().map(|line| {
        let of = |clause: words::At| figures_of(asked, place, keys, &clause.path, Some(&clause.operand));
        Line { depth: line.depth, text: line.text, figures: line.clause.map(of).unwrap_or_default() }
    });
    Told { predicate: predicate.to_json(), lines: lines.collect() }
}

/// The figures at some keys of an item.
pub fn figures(asked: &Asked<'_>, place: &Place<'_>, keys: &[&str], below: &[String]) -> Vec<FigureRef> {
    figures_of(asked, place, keys, below, None)
}

/// The same, where what is made of them is known: a figure that says otherwise was overridden, or gave way.
fn figures_of(
    asked: &Asked<'_>,
    place: &Place<'_>,
    keys: &[&str],
    below: &[String],
    value: Option<&Value>,
) -> Vec<FigureRef> {
    let item = [place.section, place.id].into_iter().chain(keys.iter().copied()).map(str::to_owned);
    let path: Vec<String> = item.chain(below.iter().cloned()).collect();
    for file in &place.files {
        let uses = asked.library.uses(file);
        let found = crate::library::figures::at(&uses, &path);
        let refs: Vec<FigureRef> = found
            .into_iter()
            .filter_map(|one| {
                let (baseline, figure) = asked.library.figure_of(one)?;
                Some(FigureRef { id: one.figure.clone(), value: figure.value.clone(), baseline: baseline.to_owned() })
            })
            .collect();
        let fits = |only: &FigureRef| value.is_none_or(|value| may_be(&only.value, value));
        if !refs.is_empty() && (refs.len() > 1 || refs.iter().all(fits)) {
            return refs;
        }
    }
    Vec::new()
}

/// Whether a value may be made of one figure. Of several, sums may be made: that is not judged.
fn may_be(figure: &Json, value: &Value) -> bool {
    match (figure, value) {
        (Json::Number(figure), Value::Int(n)) => figure.as_i64() == Some(*n),
        (Json::String(figure), Value::Int(n)) => figure.parse::<Span>().is_ok_and(|span| span.seconds() == *n),
        _ => true,
    }
}

/// Figures in a few words: `backup.grace (2h), backup.user-data.every (24h)`.
pub fn named(figures: &[FigureRef]) -> Option<String> {
    let one = |figure: &FigureRef| format!("{} ({})", figure.id, words::plain(&figure.value));
    (!figures.is_empty()).then(|| figures.iter().map(one).collect::<Vec<_>>().join(", "))
}

impl Told {
    /// Prints it, each figure behind the line that it belongs to.
    pub fn print(&self, page: &mut Page, indent: usize) {
        for line in &self.lines {
            let here = indent + 2 * line.depth;
            page.text(here, &line.text);
            if let Some(named) = named(&line.figures) {
                page.dim(here + 2, &format!("{} {named}", if line.figures.len() == 1 { "figure" } else { "figures" }));
            }
        }
    }
}
