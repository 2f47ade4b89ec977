//! `writ report audit-set`: what an auditor is handed before an audit.

use writ_audit::report::packet::span::Span;

use super::make::preparations;
use super::options::Options;
use crate::failure::{Failure, Outcome};

/// The audit preparation set: a folder with an index
///
/// A summary as that of a year, over any period; samples of the evidence, with their signatures and the keys to check them by; exceptions
/// and risks; access matrix and encryption inventory out of the signed policies; key register, asset inventory, contact list and
/// runbook library.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ report audit-set audit --trust root-you-were-given.json --period 2026 --pdf --out audit-set
  writ report audit-set audit --trust root-you-were-given.json --period 2025-11..2026-10 --out audit-set
Check a sample without Writ:
  minisign -Vm samples/FINGERPRINT/5-EB-20261123-0005.json -p keys/FINGERPRINT.pub

Exit codes: 0 made, the folder verified, and every appliance in it was judged; 1 made, but not all of that holds, or
refused; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    /// The time to judge: 2026, 2026-Q4, 2026-10, 2025-11..2026-10 (UTC)
    #[arg(long)]
    period: String,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let span = Span::any(&self.period, self.options.now()).map_err(|e| Failure::could_not(e).at("--period"))?;
        preparations(&self.options, &span)
    }
}
