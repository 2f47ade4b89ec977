//! `writ report quarterly`: the review of a quarter.

use writ_audit::report::packet::Kind;
use writ_audit::report::packet::span::Span;

use super::make::packets;
use super::options::Options;
use crate::failure::{Failure, Outcome};

/// The review of a quarter
///
/// What the monthly packet holds, week by week over the quarter, and how the time that the site allows itself was kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ report quarterly audit --trust root-you-were-given.json --quarter 2026-Q4 --pdf --out clinic-001-2026-Q4
  writ report quarterly audit --trust root-you-were-given.json --last --site clinic-001 --pdf --into packets   (by a timer)
  writ report quarterly audit --trust root-you-were-given.json --quarter 2026-Q4 --json | jq '.[0].figures'

Exit codes: 0 made, the folder verified, and every appliance in it was judged; 1 made, but not all of that holds, or
refused; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    /// The quarter, in UTC
    #[arg(long, value_name = "YYYY-QN", required_unless_present = "last")]
    quarter: Option<String>,
    /// The last whole quarter, in UTC: that before the one which it is now
    #[arg(long, conflicts_with = "quarter")]
    last: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (span, at) = match &self.quarter {
            Some(text) => (Span::quarter(text), "--quarter"),
            None => (Span::last_quarter(self.options.now()), "--last"),
        };
        packets(&self.options, Kind::Quarterly, &span.map_err(|e| Failure::could_not(e).at(at))?)
    }
}
