//! `writ learn status`: how far the loop has come.

use super::source::Source;
use super::{Printed, text};
use crate::failure::{Answer, Outcome};
use crate::screen;

/// See who resolves incidents, which patterns there are, and how learned rules do
///
/// Only evidence that verified counts: what `writ audit verify` says something bad of is left out, and that is said.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ learn status --audit audit --trust root-you-were-given.json
  writ learn status --audit audit --site clinic-001
  writ learn status --audit audit --json | jq '.tiers, .calls'

Exit codes: 0 the folder verified; 1 it did not; 2 could not run.")]
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
        let library = &lessons.library;
        if self.json {
            screen::json(&Printed::of(library));
        } else {
            screen::line(&text::tiers(&library.tiers));
            screen::line(&text::calls(&library.calls));
            screen::line(&text::states(library));
            text::list(&library.patterns).iter().for_each(|line| screen::line(line));
            if !library.rules.is_empty() {
                screen::line("rules that were learned:");
                library.rules.iter().for_each(|rule| screen::line(&text::rule(rule)));
            }
            text::left_out(library).iter().for_each(|line| screen::line(line));
        }
        Ok(if lessons.report.ok { Answer::Yes } else { Answer::No })
    }
}
