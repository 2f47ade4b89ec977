//! `writ check`: all mistakes of a tree of policy in one run, printed as a compiler does.
//!
//! Nix evaluates the tree and its constructors find mistakes of shape; validation finds what only the schemas of probes,
//! the references between files and the calendar tell. Both are merged, each mistake once, with its place in the source.

mod approvals;
pub(crate) mod cache;
pub mod checked;
mod clear;
pub mod evaluate;
mod examine;
mod families;
mod found;
pub mod git;
mod github;
pub(crate) mod hint;
mod judge;
mod keys;
mod left_outs;
pub mod locate;
mod mistake;
pub mod nix_error;
mod output;
pub mod process;
mod render;
mod sarif;
mod secret_files;
mod secret_keys;
mod sound;
pub mod source;
mod told;
pub mod tree;
mod unevaluated;
mod untracked;

pub(crate) use self::approvals::differing;
pub(crate) use self::sound::{Unsound, Whole};

use std::path::{Path, PathBuf};
use std::time::Instant;

use writ_trust::time::Time;

use self::evaluate::Sharing;
use self::examine::{Asked, examine};
use self::source::Sources;
use self::tree::Tree;
use crate::failure::{Answer, Failure, Outcome};

/// Check policy: every mistake of every site in one run, with its place and what would be right
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  $ writ check
  error[unknown-operator]: there is no operator \"equals\"
    --> baselines/hipaa/technical.nix:71:17
     |
  71 |     expect.mode.equals = \"0640\";
     |                 ^^^^^^ expected one of \"eq\", \"ne\", \"lt\", \"le\", …
     |
     = help: did you mean `eq`?

  1 site, 2 appliances, 18 checks: 1 error in 0.12 s

It reads the working tree, so uncommitted edits count. It needs Nix (nix-instantiate) and no network.
A kind of mistake keeps its code: `writ explain unknown-operator` explains it. All of them, with examples:
https://github.com/writ-project/writ/blob/main/docs/mistakes.md

What came of a site is kept in ~/.cache/writ/check, or below XDG_CACHE_HOME, and taken from there while nothing that
it depends on has changed.

`--format json` prints {schema, findings: [{code, severity, message, expected, nearest, help, path,
at: {file, line, column, length}, related, appliances}], sites, summary}; fields may be added.
`--format sarif` is for code scanning services, `--format github` for annotations of GitHub Actions:
  $ writ check --format sarif > writ.sarif

Exit codes: 0 nothing wrong (warnings are allowed unless denied); 1 findings; 2 could not run: standard error says why,
and so does a finding `not-evaluated` of the formats for programs.")]
pub struct Arguments {
    /// The folder with baselines/, rules/, hosts/ and modules/, or one below it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only this site
    #[arg(long)]
    site: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Judge exceptions as of this instant, such as 2026-09-01T00:00:00Z, instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Warn of exceptions that end within 30 days
    #[arg(long)]
    soon: bool,
    /// Look at every site, also at those that have not changed since an earlier run
    #[arg(long)]
    no_cache: bool,
    /// Warnings count as findings
    #[arg(long)]
    deny_warnings: bool,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Source lines with carets.
    Human,
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, which code scanning services read.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let answer = self.answer();
        if let Err(failure) = &answer
            && self.format != Format::Human
        {
            let failed = output::Result::of_failure(unevaluated::failed(failure));
            self.print(&failed, &Sources::new(self.path.clone()), &self.path, "");
        }
        answer
    }

    fn answer(&self) -> Outcome {
        let started = Instant::now();
        let tree = Tree::find(&self.path)?;
        known_site(&tree, self.site.as_deref())?;
        let sources = Sources::new(tree.root.clone());
        let now = self.now.unwrap_or_else(crate::clock::now);
        let asked = Asked {
            tree: &tree,
            sources: &sources,
            site: self.site.as_deref(),
            now,
            soon: self.soon,
            cache: !self.no_cache,
            sharing: Sharing::default(),
        };
        let mut result = examine(&asked)?;
        result.took = started.elapsed();
        self.print(&result, &sources, &tree.root, &tree.prefix());
        let (errors, warnings) = result.counts();
        let wrong = errors > 0 || (self.deny_warnings && warnings > 0);
        Ok(if wrong { Answer::No } else { Answer::Yes })
    }

    /// Prints a result of the tree `root`; `prefix` leads there from the repository's root.
    fn print(&self, result: &output::Result, sources: &Sources, root: &Path, prefix: &str) {
        match self.format {
            Format::Human => result.print(sources),
            Format::Json => result.print_json(),
            Format::Sarif => result.print_sarif(root, prefix),
            Format::Github => result.print_github(prefix),
        }
    }
}

/// A failure when a tree has no site of this name.
pub fn known_site(tree: &Tree, site: Option<&str>) -> Outcome<()> {
    let (Some(site), sites) = (site, tree.sites()) else { return Ok(()) };
    if sites.iter().any(|known| known == site) {
        return Ok(());
    }
    let failure = Failure::could_not(format!("there is no site `{site}`"))
        .because(format!("hosts/{site}/site.nix does not exist"));
    Err(match writ_policy::nearest::nearest(site, sites.iter().map(String::as_str)) {
        Some(near) => failure.next(format!("did you mean `{near}`?")),
        None => failure.next(format!("the sites here are: {}", sites.join(", "))),
    })
}
