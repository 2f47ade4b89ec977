//! `writ report annual`: the summary of a year.

use writ_audit::report::packet::Kind;
use writ_audit::report::packet::span::Span;

use super::make::packets;
use super::options::Options;
use crate::failure::{Failure, Outcome};

/// The summary of a year
///
/// What the quarterly review holds, month by month over the year, and samples of the evidence of each quarter.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ report annual audit --trust root-you-were-given.json --year 2026 --pdf --out clinic-001-2026

Exit codes: 0 made, the folder verified, and every appliance in it was judged; 1 made, but not all of that holds, or
refused; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    /// The year, in UTC
    #[arg(long, value_name = "YYYY")]
    year: String,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let span = Span::year(&self.year).map_err(|e| Failure::could_not(e).at("--year"))?;
        packets(&self.options, Kind::Annual, &span)
    }
}
