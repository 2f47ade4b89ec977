//! `writ export junit`: an audit as a report of tests.

use std::path::PathBuf;

use writ_audit::report::junit;

use super::audited::{self, Compared};
use crate::failure::Outcome;

/// Write an audit as JUnit's XML: every control and every check a test
///
/// What is wholly demonstrated passes. What failed is a failure; what is without evidence or not assessable is an error; what
/// is shown in part, excepted, done by people, provided by others or not applicable is skipped, with the reason. That the folder
/// verifies is a test of its own: where it does not, the report is written all the same, and no other test passes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export junit audit --trust root-you-were-given.json > junit.xml
  writ export junit audit --site clinic-001 --period 30d --out reports

`writ audit compare` is what a pipeline stops at: its exit code tells of the verdicts.

Exit codes: 0 written; 1 written, and the folder does not verify; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    compared: Compared,
    /// Write the file junit.xml into this folder, instead of to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (_, comparison, _) = self.compared.compare()?;
        super::write(self.out.as_deref(), "junit.xml", &junit::render(&comparison), "the report")?;
        Ok(audited::answer(&comparison.verification))
    }
}
