//! `writ status`: how an appliance is, for the person who stands before it. It reads what `writ doctor` reads, and bundles of
//! the outbox for the stories of incidents; it changes nothing and asks nobody.

mod controls;
mod gather;
pub(crate) mod http;
mod lines;
pub(crate) mod page;
mod report;
mod serve;
pub(crate) mod server;
mod stories;
mod text;
mod unclaimed;
mod watch;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use self::report::{Report, State};
use self::unclaimed::Unclaimed;
use crate::doctor::places::Places;
use crate::failure::{Answer, Failure, Outcome};
use crate::provision::offer;
use crate::{clock, files, screen};

/// On an appliance: how it is, what needs a person, each control, incidents as stories
///
/// It reads what the enforcer and the courier left on this machine, so it works when the depot is gone, and says how old that is
/// where nobody renews it. It changes nothing, asks nobody, and needs root to read. `writ doctor` says of each thing that is wrong
/// why it is so.
///
/// What needs a person is marked ✗; what is being healed, or ends by itself, is marked with a dot. A control is as good as the worst
/// of its checks; one that its checks show only in part never plainly holds, and what nobody looks at is never passed.
///
/// Of a machine that belongs nowhere yet it shows the claim code (`writ provision join`).
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  writ status
  writ status --watch                            a live view, until Ctrl-C
  writ status --watch | tee -a shift.log         without a terminal: one line whenever something changes
  writ status --json | jq '.incidents.open[].told'
  writ status --json --out /run/writ/status/status.json
  writ status serve --from /run/writ/status/status.json

Exit codes: 0 nothing needs a person, or the file was written (--out); 1 something does; 2 could not read what it needs.")]
pub struct Arguments {
    #[command(flatten)]
    places: Places,
    /// Print it as JSON, `writ.status.v1`
    #[arg(long)]
    json: bool,
    /// Put the JSON into this file, in one rename, instead of printing it
    #[arg(long, value_name = "FILE", requires = "json")]
    out: Option<PathBuf>,
    /// Show it again whenever it changes, and at least every so many seconds
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "5",
        conflicts_with = "json",
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    watch: Option<u64>,
    /// Where a machine that belongs nowhere yet lays its claim
    #[arg(long, value_name = "DIR", default_value = offer::CLAIM_FOLDER, hide = true)]
    claim: PathBuf,
    /// Where what is in its way is told
    #[arg(long, value_name = "DIR", default_value = offer::ANSWER_FOLDER, hide = true)]
    answer: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Serve(serve::Arguments),
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        if let Some(Command::Serve(arguments)) = self.command {
            return arguments.run();
        }
        if let Some(seconds) = self.watch {
            return watch::run(&self.places, Duration::from_secs(seconds));
        }
        if self.places.are_missing()
            && let Some(unclaimed) = Unclaimed::look(&self.claim, &self.answer, clock::now())
        {
            return self.give(&unclaimed, Answer::No, || unclaimed.print());
        }
        let report = gather::report(&self.places.gather()?);
        self.give(&report, answer(&report), || {
            text::lines(&report, screen::width()).all().iter().for_each(|line| screen::line(line));
        })
    }

    /// Writes a report as it was asked for.
    fn give(&self, report: &impl Serialize, answer: Answer, for_people: impl FnOnce()) -> Outcome {
        match &self.out {
            Some(path) => {
                let text = serde_json::to_string_pretty(report).map_err(Failure::could_not)?;
                // Whoever shows it is nobody's, and reads it by this.
                files::replace(path, format!("{text}\n").as_bytes(), 0o644, "the status")?;
                // Whether the appliance is well is for whoever reads it; a timer that writes it has done its work.
                return Ok(Answer::Yes);
            }
            None if self.json => screen::json(report),
            None => for_people(),
        }
        Ok(answer)
    }
}

fn answer(report: &Report) -> Answer {
    if report.state == State::NeedsPerson { Answer::No } else { Answer::Yes }
}

/// Whether somebody sits before the result.
fn is_seen() -> bool {
    std::io::stdout().is_terminal()
}
