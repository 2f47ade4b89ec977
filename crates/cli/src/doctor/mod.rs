//! `writ doctor`: on an appliance, why is this not running, not syncing, not healing, not applicable. It reads and changes
//! nothing: no network, no locks, no keys.

pub mod appliance;
mod applicable;
mod check;
pub mod courier;
pub mod enforcer;
pub mod finding;
pub mod healing;
mod metrics;
mod model;
pub mod offer;
pub mod places;
mod process;
mod report;
pub mod running;
mod syncing;

use std::path::PathBuf;

#[cfg(test)]
pub use self::metrics::METRICS;

use self::appliance::Appliance;
use self::finding::Finding;
use self::places::Places;
use self::report::Report;
use crate::failure::{Answer, Failure, Outcome};
use crate::{files, screen};

/// On an appliance: why is this not running, syncing, healing or applicable, and what to do next
///
/// It reads what the enforcer and the courier left on this machine, judges the folder of releases as the enforcer does, and
/// says for each cause what is so and what to do. With CHECK it gives the account of one check: what it expects, what was
/// seen, which rules answer it, and why it is not healed. It changes nothing, asks nobody, and needs root to read.
///
/// What is wrong is marked ✗; what only explains something, such as a check that does not apply here, is marked with a dot
/// and is no failure. Checks that this version cannot look at are counted, never passed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ doctor                                    all four questions
  writ doctor access.ssh                         one check
  writ doctor access.ssh --look                  the same, and look now
  writ doctor --format json | jq '.findings[] | select(.weight == \"wrong\")'
  writ doctor --format openmetrics --out FILE    for node_exporter's textfile collector

The metrics: https://github.com/writ-project/writ/blob/main/docs/metrics.md

Exit codes: 0 nothing is wrong, or the figures were printed; 1 something is wrong; 2 could not read what it needs:
then the reason is on standard error, and nothing is on standard output in any format.")]
pub struct Arguments {
    /// The check to be accounted for; all questions without one
    check: Option<String>,
    /// Look with the check's own probe now, and show that too
    #[arg(long, requires = "check")]
    look: bool,
    #[command(flatten)]
    places: Places,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Put the JSON or the figures into this file, in one rename, instead of printing them
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// `writ.doctor.v1`.
    Json,
    /// Figures in the OpenMetrics text format.
    Openmetrics,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        if self.check.is_some() && self.format == Format::Openmetrics {
            return Err(Failure::could_not("figures are of the whole appliance").next("leave CHECK out"));
        }
        if self.out.is_some() && self.format == Format::Human {
            return Err(
                Failure::could_not("--out is for what programs read").next("add --format json or --format openmetrics")
            );
        }
        let seen = self.places.gather()?;
        let (findings, account) = match &self.check {
            Some(check) => {
                let (account, found) = check::account(&seen, check, self.look)?;
                (running::findings(&seen).into_iter().chain(found).collect(), Some(account))
            }
            None => (findings(&seen), None),
        };
        let report = Report::new(&seen, findings, account);
        match self.format {
            Format::Human => report.print(),
            Format::Json if self.out.is_none() => screen::json(&report),
            Format::Json => self.put(&serde_json::to_string_pretty(&report).map_err(Failure::could_not)?)?,
            Format::Openmetrics => self.put(metrics::text(&seen, &report.findings).trim_end())?,
        }
        // Figures are judged by whoever collects them; a timer that writes them has done its work.
        Ok(if report.well || self.format == Format::Openmetrics { Answer::Yes } else { Answer::No })
    }

    fn put(&self, text: &str) -> Outcome<()> {
        match &self.out {
            Some(path) => files::replace(path, format!("{text}\n").as_bytes(), 0o644, "what doctor found"),
            None => {
                screen::line(text);
                Ok(())
            }
        }
    }
}

/// What is wrong or worth knowing of the whole appliance, question by question.
pub fn findings(seen: &Appliance) -> Vec<Finding> {
    let mut findings = running::findings(seen);
    findings.extend(syncing::findings(seen));
    findings.extend(healing::findings(seen));
    findings.extend(model::findings(seen));
    findings.extend(applicable::findings(seen));
    findings
}
