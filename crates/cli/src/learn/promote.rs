//! `writ learn promote`: the rule that a pattern becomes, as a file for a pull request.

use writ_audit::learn::{Pattern, State};
use writ_audit::words::of;
use writ_trust::text::one_line;

use super::flake::Flake;
use super::source::{Lessons, Source};
use super::{Decided, fit, rule_file, text, trial};
use crate::failure::{Answer, Failure, Outcome};
use crate::{files, screen};

/// Write the rule that a candidate becomes, ready for a pull request
///
/// It writes `rules/learned/<rule>.nix` and nothing else: what the rule answers, what it runs, which controls that serves, and what it
/// rests on. Before anything is written, the tree with the rule is checked as `writ check` does. A rule counts when its pull request
/// was merged and a release with it was signed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ learn promote 3f9c02a1b7de --audit audit --trust root-you-were-given.json --flake .
  git switch -c learned && git add rules/learned && writ check && writ diff --from main

It needs Nix (nix-instantiate) and no network. Nothing that is there is overwritten.

Exit codes: 0 written; 1 refused, nothing was written; 2 could not run.")]
pub struct Arguments {
    /// The pattern: its id or the beginning of it, or its signature
    pattern: String,
    #[command(flatten)]
    source: Source,
    /// The rule's priority: below 50, so that every rule written by hand is tried first
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(i64).range(1..50))]
    priority: i64,
    /// Print what was done as JSON: learned-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let lessons = self.source.read()?;
        let (flake, pattern) = (lessons.flake()?, lessons.pattern(&self.pattern)?);
        may_become_a_rule(&lessons, flake, pattern)?;
        flake.gathers()?;
        let rule = pattern.rule_id();
        let file = Flake::file_of(&rule);
        if flake.path(&file).exists() {
            return Err(is_there(&file));
        }
        let written = rule_file::text(pattern, &fit::rule(flake, pattern, self.priority)?);
        let sites = trial::sites_with(flake, &file, &written, &rule)?;
        if !files::create(&flake.path(&file), written.as_bytes(), 0o644, "the rule")? {
            return Err(is_there(&file));
        }
        if sites.is_empty() {
            screen::warning("no site has the rule yet: name the family `learned` in `rule_families` of its site.nix");
        }
        if self.json {
            let (written, sites) = (vec![file], sites.into_iter().collect());
            screen::json(&Decided { rule: Some(rule), written, sites, ..Decided::new("promoted", &pattern.id) });
        } else {
            screen::line(&format!(
                "{file}: rule {rule} runs {} for {}",
                one_line(&pattern.runbook),
                one_line(&pattern.check)
            ));
            screen::line(&format!("it is in the policy of {}", of(sites.len() as u64, "site")));
            screen::line(&format!(
                "next: git add {file} && writ check && writ diff --from main; merging it is the approval"
            ));
        }
        Ok(Answer::Yes)
    }
}

fn is_there(file: &str) -> Failure {
    Failure::refused("the rule has been written already").at(file).next("look at it there; nothing was overwritten")
}

/// That a pattern is eligible; a refusal says what it lacks.
fn may_become_a_rule(lessons: &Lessons, flake: &Flake, pattern: &Pattern) -> Outcome<()> {
    let figures = &lessons.library.figures;
    let refused = |what: &str| Failure::refused(format!("pattern {} {what}", pattern.id));
    match pattern.state {
        State::Eligible => Ok(()),
        State::Rejected => {
            let failure = refused("was rejected");
            let failure = match flake.rejection(pattern) {
                Some(entry) => failure.because(entry.in_words()),
                None => failure,
            };
            Err(failure
                .at(super::flake::REJECTED)
                .next("if that was wrong, take its entry out there, in a pull request of its own"))
        }
        State::Promoted | State::Withdrawable => {
            let rule = pattern.rule.as_deref().unwrap_or("a rule");
            let failure = refused("is a rule already").because(format!("{} of the newest release", one_line(rule)));
            Err(match pattern.state {
                State::Withdrawable => failure.next("it helps too rarely: writ learn withdraw"),
                _ => failure.next("writ learn status: it shows how the rule does"),
            })
        }
        State::Pending => {
            let mut failure = refused("is not eligible");
            if pattern.occurrences < figures.occurrences_least {
                let (seen, least) = (of(pattern.occurrences, "time"), figures.occurrences_least);
                failure = failure.because(format!("it was seen {seen}, and {least} are needed"));
            }
            let (share, least) = (text::percent(pattern.success_permille), figures.success_least_percent);
            if u64::from(pattern.success_permille) < least * 10 {
                failure = failure.because(format!("it helped in {share}, and {least} % are needed"));
            }
            Err(failure.next("wait for more evidence, or write a rule by hand"))
        }
    }
}
