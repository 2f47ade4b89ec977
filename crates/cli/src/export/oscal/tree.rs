//! A tree of policy, as documents about it read it.

use std::path::PathBuf;

use writ_audit::report::oscal::catalog::Baseline;
use writ_trust::time::Time;

use super::super::baselines::choose;
use crate::clock;
use crate::failure::Outcome;
use crate::library::Library;

/// What to do where two baselines have one control.
pub const NEXT: &str = "where two baselines have one control, choose one of them with --baseline";

/// Which baselines, as of when, and where to.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The baselines to write down [default: all of the tree]
    #[arg(long, value_name = "NAME")]
    baseline: Vec<String>,
    /// When the document is made, instead of now, so that it can be made again byte for byte
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Write the file into this folder, under the name that other documents find it by, instead of to standard output
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl Options {
    /// When the document is made.
    pub fn now(&self) -> Time {
        self.now.unwrap_or_else(clock::now_in_seconds)
    }

    /// The baselines of a library.
    pub fn baselines<'a>(&self, library: &'a Library) -> Outcome<Vec<Baseline<'a>>> {
        let chosen = choose(&library.catalogue.baselines, &self.baseline)?;
        let view = |(name, baseline): (&'a String, &'a crate::library::catalogue::Baseline)| Baseline {
            name,
            title: &baseline.title,
            version: &baseline.version,
            controls: baseline.controls.iter().map(|(id, control)| (id.as_str(), control)).collect(),
            checks: baseline.checks.iter().map(|(id, declared)| (id.as_str(), &declared.check)).collect(),
            duties: baseline.duties.iter().map(|(id, duty)| (id.as_str(), duty)).collect(),
        };
        Ok(chosen.into_iter().map(view).collect())
    }
}
