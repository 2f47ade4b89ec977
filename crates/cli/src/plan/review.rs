//! `writ plan review`: what waits for people.

use serde::Serialize;

use super::found::Found;
use super::{MaybeTrust, Places};
use crate::failure::{Answer, Outcome};
use crate::screen;

/// List the plans that wait for people
///
/// Of evidence, the newest plan of each incident that is open, where the policy wants people to look at plans first. Of a folder
/// of proposals, whatever lies there and was not answered. What the appliance told since of orders to run the same is told
/// with each, and what people answered, where --proposals has it written down.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ plan review --audit audit --trust releases/trust
  writ plan review --audit audit --proposals proposals --trust releases/trust --site clinic-001
  writ plan review --audit audit --trust releases/trust --json | jq '.proposals[].id'

Exit codes: 0 whatever waits; 1 the evidence did not verify, or a plan or a file there is no proposal; 2 could not run.")]
pub struct Arguments {
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
    verified: Option<bool>,
    #[serde(flatten)]
    found: &'a Found,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let roots = self.trust.read()?;
        let evidence = self.places.evidence(roots.as_ref())?;
        let found = self.places.found(evidence.as_ref())?;
        let verified = evidence.map(|evidence| evidence.verified);
        for file in &found.unusable {
            screen::warning(&format!("{} is no proposal: {}", file.file, file.why));
        }
        if found.unusable_plans > 0 {
            screen::warning(&format!(
                "left out: {} in evidence whose id is not of its incident, or that is for no check",
                screen::count(found.unusable_plans, "plan")
            ));
        }
        if self.json {
            screen::json(&Shown { verified, found: &found });
        } else {
            tell(&found);
        }
        let left_out = found.unusable_plans > 0 || !found.unusable.is_empty();
        Ok(if verified == Some(false) || left_out { Answer::No } else { Answer::Yes })
    }
}

fn tell(found: &Found) {
    for one in &found.all {
        one.lines().iter().for_each(|line| screen::line(line));
        screen::line("");
    }
    match &found.all[..] {
        [] => screen::line("nothing waits for people"),
        [first, ..] => {
            let waits = if found.all.len() == 1 { "waits" } else { "wait" };
            screen::line(&format!("{} {waits} for people", screen::count(found.all.len(), "proposal")));
            screen::line(&format!(
                "next: writ plan approve {0} --key … --to order.json, or writ plan reject {0}",
                first.id
            ));
        }
    }
}
