//! The names that are no mistakes: what could not be used or read may declare them, or refer to them.

use std::collections::{BTreeSet, HashMap};

use writ_policy::delta::{Delta, NixFinding, Site};
use writ_policy::validate::{LeftOut, Level};

use super::locate;
use super::source::Sources;
use super::tree::site_of;

/// The sections that the files of a baseline declare.
const OF_BASELINES: [&str; 3] = ["controls", "checks", "duties"];

/// The names that are no mistakes, by site.
pub struct LeftOuts {
    /// Of the tree, then of sites that have more.
    all: Vec<LeftOut>,
    by_site: HashMap<String, usize>,
}

impl LeftOuts {
    /// Those of the tree, for every site.
    pub fn new(tree: LeftOut) -> Self {
        Self { all: vec![tree], by_site: HashMap::new() }
    }

    /// More names for one site, and sections of which nothing can be said there.
    pub fn add(&mut self, site: &str, names: impl IntoIterator<Item = String>, sections: &[&'static str]) {
        let mut names = names.into_iter().peekable();
        if names.peek().is_none() && sections.is_empty() {
            return;
        }
        let mut own = self.get(0).clone();
        own.names.extend(names);
        own.sections.extend(sections);
        own.referring.extend(sections);
        self.by_site.insert(site.to_owned(), self.all.len());
        self.all.push(own);
    }

    /// Which of them a site has.
    pub fn of(&self, site: &str) -> usize {
        self.by_site.get(site).copied().unwrap_or_default()
    }

    /// One of them; that of the tree is 0.
    pub fn get(&self, index: usize) -> &LeftOut {
        &self.all[index]
    }
}

/// Those of an evaluation from which some files were left out.
pub fn left_outs(delta: &Delta, excluded: &BTreeSet<String>, sources: &Sources) -> LeftOuts {
    let mut names: BTreeSet<String> = delta.broken.values().flatten().cloned().collect();
    let (own, shared): (Vec<&String>, Vec<&String>) = excluded.iter().partition(|file| site_of(file).is_some());
    for file in shared.iter().map(|file| file.as_str()).chain(unread(&delta.findings)) {
        names.extend(declared(file, sources));
    }
    // A list of files takes everything below it along.
    let everything = shared.iter().any(|file| is_list(file));
    // What an item that could not be used refers to is not known, nor what refers to one that is not there.
    let is_broken = |section: &&str| delta.broken.get(*section).is_some_and(|broken| !broken.is_empty());
    let sections: BTreeSet<&str> = delta.findings.iter().flat_map(missing).copied().collect();
    let mut referring: BTreeSet<&str> =
        ["controls", "rules"].into_iter().filter(is_broken).chain(sections.iter().copied()).collect();
    // A check of an appliance names its controls itself, and one that is left out does not name the check.
    if shared.iter().any(|file| file.starts_with("baselines/")) {
        referring.insert("controls");
    }
    let runbooks = delta.known.runbooks.iter().cloned().collect();
    let mut left_outs = LeftOuts::new(LeftOut { names, runbooks, sections, everything, referring });
    let unusable = delta.baselines.iter().filter(|(_, baseline)| baseline.version.is_none()).map(|(name, _)| name);
    let unusable: Vec<&String> = unusable.collect();
    for (site, said) in &delta.sites {
        let excluded = own.iter().filter(|file| site_of(file) == Some(site));
        let excluded = excluded.flat_map(|file| declared(file, sources));
        let lacks =
            sources.get(&said.file).is_some_and(|source| unusable.iter().any(|name| has_word(&source.text, name)));
        let sections = if lacks { &OF_BASELINES[..] } else { &[] };
        left_outs.add(site, of_site(said, sources).into_iter().chain(excluded), sections);
    }
    left_outs
}

/// Whether a name stands in a text, not as a part of a longer one.
fn has_word(text: &str, name: &str) -> bool {
    let divides = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '\''));
    text.split(divides).any(|word| word == name)
}

/// Whether a file lists others.
pub fn is_list(file: &str) -> bool {
    file.ends_with("/default.nix") || file.ends_with("/library.nix")
}

/// The sections of which a file is listed that is not there, or an entry that is none.
fn missing(finding: &NixFinding) -> &'static [&'static str] {
    let file = finding.at.as_ref().map(|at| at.file.as_str()).filter(|file| is_list(file));
    let first = finding.path.first().map(String::as_str);
    match (file, first) {
        _ if finding.severity != Level::Error => &[],
        (Some(file), Some("files")) if file.starts_with("baselines/") => &OF_BASELINES,
        (Some(file), Some("families")) if file.starts_with("rules/") => &["rules"],
        (Some(file), Some("runbooks")) if file.starts_with("rules/") => &["runbooks"],
        _ => &[],
    }
}

/// The names that a file may declare.
fn declared(file: &str, sources: &Sources) -> Vec<String> {
    sources.get(file).map(|source| locate::names(&source).collect()).unwrap_or_default()
}

/// The names that are no mistakes at one site.
fn of_site(said: &Site, sources: &Sources) -> Vec<String> {
    let broken = said.broken.values().chain(said.appliances.values().flat_map(|appliance| appliance.broken.values()));
    let mut names: Vec<String> = broken.flatten().cloned().collect();
    let appliances = said.appliances.values().flat_map(|appliance| unread(&appliance.findings));
    for file in unread(&said.findings).chain(appliances) {
        names.extend(declared(file, sources));
    }
    names
}

/// The files in which the name of a section is misspelt: nothing in that section is read.
fn unread(findings: &[NixFinding]) -> impl Iterator<Item = &str> {
    let misspelt = findings.iter().filter(|finding| finding.code == "unknown-field" && finding.path.len() == 1);
    misspelt.filter_map(|finding| Some(finding.at.as_ref()?.file.as_str()))
}
