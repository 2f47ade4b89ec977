//! `writ plan reject`: nothing is to be run, and why.

use serde::Serialize;
use writ_trust::text::escaped;

use super::answered::{self, Answered, Written};
use super::found::{Kept, Source};
use super::{MaybeTrust, Places};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, screen};

/// The longest reason, in bytes.
const LONGEST_REASON: usize = 4 * 1024;

/// Reject a plan that waits, and write down why
///
/// A proposal of a folder is moved to answered/ there, with the reason. One of evidence cannot be changed, for an appliance
/// signed it; nothing runs because of it, and its incident stays with people until the check holds. With --proposals the
/// rejection is written down there, and `writ plan review` does not list it any more.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ plan reject P-0123456789abcdef0123456789abcdef --proposals proposals --reason 'the vendor repairs it today'
  writ plan reject INC-20261123-0007-1 --audit audit --trust releases/trust --proposals proposals \\
      --reason 'repaired by hand'

Exit codes: 0 it is written down; 1 there is no such proposal; 2 could not run.")]
pub struct Arguments {
    /// The proposal's id, as `writ plan review` says it
    id: String,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    trust: MaybeTrust,
    /// Why, for those who ask later
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Done<'a> {
    proposal: &'a Kept,
    answered: &'a std::path::Path,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        if self.reason.trim().is_empty() || self.reason.len() > LONGEST_REASON {
            let failure = Failure::could_not(format!("a reason has 1 to {LONGEST_REASON} bytes")).at("--reason");
            return Err(failure.next("say why, for those who ask later"));
        }
        let roots = self.trust.read()?;
        let evidence = self.places.evidence(roots.as_ref())?;
        let one = self.places.one(&self.id, evidence.as_ref())?;
        let Some(folder) = &self.places.proposals else {
            return Err(Failure::could_not(format!(
                "{} stands in signed evidence, where nothing can be changed",
                one.id
            ))
            .because("nothing runs because of it: its incident stays with people, and closes when the check holds")
            .next("name a folder with --proposals to write the rejection down there"));
        };
        let written = self.answer(&one)?;
        let path = answered::write(folder, &one, &written)?;
        answered::done(folder, &one)?;
        if self.json {
            screen::json(&Done { proposal: &one, answered: &path });
            return Ok(Answer::Yes);
        }
        screen::line(&format!("{} is rejected: {}", one.id, escaped(&written.reason)));
        screen::line(&format!("written down in {}", path.display()));
        if one.source == Source::Evidence {
            screen::line(
                "the incident stays with people; acknowledge or repair it, and it closes when the check holds",
            );
        }
        Ok(Answer::Yes)
    }

    /// What is to be written down, or was already by whoever was cut off before the proposal was taken away.
    fn answer(&self, one: &Kept) -> Outcome<Written> {
        match &one.answered {
            None => Ok(Written {
                answer: Answered::Rejected,
                reason: self.reason.clone(),
                at: Some(clock::now()),
                expires_at: None,
                orders: Vec::new(),
            }),
            Some(written) if written.answer == Answered::Rejected => Ok(written.clone()),
            Some(written) => Err(Failure::refused(format!("{} was answered already", one.id))
                .because(written.told())
                .next("an order that was published is in the depot until it expires; nothing was written")),
        }
    }
}
