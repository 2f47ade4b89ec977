//! `writ check` for other commands: the mistakes of one site of a tree, and the names that a tree knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::evaluate::Sharing;
use super::examine::{Asked, examine};
use super::output;
use super::process;
use super::render::{Hidden, render};
use super::source::Sources;
use super::tree::Tree;
use crate::failure::{Failure, Outcome};

/// The longest time that listing the names of a tree may take.
const TIME: Duration = Duration::from_secs(60);
/// The most bytes that such a list may have.
const LIMIT: u64 = 16 << 20;

/// What `writ check` says of one site.
pub struct Checked {
    sources: Sources,
    result: output::Result,
}

impl Checked {
    /// Checks one site of a tree, as of now.
    pub fn site(root: &Path, site: &str) -> Outcome<Self> {
        let started = Instant::now();
        let tree = Tree::find(root)?;
        let sources = Sources::new(tree.root.clone());
        // A tree on trial is looked at once.
        let asked = Asked {
            tree: &tree,
            sources: &sources,
            site: Some(site),
            now: crate::clock::now(),
            soon: false,
            cache: false,
            sharing: Sharing::default(),
        };
        let mut result = examine(&asked)?;
        result.took = started.elapsed();
        Ok(Self { sources, result })
    }

    /// Whether there is neither an error nor a warning.
    pub fn is_clean(&self) -> bool {
        self.result.mistakes.is_empty()
    }

    /// The mistakes as `writ check` prints them.
    pub fn mistakes(&self) -> Vec<String> {
        let appliances = self.result.sites.iter().map(|site| site.appliances.len()).sum();
        let hidden = Hidden::of(&self.result.mistakes, &self.sources);
        self.result.mistakes.iter().map(|mistake| render(mistake, &hidden, &self.sources, appliances)).collect()
    }

    /// The mistakes in a line each, without their places, as `writ check` words them.
    pub fn sentences(&self) -> Vec<String> {
        let sentence = |mistake: &super::mistake::Mistake| {
            let mut sentence = mistake.message.clone();
            if let Some(expected) = &mistake.expected {
                sentence.push_str(&format!("; expected {expected}"));
            }
            if let Some(near) = &mistake.nearest {
                sentence.push_str(&format!("; did you mean `{near}`?"));
            }
            sentence
        };
        self.result.mistakes.iter().map(sentence).collect()
    }

    /// The programs that the site's appliances lack, where that is all that is wrong.
    pub fn lacks_programs(&self) -> Option<Vec<String>> {
        let program = |mistake: &super::mistake::Mistake| {
            let of_program = mistake.code == "unknown-program" && mistake.nearest.is_none();
            of_program.then(|| mistake.message.split('`').nth(1).map(str::to_owned))?
        };
        let names: Option<BTreeSet<String>> = self.result.mistakes.iter().map(program).collect();
        Some(names.filter(|names| !names.is_empty())?.into_iter().collect())
    }

    /// How many checks the site's appliances have, and how many of them this version cannot look at.
    pub fn checks(&self) -> (usize, usize) {
        (self.result.checks, self.result.unobserved)
    }
}

/// What a site can name.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Known {
    /// Baselines with their versions; none for one that cannot be used.
    pub baselines: BTreeMap<String, Option<String>>,
    /// Rule families, sorted.
    pub families: Vec<String>,
    /// By family, the baselines that have a check which one of its rules answers.
    #[serde(default)]
    pub answers: BTreeMap<String, Vec<String>>,
}

/// The names that the baselines and rules of a tree declare, without looking at any site.
pub fn known(root: &Path) -> Outcome<Known> {
    #[derive(Deserialize)]
    struct Report {
        known: Known,
    }
    let tree = Tree::find(root)?;
    let failed = || {
        Failure::could_not("the baselines and rules of this tree cannot be read")
            .at(root.display())
            .next("writ check: it shows every mistake with its place")
    };
    let ran = process::run(tree.evaluation("report", &[("sites", "[]")]), TIME, LIMIT);
    let output = ran.map_err(|e| failed().caused_by(&e))?;
    if !output.status.success() {
        return Err(failed());
    }
    serde_json::from_slice(&output.stdout).map(|report: Report| report.known).map_err(|e| failed().caused_by(&e))
}
