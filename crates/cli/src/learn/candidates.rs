//! `writ learn candidates`: what waits for somebody to decide.

use writ_audit::learn::State;

use super::source::Source;
use super::{Printed, only, text};
use crate::failure::{Answer, Outcome};
use crate::screen;

/// List the patterns that wait for a decision: those that may become rules, and rules that are to be withdrawn
///
/// A pattern may become a rule that was seen 5 times or more, helped in 90 % or more, and is neither a rule yet nor rejected; a rule
/// is to be withdrawn that resolves fewer than 85 % of what it answers. The figures are those of the tree's baselines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ learn candidates --audit audit --trust root-you-were-given.json
  writ learn candidates --audit audit --json | jq -r '.patterns[] | select(.state == \"eligible\") | .id'

Exit codes: 0 the folder verified, however many wait; 1 it did not; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Print the result as JSON: learning-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let lessons = self.source.read()?;
        let waits = |state: State| matches!(state, State::Eligible | State::Withdrawable);
        let library = only(&lessons.library, |pattern| waits(pattern.state));
        if self.json {
            screen::json(&Printed::of(&library));
        } else {
            let withdrawn: Vec<_> = library.rules.iter().filter(|rule| rule.withdrawable).collect();
            text::list(&library.patterns).iter().for_each(|line| screen::line(line));
            withdrawn.iter().for_each(|rule| screen::line(&text::rule(rule)));
            if library.patterns.is_empty() && withdrawn.is_empty() {
                screen::line("nothing waits for a decision");
            }
            text::left_out(&library).iter().for_each(|line| screen::line(line));
        }
        Ok(if lessons.report.ok { Answer::Yes } else { Answer::No })
    }
}
