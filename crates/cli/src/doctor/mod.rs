//! `writ doctor`: on an appliance, why is this not running, not syncing, not healing, not applicable. It reads and changes
//! nothing: no network, no locks, no keys.

mod appliance;
mod applicable;
mod check;
mod courier;
mod enforcer;
mod finding;
mod healing;
mod metrics;
mod offer;
mod process;
mod report;
mod running;
mod syncing;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use writ_agent::config::{Config, DEFAULT_PATH};
use writ_agent::network::config as network;
use writ_agent::network::status::FILE as STATUS;
use writ_agent::sync::config as sync;

#[cfg(test)]
pub use self::metrics::METRICS;

use self::appliance::Appliance;
use self::courier::Courier;
use self::enforcer::Enforcer;
use self::offer::Offer;
use self::report::Report;
use crate::failure::{Answer, Failure, Outcome};
use crate::pages::page;
use crate::{clock, files, screen};

/// The courier's configuration, beside the enforcer's.
const SYNC_CONFIG: &str = "sync.toml";
/// The configuration of what looks over the network, beside the enforcer's, and its state where there is none.
const PROBE_CONFIG: &str = "probe.toml";
const PROBE_STATE: &str = "/var/lib/writ/probe";
/// The program.
const PROBE: &str = "writ-probe";
/// The enforcer's configuration on an appliance that was provisioned from a stick.
const PROVISIONED: &str = "/var/lib/writ/enforce.toml";

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
    /// The enforcer's configuration [default: /etc/writ/enforce.toml, or else /var/lib/writ/enforce.toml, where a stick puts it]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The courier's configuration [default: sync.toml beside the other, if it is there]
    #[arg(long, value_name = "FILE")]
    sync_config: Option<PathBuf>,
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
        let seen = self.gather()?;
        let mut findings = running::findings(&seen);
        let mut account = None;
        match &self.check {
            Some(check) => {
                let (of_check, found) = check::account(&seen, check, self.look)?;
                findings.extend(found);
                account = Some(of_check);
            }
            None => {
                findings.extend(syncing::findings(&seen));
                findings.extend(healing::findings(&seen));
                findings.extend(applicable::findings(&seen));
            }
        }
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

    /// The enforcer's configuration, wherever it is.
    fn settings(&self) -> Outcome<PathBuf> {
        if let Some(named) = &self.config {
            return Ok(named.clone());
        }
        let Some(found) = first_there(&[Path::new(DEFAULT_PATH), Path::new(PROVISIONED)]) else {
            return Err(Failure::could_not("there is no configuration of an enforcer here")
                .because(format!("neither {DEFAULT_PATH} nor {PROVISIONED} is there"))
                .next(concat!(
                    "run this on an appliance, as root, or name the file with --config: ",
                    page!("appliance.md")
                )));
        };
        if found == Path::new(PROVISIONED) {
            screen::aside(&format!("there is no {DEFAULT_PATH}: this is what {PROVISIONED} says"));
        }
        Ok(found.to_owned())
    }

    fn gather(&self) -> Outcome<Appliance> {
        let settings = self.settings()?;
        let config = Config::read(&settings).map_err(|e| {
            Failure::could_not("cannot read the enforcer's configuration")
                .because(e)
                .next(concat!("run this on an appliance, as root; what the file says: ", page!("appliance.md")))
        })?;
        let courier = self.courier_config(&settings)?.map(Courier::read);
        let probe = probe_status(&settings);
        let enforcer = Enforcer::read(&config)?;
        let now = clock::now();
        let offer =
            enforcer.state.as_ref().and_then(|state| Offer::look(&config, state, enforcer.running_is_lost(), now));
        Ok(Appliance { now, config, enforcer, courier, probe, offer })
    }

    fn courier_config(&self, settings: &Path) -> Outcome<Option<sync::Config>> {
        let beside = settings.with_file_name(SYNC_CONFIG);
        let path = self.sync_config.as_ref().unwrap_or(&beside);
        if self.sync_config.is_none() && std::fs::symlink_metadata(path).is_err_and(|e| e.kind() == ErrorKind::NotFound)
        {
            return Ok(None);
        }
        sync::Config::read(path).map(Some).map_err(|e| {
            Failure::could_not("cannot read the courier's configuration")
                .because(e)
                .next(concat!("name another with --sync-config; what the file says: ", page!("appliance.md")))
        })
    }
}

/// What writ-probe says of itself, as the file beside the enforcer's says where it is. It is trusted no more than the courier.
fn probe_status(settings: &Path) -> Option<courier::Status> {
    let config = network::Config::read(&settings.with_file_name(PROBE_CONFIG)).ok();
    let folder = config.map_or_else(|| PathBuf::from(PROBE_STATE), |config| config.state_dir);
    let status = courier::read(&folder.join(STATUS)).ok()?;
    status.pid.is_some_and(|pid| process::runs(pid, PROBE)).then_some(status)
}

/// The first of these that is there.
fn first_there<'a>(paths: &[&'a Path]) -> Option<&'a Path> {
    paths.iter().copied().find(|path| std::fs::symlink_metadata(path).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_where_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let (etc, provisioned) = (dir.path().join("etc.toml"), dir.path().join("var.toml"));
        let of = || first_there(&[&etc, &provisioned]).map(Path::to_owned);
        assert_eq!(of(), None);
        std::fs::write(&provisioned, "").unwrap();
        assert_eq!(of(), Some(provisioned.clone()));
        // What may not be read, or leads nowhere, is there.
        std::os::unix::fs::symlink("/nonexistent", &etc).unwrap();
        assert_eq!(of(), Some(etc.clone()));
    }
}
