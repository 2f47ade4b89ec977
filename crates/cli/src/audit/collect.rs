//! `writ audit collect`: gathering an audit folder.

use std::path::PathBuf;

use writ_audit::collect::collect;

use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Gather an audit folder from a releases folder and appliances' outboxes
///
/// Copies trust roots, releases, documents, evidence, receipts and logs; may be run again and again, and copies only what is
/// new. Nothing that is there is ever overwritten by something else; of a log that grew, the older checkpoint is kept beside
/// the newest. Whether it all holds is for `writ audit verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit collect --releases releases --outbox /var/lib/writ/spool/outbox --to audit
  writ audit collect --outbox usb/front-desk --outbox usb/back-office --to audit

Exit codes: 0 gathered; 1 something was left out, and said; 2 could not run.")]
pub struct Arguments {
    /// The folder that `writ release publish` wrote to, or an appliance's inbox
    #[arg(long, value_name = "DIR", required_unless_present = "outbox")]
    releases: Option<PathBuf>,
    /// An appliance's outbox; may be given several times
    #[arg(long, value_name = "DIR")]
    outbox: Vec<PathBuf>,
    /// The audit folder; made if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let done = collect(self.releases.as_deref(), &self.outbox, &self.to)
            .map_err(|e| Failure::could_not("cannot gather the audit folder").caused_by(&e))?;
        if self.json {
            screen::json(&done);
        } else {
            for refused in &done.refused {
                screen::warning(&format!("left out {}: {}", refused.path.display(), refused.why));
            }
            let waiting = match done.waiting {
                0 => String::new(),
                n => format!(", {n} bundles wait for their signatures"),
            };
            screen::line(&format!("{} files copied, {} were there already{waiting}", done.copied, done.present));
        }
        Ok(if done.refused.is_empty() { Answer::Yes } else { Answer::No })
    }
}
