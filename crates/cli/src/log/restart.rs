//! `writ log restart`: drafting the order by which a new log takes over from a lost one.

use std::path::PathBuf;

use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{CheckpointError, SignedCheckpoint, log_keys_ever};
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::restart::{LastKnown, LogRestart, RestartSchema};
use writ_trust::role::Role;

use super::describe;
use crate::clock;
use crate::failure::{Answer, Failure, Outcome};
use crate::files;
use crate::screen;
use crate::trust::folder;

/// Draft the order by which a new log takes over from a lost one
///
/// The newest trust root must list the new log right after the lost one (`writ trust next --log-origin`). The checkpoint is
/// the largest that anybody still has of the lost log: look in audit folders, in the state of `writ watch`, in the
/// `last_checkpoint` of the newest evidence. What was logged after it is said to be lost by every audit from then on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ log restart --site clinic-001 --trust releases/trust --checkpoint audit/log/clinic-001/1/checkpoint \\
      --origin log.example.org/clinic-001/2 --reason 'the disk failed; restored from 2026-11-20' --out restart.json
  writ log sign restart.json --trust releases/trust --key ../keys/alice.key")]
pub struct Arguments {
    /// The site whose log was lost
    #[arg(long)]
    site: SiteId,
    /// The folder of trust roots
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
    /// The last known checkpoint of the lost log: a signed note
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The name of the new log, as the trust root lists it
    #[arg(long, value_name = "ORIGIN")]
    origin: String,
    /// Why, for people: it stays readable for ever
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// The longest reason, in bytes.
const MAX_REASON: usize = 500;

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        if self.reason.trim().is_empty() || self.reason.len() > MAX_REASON || self.reason.chars().any(char::is_control)
        {
            return Err(Failure::refused("people will ask why this log was begun anew")
                .at("--reason")
                .because(format!("expected one line of 1 to {MAX_REASON} bytes")));
        }
        let chain = folder::read(&self.trust)?.chain()?;
        let root = chain.newest();
        let origins = root.origins(&self.site);
        let lost = origins.windows(2).find(|pair| pair[1] == self.origin).map(|pair| &pair[0]);
        let Some(lost) = lost else {
            return Err(Failure::refused(format!("trust root {} does not let this log follow another", root.version))
                .at(format!("--origin {}", self.origin))
                .because(match origins {
                    [] => format!("it names no log for {}", self.site),
                    all => format!("its logs of {} are {}", self.site, all.join(", ")),
                })
                .next(format!("append it: writ trust next --from … --log-origin {}={}", self.site, self.origin)));
        };
        let note = files::read(&self.checkpoint, MAX_NOTE, "the checkpoint")?;
        let signed = SignedCheckpoint::verify(&note, lost, &log_keys_ever(&chain, &self.site))
            .map_err(|error| self.unfit(lost, &error))?;
        let known = signed.checkpoint;
        let restart = LogRestart {
            schema: RestartSchema::V1,
            site: self.site,
            origin: self.origin,
            previous: LastKnown { origin: known.origin, size: known.size, root: known.root },
            issued_at: clock::now_in_seconds(),
            reason: self.reason,
        };
        if !files::create(&self.out, &restart.canonical(), 0o644, "the log restart")? {
            return Err(Failure::refused("a file of this name exists, and restarts are never overwritten")
                .at(self.out.display())
                .next("choose another --out; nothing was written"));
        }
        describe(&restart).iter().for_each(|line| screen::line(line));
        screen::line(&format!("wrote {} (not signed yet)", self.out.display()));
        screen::line(&format!(
            "next: {} of the trust keys of root {} sign it: writ log sign {} --trust {} --key NAME.key",
            root.threshold(Role::Trust),
            root.version,
            self.out.display(),
            self.trust.display()
        ));
        Ok(Answer::Yes)
    }

    fn unfit(&self, lost: &str, error: &CheckpointError) -> Failure {
        Failure::refused("this checkpoint says nothing about the lost log")
            .at(self.checkpoint.display())
            .because(error)
            .next(format!("give a checkpoint that the log {lost} signed, byte for byte; nothing was written"))
    }
}
