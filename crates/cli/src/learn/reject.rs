//! `writ learn reject`: a pattern that is to become no rule.

use writ_audit::learn::{Pattern, State};
use writ_trust::text::one_line;

use super::Decided;
use super::flake::{Flake, REJECTED};
use super::rejected::New;
use super::source::Source;
use crate::failure::{Answer, Failure, Outcome};
use crate::{files, screen};

/// Turn a pattern down, with who decided it and why
///
/// The decision is written into `rules/learned/rejected.nix`, behind the others and touching nothing else, for a pull request. The
/// pattern stays rejected, however often it is seen, until somebody takes the entry out again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ learn reject 77aa01c3d4e5 --audit audit --flake . \\
      --by \"Sam Okafor\" --reason \"Restarting hides the failing disk\"

Exit codes: 0 written; 1 refused, nothing was written; 2 could not run.")]
pub struct Arguments {
    /// The pattern: its id or the beginning of it, or its signature
    pattern: String,
    /// Who decided it
    #[arg(long, value_name = "PERSON", value_parser = super::source::words)]
    by: String,
    /// Why
    #[arg(long, value_name = "WORDS", value_parser = super::source::words)]
    reason: String,
    #[command(flatten)]
    source: Source,
    /// Print what was done as JSON: learned-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let lessons = self.source.read()?;
        let (flake, pattern) = (lessons.flake()?, lessons.pattern(&self.pattern)?);
        may_be_rejected(flake, pattern)?;
        let new = New {
            id: &pattern.id,
            about: about(&pattern.check, &pattern.runbook),
            seen_first: pattern.first_seen,
            seen_last: pattern.last_seen,
            occurrences: pattern.occurrences,
            success_percent: u64::from(pattern.success_permille / 10),
            rejected_at: lessons.now,
            by: &self.by,
            why: &self.reason,
        };
        add(flake, &new)?;
        if self.json {
            screen::json(&Decided { written: vec![REJECTED.to_owned()], ..Decided::new("rejected", &pattern.id) });
        } else {
            screen::line(&format!("{REJECTED}: {} is rejected", pattern.id));
            screen::line("next: writ check, and a pull request with the decision");
        }
        Ok(Answer::Yes)
    }
}

/// What a pattern is, in an entry's comment.
pub fn about(check: &str, runbook: &str) -> String {
    format!("check {}, runbook {}", one_line(check), one_line(runbook))
}

/// Writes an entry behind the others.
pub fn add(flake: &Flake, new: &New<'_>) -> Outcome<()> {
    let text = flake.rejected.with(new).map_err(|why| {
        Failure::refused("the decision cannot be written")
            .at(REJECTED)
            .because(why)
            .next("write the entry there by hand")
    })?;
    files::replace(&flake.path(REJECTED), text.as_bytes(), 0o644, "what was rejected")
}

fn may_be_rejected(flake: &Flake, pattern: &Pattern) -> Outcome<()> {
    let refused = |what: &str| Failure::refused(format!("pattern {} {what}", pattern.id));
    if let Some(entry) = flake.rejection(pattern) {
        return Err(refused("was rejected already").at(REJECTED).because(entry.in_words()).next("nothing was written"));
    }
    let rule = pattern.rule.as_deref().map(one_line).unwrap_or_default();
    match pattern.state {
        State::Promoted | State::Withdrawable => Err(refused("is a rule")
            .because(format!("{rule} of the newest release"))
            .next("a rule is taken out by removing its file, or by writ learn withdraw where it helps too rarely")),
        State::Pending | State::Eligible | State::Rejected => Ok(()),
    }
}
