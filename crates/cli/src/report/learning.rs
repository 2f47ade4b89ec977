//! `writ report learning`: the review of what is learned.

use writ_audit::report::packet::review::Cadence;
use writ_audit::report::packet::span::Span;

use super::make::review;
use super::options::Options;
use crate::failure::{Failure, Outcome};

/// The review of what is learned: candidates, shares of the tiers, costs, what it saved
///
/// Over all sites of the folder, or of one. Each week: candidates, promoted patterns, and whether rules have arrived. Each month also: who
/// resolved what and at what cost, what was rejected, and runbooks that help too rarely. Each quarter also: what learned rules saved, an
/// audit of the loop, and patterns that may be cleared out. Patterns are of all verified evidence; shares, times and costs of the period.
///
/// Calls of a language model are counted from evidence. A technician's time is reckoned with figures of our own, and said to be. Nothing is
/// said to be saved without incidents in the evidence to hold it against.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ report learning audit --trust root-you-were-given.json --week 2026-W48 --out learning-2026-W48
  writ report learning audit --trust root-you-were-given.json --month 2026-11 --json | jq '.[0].figures'
  writ report learning audit --trust root-you-were-given.json --quarter 2026-Q4 \\
      --rejected rules/learned/rejected.nix --pdf --out learning-2026-Q4

Exit codes: 0 made, the folder verified, and every appliance in it was judged; 1 made, but not all of that holds, or
refused; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    when: When,
}

/// Which review, and of when.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct When {
    /// The week, from Monday on, in UTC
    #[arg(long, value_name = "YYYY-WNN")]
    week: Option<String>,
    /// The month, in UTC
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<String>,
    /// The quarter, in UTC
    #[arg(long, value_name = "YYYY-QN")]
    quarter: Option<String>,
}

impl When {
    fn span(&self) -> Outcome<(Cadence, Span)> {
        let (cadence, span, option) = match (&self.week, &self.month, &self.quarter) {
            (Some(week), ..) => (Cadence::Week, Span::week(week), "--week"),
            (_, Some(month), _) => (Cadence::Month, Span::month(month), "--month"),
            (.., quarter) => (Cadence::Quarter, Span::quarter(quarter.as_deref().unwrap_or_default()), "--quarter"),
        };
        Ok((cadence, span.map_err(|e| Failure::could_not(e).at(option))?))
    }
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (cadence, span) = self.when.span()?;
        review(&self.options, cadence, &span)
    }
}
