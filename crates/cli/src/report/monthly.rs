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
  writ report monthly audit --trust root-you-were-given.json --last --site clinic-001 --pdf --into packets   (by a timer)
  writ report monthly audit --trust root-you-were-given.json --month 2026-10 --sign ../keys/alice.key --out packet

Exit codes: 0 made, the folder verified, and every appliance in it was judged; 1 made, but not all of that holds, or
refused; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    /// The month, in UTC
    #[arg(long, value_name = "YYYY-MM", required_unless_present = "last")]
    month: Option<String>,
    /// The last whole month, in UTC: that before the one which it is now
    #[arg(long, conflicts_with = "month")]
    last: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (span, at) = match &self.month {
            Some(text) => (Span::month(text), "--month"),
            None => (Span::last_month(self.options.now()), "--last"),
        };
        packets(&self.options, Kind::Monthly, &span.map_err(|e| Failure::could_not(e).at(at))?)
    }
}
