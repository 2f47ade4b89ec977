//! `writ report monthly`: the packet of a month.

use writ_audit::report::packet::Kind;
use writ_audit::report::packet::span::Span;

use super::make::packets;
use super::options::Options;
use crate::failure::{Failure, Outcome};

/// The compliance packet of a month
///
/// Summary, posture and coverage week by week, every control, incidents with charts and stories, what needed people, changes,
/// exceptions and risks, evidence statistics, recommendations, and how to verify all of it. Of one site, or of each site in the
/// folder with a page over all of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ report monthly audit --trust root-you-were-given.json --month 2026-10 --pdf --out clinic-001-2026-10
  writ report monthly audit --trust root-you-were-given.json --month 2026-10 --site clinic-001 --json
  writ report monthly audit --trust root-you-were-given.json --month 2026-10 --sign ../keys/alice.key --out packet

Exit codes: 0 made, the folder verified, and every appliance in it was judged; 1 made, but not all of that holds, or
refused; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    /// The month, in UTC
    #[arg(long, value_name = "YYYY-MM")]
    month: String,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let span = Span::month(&self.month).map_err(|e| Failure::could_not(e).at("--month"))?;
        packets(&self.options, Kind::Monthly, &span)
    }
}
