//! `writ plan show`: one proposal, and whether it could be approved now.

use serde::Serialize;

use super::approve::judge;
use super::found::Kept;
use super::{MaybeTrust, Places};
use crate::failure::{Answer, Outcome};
use crate::screen;

/// Show a plan that waits, and whether it can be approved
///
/// With --audit it says whether the newest verified release of the site has the runbooks, whether the check judges them, and
/// whether the incident is still open.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ plan show INC-20261123-0007-1 --audit audit --trust releases/trust
  writ plan show P-0123456789abcdef0123456789abcdef --audit audit --proposals proposals --trust releases/trust --json

Exit codes: 0 it can be approved, or nobody can say without evidence; 1 it cannot, or there is none; 2 could not run.")]
pub struct Arguments {
    /// The proposal's id, as `writ plan review` says it
    id: String,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    trust: MaybeTrust,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    proposal: &'a Kept,
    /// What keeps it from being approved; null where no evidence says so.
    against: Option<Vec<String>>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let roots = self.trust.read()?;
        let evidence = self.places.evidence(roots.as_ref())?;
        let one = self.places.one(&self.id, evidence.as_ref())?;
        let against = evidence.as_ref().map(|evidence| judge(&one, evidence));
        if self.json {
            screen::json(&Shown { proposal: &one, against: against.clone() });
        } else {
            one.lines().iter().for_each(|line| screen::line(line));
            match against.as_deref() {
                None => screen::line("whether it can be approved is in the evidence: give --audit"),
                Some([]) if one.answered.is_some() => {
                    screen::line(
                        "it was approved: the same command makes the same orders, which an appliance takes once",
                    );
                }
                Some([]) => {
                    screen::line("the newest release has all of it, and the incident is open: it can be approved")
                }
                Some(against) => {
                    against.iter().for_each(|why| screen::line(&format!("against it: {why}")));
                }
            }
        }
        Ok(if against.is_some_and(|against| !against.is_empty()) { Answer::No } else { Answer::Yes })
    }
}
