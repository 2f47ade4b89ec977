//! `writ log`: what the holders of the trust keys decide about a site's log, and what others vouch for of it.

mod authority;
mod publish;
mod restart;
mod round;
mod sign;
mod timestamp;
mod witness;

use std::path::Path;

use writ_trust::digest::hex;
use writ_trust::log::restart::LogRestart;
use writ_trust::text::escaped;

use crate::failure::{Failure, Outcome};

/// Have a site's log timestamped and witnessed, and begin it anew after it was lost
///
/// The log's own word says when something was logged, which is worth as much as its key. `timestamp` has somebody else say it,
/// and `witness` is that somebody.
///
/// A log cannot be repaired: whoever had seen more of it than a backup holds would take the restored one for a forgery.
/// So a new log under a new name takes over, and the trust keys sign what was known of the lost one.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Every day, anywhere but on the depot:
  writ log timestamp --depot https://depot.example.org --site clinic-001 --read-key ../keys/watch.key \\
      --trust first-root.json --state /var/lib/writ-timestamp --tsa http://timestamp.example.com

After a depot was restored from an old copy:
  writ trust next --from releases/trust --log-origin clinic-001=log.example.org/clinic-001/2
  writ trust sign releases/trust/2.json --key ../keys/alice.key
  writ log restart --site clinic-001 --trust releases/trust --checkpoint audit/log/clinic-001/1/checkpoint \\
      --origin log.example.org/clinic-001/2 --reason 'the disk failed; restored from 2026-11-20' --out restart.json
  writ log sign restart.json --trust releases/trust --key ../keys/alice.key
  writ log publish restart.json --trust releases/trust --depot https://depot.example.org")]
pub enum Command {
    Restart(restart::Arguments),
    Sign(sign::Arguments),
    Publish(publish::Arguments),
    Timestamp(timestamp::Arguments),
    Witness(witness::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::Restart(arguments) => arguments.run(),
            Self::Sign(arguments) => arguments.run(),
            Self::Publish(arguments) => arguments.run(),
            Self::Timestamp(arguments) => arguments.run(),
            Self::Witness(arguments) => arguments.run(),
        }
    }
}

/// A restart in words, one line per fact.
fn describe(restart: &LogRestart) -> Vec<String> {
    let known = restart.last_known();
    vec![
        format!("site {}", restart.site),
        format!("lost   {} ({} entries known, root {})", escaped(&known.origin), known.size, hex(&known.root[..8])),
        format!("new    {}", escaped(&restart.origin)),
        format!("made   {}", restart.issued_at),
        format!("reason {}", escaped(&restart.reason)),
    ]
}

fn not_a_restart(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::refused("this is not a usable log restart")
        .at(path.display())
        .because(why)
        .next("make one with `writ log restart`")
}
