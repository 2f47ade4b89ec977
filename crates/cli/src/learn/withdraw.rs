//! `writ learn withdraw`: a rule that was learned and helps too rarely.

use std::fs;

use writ_audit::learn::{LearnedRule, RULE_PREFIX};
use writ_audit::words::of;
use writ_trust::text::one_line;

use super::flake::{Flake, REJECTED};
use super::reject::{about, add};
use super::rejected::New;
use super::source::{Lessons, Source};
use super::{Decided, text};
use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Take a learned rule out that resolves too few of the incidents it answers
///
/// It removes `rules/learned/<rule>.nix` and writes the decision, with the figures, into `rules/learned/rejected.nix`, for a pull
/// request: the pattern is not proposed again. The rule counts until a release without it is signed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ learn withdraw L1-LEARNED-3F9C02A1B7DE --audit audit --flake . \\
      --by \"Sam Okafor\" --reason \"The service fails again within the hour\"

Exit codes: 0 done; 1 refused, nothing was changed; 2 could not run.")]
pub struct Arguments {
    /// The rule, or the id of its pattern
    rule: String,
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
        let flake = lessons.flake()?;
        let rule = rule_of(&lessons, &self.rule)?;
        let Some(pattern) = rule.pattern.as_deref().filter(|_| rule.withdrawable) else {
            return Err(not_to_be_withdrawn(&lessons, rule));
        };
        if rule.rule != format!("{RULE_PREFIX}{}", pattern.to_ascii_uppercase()) {
            let failure = Failure::refused(format!("{} was written by hand", one_line(&rule.rule)));
            return Err(failure.next("writ explain says where it stands: it is taken out there"));
        }
        let file = Flake::file_of(&rule.rule);
        if !flake.path(&file).is_file() {
            let failure = Failure::refused(format!("{} is not written in this tree", one_line(&rule.rule)));
            return Err(failure
                .at(&file)
                .because("there is no such file: it was taken out, or it is in another file")
                .next("where it was taken out, a release without it is what is missing"));
        }
        // The decision first: whoever is interrupted runs the same again.
        let decided = flake.rejected.entries.iter().any(|entry| entry.id == pattern);
        if !decided {
            let seen = lessons.library.patterns.iter().find(|one| one.id == pattern);
            let last = rule.last_seen.unwrap_or(lessons.now);
            add(
                flake,
                &New {
                    id: pattern,
                    about: format!("{}: {}", rule.rule, about(&rule.check, &rule.runbook)),
                    seen_first: seen.map_or(last, |seen| seen.first_seen),
                    seen_last: last,
                    occurrences: rule.tried,
                    success_percent: u64::from(rule.success_permille / 10),
                    rejected_at: lessons.now,
                    by: &self.by,
                    why: &self.reason,
                },
            )?;
        }
        fs::remove_file(flake.path(&file))
            .map_err(|e| Failure::could_not("the rule cannot be removed").at(&file).because(e))?;
        if self.json {
            let (written, removed) = (vec![REJECTED.to_owned()], vec![file]);
            let decided = Decided::new("withdrawn", pattern);
            screen::json(&Decided { rule: Some(rule.rule.clone()), written, removed, ..decided });
        } else {
            screen::line(&format!("{file} is removed, and {REJECTED} says why"));
            screen::line("next: writ check && writ diff --from main, and a pull request with the decision");
        }
        Ok(Answer::Yes)
    }
}

/// The rule that a name stands for.
fn rule_of<'l>(lessons: &'l Lessons, name: &str) -> Outcome<&'l LearnedRule> {
    let is = |rule: &&LearnedRule| {
        rule.rule.eq_ignore_ascii_case(name) || rule.pattern.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(name))
    };
    lessons.library.rules.iter().find(is).ok_or_else(|| {
        let known = lessons.library.rules.iter().map(|rule| rule.rule.as_str());
        let failure =
            Failure::could_not(format!("no rule {} was learned, by the newest releases here", one_line(name)));
        failure.nearest(name, known, || "writ learn status: it lists the rules that were learned".to_owned())
    })
}

fn not_to_be_withdrawn(lessons: &Lessons, rule: &LearnedRule) -> Failure {
    let figures = &lessons.library.figures;
    let failure = Failure::refused(format!("{} is not to be withdrawn", one_line(&rule.rule)));
    let failure = match rule.tried < figures.occurrences_least {
        true => failure.because(format!(
            "it ran for {}, and is judged from {} on",
            of(rule.tried, "incident"),
            figures.occurrences_least
        )),
        false => failure.because(format!(
            "it resolved {} of {} ({}), and below {} % would be too few",
            rule.resolved,
            of(rule.tried, "incident"),
            text::percent(rule.success_permille),
            figures.withdraw_below_percent
        )),
    };
    failure.next("whoever wants it out all the same removes its file, in a pull request that says why")
}
