//! `writ export sarif`: what an audit found, at the lines of Nix that asked for it.

use std::path::PathBuf;

use writ_audit::report::{json, sarif};

use super::audited::{self, Compared};
use crate::audit::unprintable;
use crate::failure::Outcome;

/// Write what an audit found as SARIF 2.1.0, at the lines of Nix that asked for it
///
/// For code scanning services: a result for every check of every appliance that failed, was not shown, or was shown in part, and
/// for every such control that no check speaks for. What an exception lifts is there and suppressed, with the reason. Where the
/// folder does not verify, the run is one that did not succeed, and says why.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export sarif audit --trust root-you-were-given.json > audit.sarif
  writ export sarif audit --site clinic-001 --period 30d --prefix clinics/ --out reports

`writ check` writes the same form for mistakes in the policy itself.

Exit codes: 0 written; 1 written, and the folder does not verify; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    compared: Compared,
    /// The way from the root of the repository to the tree of policy, where that is a folder of it
    #[arg(long, value_name = "DIR", default_value = "")]
    prefix: String,
    /// Write the file audit.sarif into this folder, instead of to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (_, comparison, _) = self.compared.compare()?;
        let prefix = self.prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let text = json::render(&sarif::findings(&comparison, &prefix)).map_err(|e| unprintable(&e))?;
        super::write(self.out.as_deref(), "audit.sarif", &text, "the results")?;
        Ok(audited::answer(&comparison.verification))
    }
}
