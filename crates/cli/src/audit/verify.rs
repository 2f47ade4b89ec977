//! `writ audit verify`: every signature, chain, number and digest, and the log that holds all of it.

use writ_audit::report::terminal;
use writ_trust::ids::SiteId;

use super::Source;
use crate::failure::{Answer, Outcome};
use crate::screen;

/// Verify everything in an audit folder, offline
///
/// From the trust root on: every root, release, document and bundle; that chains have no hole, number or date out of
/// order; that runbooks which ran are the signed ones; that every incident was closed at most once. Names the first bad
/// thing with its place, and what follows from it.
///
/// Where the trust root names a log for the site, also: that its entries come to the root that its key signed; that every
/// bundle and release that it holds is here, and every one here is in it; and that all that anybody saw of it (receipts,
/// older checkpoints, the last checkpoint in each bundle) is a beginning of it. Where it names none, that is said
/// and never counted as `verified`, and so with `--without-entries` (for a folder gathered from appliances' inboxes) where the
/// log's entries are not here: without them nobody can see whether the newest bundles were withheld.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit verify audit --trust root-you-were-given.json
  writ audit verify audit --trust-digest sha256:3243b6d9ad49c909dd890dada5522c72d62acafafe20589f5ab2b274d87164cf
  writ audit verify audit --json | jq .problems.list

Exit codes: 0 Verified OK; 1 something is wrong; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Only this site
    #[arg(long)]
    site: Option<SiteId>,
    /// Print the result as JSON: verification-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let report = self.source.open(self.site)?.walk(&mut |_| {});
        if self.json {
            screen::json(&report);
        } else {
            screen::line(terminal::verification(&report, super::look()).trim_end());
        }
        Ok(if report.ok { Answer::Yes } else { Answer::No })
    }
}
