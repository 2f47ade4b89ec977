//! `writ learn`: what plans did again and again, and the rules that become of it.

mod candidates;
mod fit;
mod flake;
mod promote;
mod reject;
pub(crate) mod rejected;
mod rule_file;
mod show;
mod source;
mod status;
mod text;
mod trial;
mod withdraw;

use serde::Serialize;
use writ_audit::learn::{Library, Pattern};

use crate::failure::Outcome;

/// See what plans did again and again, and make rules of it
///
/// When no rule helps, a planner may choose among signed runbooks (L2). A pattern is a check that fails in a certain way and a
/// runbook that was chosen for it; evidence tells how often, and how well that went. One that was seen 5 times and helped in 90 %
/// of them is a candidate: `promote` writes the rule for a pull request, and merging that is the approval.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
A weekly review:
  writ learn status --audit audit --trust root-you-were-given.json
  writ learn candidates --audit audit
  writ learn show 3f9c02a1b7de --audit audit
  writ learn promote 3f9c02a1b7de --audit audit --flake .
  writ learn reject 77aa01c3d4e5 --audit audit --by \"Sam Okafor\" --reason \"It hides a failing disk\"
  writ check && writ diff --from main

The figures are those of the tree's baselines (learning.… of baselines/hipaa/figures.nix); 5, 90 % and 85 % without a tree.
More: https://github.com/writ-project/writ/blob/main/docs/learning.md")]
pub enum Command {
    Status(status::Arguments),
    Candidates(candidates::Arguments),
    Show(show::Arguments),
    Promote(promote::Arguments),
    Reject(reject::Arguments),
    Withdraw(withdraw::Arguments),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self {
            Self::Status(arguments) => arguments.run(),
            Self::Candidates(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
            Self::Promote(arguments) => arguments.run(),
            Self::Reject(arguments) => arguments.run(),
            Self::Withdraw(arguments) => arguments.run(),
        }
    }
}

/// What is printed as JSON of patterns: `writ.learning.v1`.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    schema: &'static str,
    #[serde(flatten)]
    library: &'a Library,
}

impl<'a> Printed<'a> {
    fn of(library: &'a Library) -> Self {
        Self { schema: "writ.learning.v1", library }
    }
}

/// What is printed as JSON of a decision: `writ.learned.v1`.
#[derive(Debug, Serialize)]
struct Decided<'a> {
    schema: &'static str,
    /// `promoted`, `rejected` or `withdrawn`.
    decision: &'static str,
    /// The id of the pattern.
    pattern: &'a str,
    /// The rule that was made, or withdrawn.
    rule: Option<String>,
    /// The files that were written, from the root of the tree.
    written: Vec<String>,
    /// The files that were removed.
    removed: Vec<String>,
    /// The sites whose policy has the rule.
    sites: Vec<String>,
}

impl<'a> Decided<'a> {
    fn new(decision: &'static str, pattern: &'a str) -> Self {
        let (written, removed, sites) = (Vec::new(), Vec::new(), Vec::new());
        Self { schema: "writ.learned.v1", decision, pattern, rule: None, written, removed, sites }
    }
}

/// A library with some of its patterns.
fn only(library: &Library, keep: impl Fn(&Pattern) -> bool) -> Library {
    let patterns = library.patterns.iter().filter(|pattern| keep(pattern)).cloned().collect();
    Library { patterns, ..library.clone() }
}
