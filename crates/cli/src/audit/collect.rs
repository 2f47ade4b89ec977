//! `writ audit collect`: gathering an audit folder.

use std::path::PathBuf;

use writ_audit::collect::collect;

use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Gather an audit folder from a releases folder, appliances' outboxes and what their logs said
///
/// Copies trust roots, releases, documents, evidence, receipts, the site's log and batches of logs; may be run again and again, and
/// copies only what is new. Of an appliance with a courier a batch of logs goes when the depot has it: `writ audit fetch` gets
/// those. Nothing that is there is ever overwritten by something else; of a log that grew, the older checkpoint is kept beside
/// the newest. Whether it all holds is for `writ audit verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit collect --releases releases --outbox /var/lib/writ/spool/outbox --to audit
  writ audit collect --outbox usb/front-desk --outbox usb/back-office --to audit
  writ audit collect --outbox /var/lib/writ/spool/outbox --logs /var/lib/writ/spool/logs --to audit

Exit codes: 0 gathered; 1 something was left out, and said; 2 could not run.")]
pub struct Arguments {
    /// The folder that `writ release publish` wrote to, or an appliance's inbox
    #[arg(long, value_name = "DIR", required_unless_present = "outbox")]
    releases: Option<PathBuf>,
    /// An appliance's outbox; may be given several times
    #[arg(long, value_name = "DIR")]
    outbox: Vec<PathBuf>,
    /// What logs said: the folder `logs` of an appliance's spool, for the bundles of its outbox; may be given several times
    #[arg(long, value_name = "DIR", requires = "outbox")]
    logs: Vec<PathBuf>,
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
        let done = collect(self.releases.as_deref(), &self.outbox, &self.logs, &self.to)
            .map_err(|e| Failure::could_not("cannot gather the audit folder").caused_by(&e))?;
        if self.json {
            screen::json(&done);
        } else {
            for refused in &done.refused {
                screen::warning(&format!("left out {}: {}", refused.path.display(), refused.why));
            }
            if done.log_batches_missing > 0 {
                screen::warning(&format!(
                    "{} times bundles lead to a batch of logs that is not in the folders given by --logs: `writ audit verify` says which",
                    done.log_batches_missing
                ));
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
