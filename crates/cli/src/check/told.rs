//! What Nix said, as mistakes: the findings of the constructors, and Nix's own errors.

use std::collections::BTreeSet;

use writ_policy::delta::{NixFinding, NixRelated, Position, Site};
use writ_policy::nearest::nearest;
use writ_policy::validate::{Level, Part};

use super::hint::{NOTHING, hint};
use super::left_outs::is_list;
use super::locate::{Wanted, bound_names, constructor, locate, locate_exactly};
use super::mistake::{Mistake, Place};
use super::nix_error::NixError;
use super::source::{Source, Sources};
use super::tree::site_of;

/// The findings that belong to no site.
pub fn of_tree(findings: &[NixFinding], sources: &Sources) -> Vec<Mistake> {
    findings.iter().map(|finding| mistake(finding, sources, BTreeSet::new())).collect()
}

/// The findings of a site and of its appliances. A site's own count for all its appliances, except those about the folder
/// of the site, of which nothing is in a policy.
pub fn of_site(site: &str, said: &Site, sources: &Sources) -> Vec<Mistake> {
    let all: BTreeSet<String> = said.appliances.keys().map(|appliance| format!("{site}/{appliance}")).collect();
    let is_of_folder = |finding: &NixFinding| finding.path.first().is_some_and(|first| first == "hosts");
    let whose = |finding| if is_of_folder(finding) { BTreeSet::new() } else { all.clone() };
    let mut mistakes: Vec<Mistake> =
        said.findings.iter().map(|finding| mistake(finding, sources, whose(finding))).collect();
    for (appliance, said) in &said.appliances {
        let one = BTreeSet::from([format!("{site}/{appliance}")]);
        mistakes.extend(said.findings.iter().map(|finding| mistake(finding, sources, one.clone())));
    }
    mistakes
}

/// One finding as a mistake of some appliances.
pub fn mistake(finding: &NixFinding, sources: &Sources, appliances: BTreeSet<String>) -> Mistake {
    let missing = finding.code.starts_with("missing-");
    let known = || finding.known.iter().map(String::as_str);
    let mut path = finding.path.clone();
    let place = finding.at.as_ref().and_then(|at| place(finding, at, sources));
    if missing {
        path.extend(finding.given.clone());
    }
    Mistake {
        code: finding.code.replace('_', "-"),
        severity: finding.severity,
        message: finding.message.clone(),
        expected: finding.expected.clone(),
        nearest: finding
            .given
            .as_deref()
            .filter(|_| !missing)
            .and_then(|given| nearest(given, known()))
            .map(str::to_owned),
        help: None,
        path,
        place,
        related: finding.related.iter().filter_map(|other| related(finding, other, sources)).collect(),
        appliances,
    }
}

/// Another place of a finding: the key or the value there, whichever the finding is about.
fn related(finding: &NixFinding, other: &NixRelated, sources: &Sources) -> Option<(Place, String)> {
    let source = sources.get(&other.at.file)?;
    let part = if ABOUT_KEYS.contains(&finding.code.as_str()) { Part::Key } else { Part::Value };
    let wanted = Wanted { line: other.at.line, column: Some(other.at.column), path: &other.path, part, text: None };
    Some((placed(&other.at.file, &source, locate(&source, &wanted)), other.label.clone()))
}

/// The codes that are about a name, not about what it is bound to.
const ABOUT_KEYS: [&str; 8] = [
    "unknown-field",
    "unknown-operator",
    "missing-field",
    "duplicate-id",
    "override-path",
    "override-too-wide",
    "wrong-constructor",
    "exception-subject",
];

