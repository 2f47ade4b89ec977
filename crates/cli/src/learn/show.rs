//! `writ learn show`: one pattern, and what it rests on.

use super::source::Source;
use super::{Printed, only, text};
use crate::failure::{Answer, Outcome};
use crate::screen;

/// Show a pattern: what failed how, what was run, how that went, and the bundles that say so
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ learn show 3f9c02a1b7de --audit audit
  writ learn show L1-LEARNED-3F9C02A1B7DE --audit audit --json

Exit codes: 0 the folder verified; 1 it did not; 2 could not run, or there is no such pattern.")]
pub struct Arguments {
    /// The pattern: its id or the beginning of it, its signature, or the rule that was made of it
    pattern: String,
    #[command(flatten)]
    source: Source,
    /// Print the result as JSON: learning-v1 of `writ export schema`, with this pattern alone
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let lessons = self.source.read()?;
        let pattern = lessons.pattern(&self.pattern)?;
        if self.json {
            let mut library = only(&lessons.library, |one| one.signature == pattern.signature);
            library.rules.retain(|rule| pattern.rule.as_ref() == Some(&rule.rule));
            screen::json(&Printed::of(&library));
        } else {
            text::whole(pattern).iter().for_each(|line| screen::line(line));
            if let Some(no) = lessons.flake.as_ref().and_then(|flake| flake.rejection(pattern)) {
                screen::line(&format!("  rejected    {}", no.in_words()));
            }
        }
        Ok(if lessons.report.ok { Answer::Yes } else { Answer::No })
    }
}
