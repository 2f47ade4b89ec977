//! `writ export oscal poam`.

use std::path::PathBuf;

use writ_audit::report::oscal::poam::plan_of_action;
use writ_audit::report::oscal::references::Ids;

use super::super::audited::{self, Compared, Unverified};
use crate::failure::Outcome;
use crate::screen;

/// Write what is open as an OSCAL plan of action and milestones
///
/// An item for each incident that nobody resolved, due when the site's own time for it ends, and for each exception, until it
/// ends; each with its risk, who answers for it, and the evidence. An exception that ended is there for as long as what it lifted
/// is not shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export oscal poam audit --trust root-you-were-given.json --period 30d > poam.json
  writ export oscal poam audit --site clinic-001 --out oscal

Where nothing is open, nothing is written and standard error says so: OSCAL has no plan without an item.
A folder that does not verify is refused; with --even-if-unverified the document is written, says so, and the exit code is 1.

Exit codes: 0 written, or nothing is open; 1 the folder does not verify; 2 no such site, or could not run.")]
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
        let Some(plan) = plan_of_action(&comparison, &archive.digests_of_links(&comparison), now) else {
            screen::aside("nothing is open: no incident that nobody resolved, and no exception; nothing was written");
            return Ok(audited::answer(&comparison.verification));
        };
        let ids = Ids::of_controls(comparison.controls.iter().map(|control| control.control.as_str()));
        super::write(
            &super::document(plan)?,
            &ids,
            self.out.as_deref(),
            "tell whoever makes Writ: this is no fault of yours",
        )?;
        Ok(audited::answer(&comparison.verification))
    }
}
