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
    #[arg(long, value_name = "YYYY", required_unless_present = "last")]
    year: Option<String>,
    /// The last whole year, in UTC: that before the one which it is now
    #[arg(long, conflicts_with = "year")]
    last: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (span, at) = match &self.year {
            Some(text) => (Span::year(text), "--year"),
            None => (Span::last_year(self.options.now()), "--last"),
        };
        packets(&self.options, Kind::Annual, &span.map_err(|e| Failure::could_not(e).at(at))?)
    }
}
