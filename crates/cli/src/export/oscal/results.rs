//! `writ export oscal assessment-results`.

use std::path::PathBuf;

use writ_audit::report::oscal::references::Ids;
use writ_audit::report::oscal::results::results;

use super::super::audited::{self, Compared, Unverified};
use crate::failure::Outcome;

/// Write what a site's evidence of a period comes to as OSCAL assessment results
///
/// An observation for each check of each appliance, with its bundles and their digests; a finding for each control; a risk for each
/// exception. `satisfied` is said of what is wholly demonstrated and of nothing else: what is shown in part, excepted, done by
/// people, provided by others, not applicable, not assessable or without evidence is `not-satisfied` for the reason `other`, with
/// Writ's own verdict beside it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export oscal assessment-results audit --trust root-you-were-given.json --period 2026-11 > assessment-results.json
  writ export oscal assessment-results audit --site clinic-001 --period 90d --out oscal

A folder that does not verify is refused; with --even-if-unverified the document is written, says so, calls nothing satisfied, and
the exit code is 1. The verdicts have no say in the exit code: `writ audit compare` has one for them.

Exit codes: 0 written; 1 the folder does not verify; 2 no such site, or could not run.")]
pub struct Arguments {
    #[command(flatten)]
    compared: Compared,
    #[command(flatten)]
    unverified: Unverified,
    /// Write the file into this folder, under the name that other documents find it by, instead of to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (archive, comparison, now) = self.compared.compare()?;
        self.unverified.allow(&comparison.verification)?;
        let document = super::document(results(&comparison, &archive.digests_of_links(&comparison), now))?;
        let ids = Ids::of_controls(comparison.controls.iter().map(|control| control.control.as_str()));
        super::write(&document, &ids, self.out.as_deref(), "tell whoever makes Writ: this is no fault of yours")?;
        Ok(audited::answer(&comparison.verification))
    }
}
