//! `writ audit compare`: the baseline in one hand, the evidence in the other.

use std::path::PathBuf;

use writ_audit::Period;
use writ_audit::compare::{Evidence, which_site};
use writ_audit::costs::Costs;
use writ_audit::learn::{Decisions, Figures, Gathering, Library};
use writ_audit::report::{html, json, openmetrics, terminal};
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::{Rejected, Source, unprintable};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, files, screen};

/// Hold a site's baseline against its evidence: a verdict per control
///
/// Each control is demonstrated, partly demonstrated, failed, excepted, procedural, inherited, not applicable, not
/// assessable, or without evidence: the worst of its checks over all appliances, with the arithmetic behind it. Judged
/// under the policy in force at the time, over a period; without one, over all there is up to now. A policy that was released
/// later changes nothing.
///
/// With --at as of an instant: what held then, by the last run of each check before it and the next one after it, with the
/// exceptions in force and the incidents open at that instant.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit compare audit --trust root-you-were-given.json
  writ audit compare audit --site clinic-001 --period 2026-11 --html report.html
  writ audit compare audit --at 2026-10-15T03:00:00Z                 (what held in that night?)
  writ audit compare audit --period 2026-Q4 --matrix                 (by HIPAA, NIST and SOC 2)
  writ audit compare audit --period 90d --json | jq '.controls[] | {control, verdict}'
  writ audit compare audit --period 2026 --json | jq '.changes[] | select(.weakens)'
  writ audit compare audit --period 30d --openmetrics /var/lib/node-exporter/clinic-001.prom

Exit codes: 0 verified, and no control is failed, without evidence or not assessable; 1 otherwise; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The site; needed where the folder holds several
    #[arg(long)]
    site: Option<SiteId>,
    /// The time to judge: 2026-11, 2026-11-23, 2026-Q4, 90d, 2026-10-01..2026-11-23 (UTC)
    #[arg(long)]
    period: Option<String>,
    /// Judge what held at this instant, such as 2026-10-15T03:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with_all = ["period", "openmetrics"])]
    at: Option<Time>,
    /// Judge as of this instant instead of now, so that a report can be made again byte for byte
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Also print the verdicts by the ids of HIPAA and of each framework that controls are mapped to
    #[arg(long)]
    matrix: bool,
    /// Also write the report as one self-contained HTML file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Also write the figures for Prometheus (node_exporter's textfile collector)
    #[arg(long, value_name = "FILE")]
    openmetrics: Option<PathBuf>,
    #[command(flatten)]
    rejected: Rejected,
    /// Print the result as JSON: comparison-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let now = self.now.unwrap_or_else(clock::now_in_seconds);
        let period = self.period.as_deref().map(|text| Period::parse(text, now)).transpose();
        let period = period.map_err(|e| Failure::could_not(e).at("--period"))?;
        if let Some(at) = self.at.filter(|at| *at > now) {
            let failure = Failure::could_not(format!("{at} is still to come")).at("--at");
            return Err(failure.because("nothing is known of it").next("name an instant that is over"));
        }
        let archive = self.source.open_as_of(self.site.clone(), now)?;
        let site = which_site(&archive, self.site.as_ref()).map_err(|e| no_site(&archive, e))?;
        let (evidence, library) = gathered(&archive, &site, &self.rejected.decisions()?);
        let comparison = match self.at {
            Some(at) => evidence.at(at, now),
            None => evidence.over(period, now),
        };
        if let Some(path) = &self.html {
            let page = html::render(&comparison).map_err(|e| unprintable(&e))?;
            files::replace(path, page.as_bytes(), 0o644, "the report")?;
        }
        if let Some(path) = &self.openmetrics {
            let costs = Costs::of(&comparison, &evidence);
            let figures = openmetrics::Figures { comparison: &comparison, library: &library, costs: &costs };
            files::replace(path, openmetrics::text(&figures).as_bytes(), 0o644, "the figures")?;
        }
        if self.json {
            screen::line(json::render(&comparison).map_err(|e| unprintable(&e))?.trim_end());
        } else {
            screen::line(terminal::comparison(&comparison, super::look()).trim_end());
            if self.matrix {
                screen::line(terminal::matrix(&comparison, super::look()).trim_end());
            }
        }
        Ok(if comparison.is_fine() { Answer::Yes } else { Answer::No })
    }
}

/// The verified evidence of a site, and what is learned from it, by one walk.
fn gathered<'a>(archive: &'a writ_audit::Archive, site: &SiteId, decisions: &Decisions) -> (Evidence<'a>, Library) {
    let mut evidence = Evidence::begin(archive, site.clone());
    let mut gathering = Gathering::of_site(archive, site);
    let report = archive.walk(&mut |stored| {
        gathering.take(&stored);
        evidence.take(stored);
    });
    let library = gathering.finish(&report, &Figures::default(), decisions);
    evidence.finish(report);
    (evidence, library)
}

/// Nothing to compare; when the folder does not verify, that is the reason.
pub(crate) fn no_site(archive: &writ_audit::Archive, error: writ_audit::compare::CompareError) -> Failure {
    let report = archive.walk(&mut |_| {});
    let failure = Failure::could_not(error);
    match report.problems.first_bad() {
        Some(first) => failure.at(&first.path).because(format!("{}: {}", first.code, first.what)),
        None => failure.next("name another site, or gather its releases with `writ audit collect`"),
    }
}