fn place(finding: &NixFinding, at: &Position, sources: &Sources) -> Option<Place> {
    let source = sources.get(&at.file)?;
    if !at.file.ends_with(".nix") {
        return Some(placed(&at.file, &source, source.line(at.line)));
    }
    if finding.code == "missing-field" && finding.path.is_empty() {
        return constructor(&source).map(|range| placed(&at.file, &source, range));
    }
    let text = finding.given.as_deref();
    let is_about_all = finding.severity == Level::Warning && text.is_none();
    let is_key = ABOUT_KEYS.contains(&finding.code.as_str()) || is_about_all;
    // What was given may be a name on the way, as in an override's address; or the value, which may be spelt like one.
    let named = text.and_then(|text| finding.path.iter().rposition(|key| key == text));
    let named = named.filter(|_| is_key || !is_value(finding, at, &source));
    let about_key = named.is_some() || is_key;
    let part = if about_key { Part::Key } else { Part::Value };
    let path = &finding.path[..named.map_or(finding.path.len(), |at| at + 1)];
    // An entry of a list that the path ends at: only its text tells which.
    let mut entry = path.to_vec();
    entry.push(String::new());
    let wanted = |path| Wanted { line: at.line, column: Some(at.column), path, part, text };
    let range = (!about_key && text.is_some())
        .then(|| locate_exactly(&source, &wanted(&entry)))
        .flatten()
        .unwrap_or_else(|| locate(&source, &wanted(path)));
    Some(placed(&at.file, &source, range))
}

/// Whether what was given is the text that the path leads to.
fn is_value(finding: &NixFinding, at: &Position, source: &Source) -> bool {
    let (line, column, text) = (at.line, Some(at.column), finding.given.as_deref());
    let wanted = Wanted { line, column, path: &finding.path, part: Part::Value, text };
    let value = locate_exactly(source, &wanted).and_then(|range| source.text.get(range));
    value.and_then(|value| value.strip_prefix('"')?.strip_suffix('"')) == text
}

/// A range of a source as a place.
pub fn placed(file: &str, source: &Source, range: std::ops::Range<usize>) -> Place {
    let (line, column) = source.position(range.start);
    let text = source.text.get(range.clone()).unwrap_or_default();
    let width = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    Place { file: file.to_owned(), line, column, start: range.start, length: range.len(), width }
}

/// An error of Nix itself, which ended one file.
pub fn error(error: &NixError, sources: &Sources) -> Mistake {
    let located = error.trace.first().and_then(|at| {
        let source = sources.get(&at.file)?;
        let (range, help) = hint(error, at, &source);
        let place = placed(&at.file, &source, range);
        // Of what is missing behind a token, one column is shown.
        Some((Place { width: place.width.max(1), ..place }, format!("{help}; until it is right, {}", unseen(&at.file))))
    });
    let (place, help) = located.map_or((None, NOTHING.to_owned()), |(place, help)| (Some(place), help));
    Mistake {
        code: "nix-error".to_owned(),
        severity: Level::Error,
        message: error.message.clone(),
        expected: None,
        nearest: error.suggestion.clone().or_else(|| meant(error, sources)),
        help: Some(help),
        path: Vec::new(),
        place,
        related: Vec::new(),
        appliances: BTreeSet::new(),
    }
}

/// What is not looked for because a file cannot be read.
fn unseen(file: &str) -> &'static str {
    let is_of_site = site_of(file).is_some();
    if is_of_site && file.ends_with("/site.nix") {
        "no policy of this site can be looked at"
    } else if is_of_site && file.ends_with("/policy.nix") {
        "the policy of this appliance cannot be looked at"
    } else if is_of_site {
        "no policy that this file is part of can be looked at"
    } else if is_list(file) {
        "nothing that this file lists can be looked at, and no name is called unknown"
    } else if file.starts_with("baselines/") {
        "no name that stands in this file is called unknown elsewhere, and no check unused"
    } else {
        "no name that stands in this file is called unknown elsewhere"
    }
}

/// The name of the same file that an undefined variable was probably meant to be.
fn meant(error: &NixError, sources: &Sources) -> Option<String> {
    let name = error.message.strip_prefix("undefined variable '")?.strip_suffix('\'')?;
    let source = sources.get(&error.trace.first()?.file)?;
    let names = bound_names(&source);
    nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}
