//! `writ check`: all mistakes of a tree of policy in one run, printed as a compiler does.
//!
//! Nix evaluates the tree and its constructors find mistakes of shape; validation finds what only the schemas of probes,
//! the references between files and the calendar tell. Both are merged, each mistake once, with its place in the source.

pub(crate) mod evaluate;
mod found;
mod keys;
mod locate;
mod mistake;
pub(crate) mod nix_error;
mod output;
pub(crate) mod process;
mod render;
mod report;
mod sound;
mod source;
mod told;
pub(crate) mod tree;
mod untracked;

pub(crate) use self::sound::sound;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use writ_policy::validate::LeftOut;
use writ_trust::time::Time;

use self::evaluate::Evaluated;
use self::output::{Appliance, Site};
use self::report::Report;
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
`--format json` prints {schema, findings: [{code, severity, message, expected, nearest, help, path,
at: {file, line, column, length}, related, appliances}], sites, summary}; fields may be added.

Exit codes: 0 nothing wrong (warnings are allowed unless denied); 1 findings; 2 could not run.")]
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
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let started = Instant::now();
        let tree = Tree::find(&self.path)?;
        known_site(&tree, self.site.as_deref())?;
        let sources = Sources::new(tree.root.clone());
        let mut result = examine(&tree, &sources, self.site.as_deref(), self.now.unwrap_or_else(crate::clock::now))?;
        result.took = started.elapsed();
        match self.format {
            Format::Human => result.print(&sources),
            Format::Json => result.print_json(),
        }
        let (errors, warnings) = result.counts();
        let wrong = errors > 0 || (self.deny_warnings && warnings > 0);
        Ok(if wrong { Answer::No } else { Answer::Yes })
    }
}

fn known_site(tree: &Tree, site: Option<&str>) -> Outcome<()> {
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

/// Evaluates and judges a tree.
fn examine(tree: &Tree, sources: &Sources, site: Option<&str>, now: Time) -> Outcome<output::Result> {
    let misfit = |e: &serde_json::Error| {
        Failure::could_not("what modules/policy evaluates to is not what this version of writ reads").caused_by(e)
    };
    let evaluated = evaluate::evaluate(tree, site)?;
    let reports: Vec<Report<'_>> = evaluated
        .reports
        .iter()
        .map(|bytes| serde_json::from_slice(bytes))
        .collect::<Result<_, _>>()
        .map_err(|e| misfit(&e))?;

    let mut told: Vec<_> = evaluated.errors.iter().map(|error| told::error(error, sources)).collect();
    told.extend(reports.iter().flat_map(|report| told::findings(report, sources)));
    told.extend(untracked::mistake(&tree.root));
    told.extend(keys::mistakes(&reports, sources));
    let left_out = left_out(&evaluated, &reports, sources);
    let registry = writ_agent::probes::registry();
    let judge = found::Judge { registry: &registry, now, left_out: &left_out };
    let found = found::findings(&reports, &judge, sources).map_err(|e| misfit(&e))?;
    Ok(output::Result {
        mistakes: mistake::merge(told, found.mistakes),
        sites: reports.iter().flat_map(sites).collect(),
        checks: found.checks.len(),
        unobserved: found.unobserved.len(),
        took: Default::default(),
    })
}

fn sites<'a>(report: &'a Report<'_>) -> impl Iterator<Item = Site> + use<'a> {
    report.sites.iter().map(|(name, said)| Site {
        site: name.clone(),
        title: said.title.clone(),
        appliances: said
            .appliances
            .iter()
            .map(|(name, said)| Appliance { appliance: name.clone(), composed: said.policy.is_some() })
            .collect(),
    })
}

/// The names that are no mistakes: items that could not be used, and whatever a file that did not evaluate declares.
fn left_out(evaluated: &Evaluated, reports: &[Report<'_>], sources: &Sources) -> LeftOut {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for report in reports {
        let broken = report.broken.values().chain(report.sites.values().flat_map(|site| {
            site.broken.values().chain(site.appliances.values().flat_map(|appliance| appliance.broken.values()))
        }));
        names.extend(broken.flatten().cloned());
    }
    for file in &evaluated.excluded {
        if let Some(source) = sources.get(file) {
            names.extend(locate::names(&source));
        }
    }
    // A list of files takes everything below it along.
    let everything = evaluated.excluded.iter().any(|file| file.ends_with("/default.nix"));
    LeftOut { names, everything }
}
