//! Where the configurations of an appliance are, and reading all that is known of it by them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Once;

use writ_agent::config::{Config, DEFAULT_PATH};
use writ_agent::network::config as network;
use writ_agent::network::status::FILE as STATUS;
use writ_agent::planner;
use writ_agent::sync::config as sync;

use super::appliance::Appliance;
use super::courier::{self, Courier};
use super::enforcer::Enforcer;
use super::offer::Offer;
use super::process;
use crate::failure::{Failure, Outcome};
use crate::pages::page;
use crate::{clock, screen};

/// The courier's configuration, beside the enforcer's.
const SYNC_CONFIG: &str = "sync.toml";
/// The configuration of what looks over the network, beside the enforcer's, and its state where there is none.
const PROBE_CONFIG: &str = "probe.toml";
const PROBE_STATE: &str = "/var/lib/writ/probe";
/// The program.
const PROBE: &str = "writ-probe";
/// The same of what chooses runbooks.
const PLANNER_CONFIG: &str = "planner.toml";
const PLANNER_STATE: &str = "/var/lib/writ/planner";
const PLANNER: &str = "writ-planner";
/// The enforcer's configuration on an appliance that was provisioned from a stick.
const PROVISIONED: &str = "/var/lib/writ/enforce.toml";

/// Where the configurations are.
#[derive(Debug, clap::Args)]
pub struct Places {
    /// The enforcer's configuration [default: /etc/writ/enforce.toml, or else /var/lib/writ/enforce.toml, where a stick puts it]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The courier's configuration [default: sync.toml beside the other, if it is there]
    #[arg(long, value_name = "FILE")]
    sync_config: Option<PathBuf>,
}

impl Places {
    /// Reads all of it, once.
    pub fn gather(&self) -> Outcome<Appliance> {
        let settings = self.settings()?;
        let config = Config::read(&settings).map_err(|e| {
            Failure::could_not("cannot read the enforcer's configuration")
                .because(e)
                .next(concat!("run this on an appliance, as root; what the file says: ", page!("appliance.md")))
        })?;
        let courier = self.courier_config(&settings)?.map(Courier::read);
        let asking = planner::config::Config::read(&settings.with_file_name(PLANNER_CONFIG)).ok();
        let (probe, planner) = (probe_status(&settings), planner_status(asking.as_ref()));
        let model = asking.and_then(|asking| asking.model);
        let enforcer = Enforcer::read(&config)?;
        let now = clock::now();
        let offer = Offer::look(&config, &enforcer, now);
        Ok(Appliance { now, config, enforcer, courier, probe, planner, model, offer })
    }

    /// Whether there is no configuration of an enforcer where it should be.
    pub fn are_missing(&self) -> bool {
        let there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
        match &self.config {
            Some(named) => !there(named),
            None => !there(Path::new(DEFAULT_PATH)) && !there(Path::new(PROVISIONED)),
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
            // A live view asks again and again.
            static SAID: Once = Once::new();
            SAID.call_once(|| screen::aside(&format!("there is no {DEFAULT_PATH}: this is what {PROVISIONED} says")));
        }
        Ok(found.to_owned())
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
    status(&folder.join(STATUS), PROBE)
}

/// The same of writ-planner, which runs while something is asked.
fn planner_status(config: Option<&planner::config::Config>) -> Option<courier::Status> {
    let folder = config.map_or_else(|| PathBuf::from(PLANNER_STATE), |config| config.state_dir.clone());
    status(&folder.join(planner::status::FILE), PLANNER)
}

/// What a program says of itself while it runs.
fn status(path: &Path, program: &str) -> Option<courier::Status> {
    let status = courier::read(path).ok()?;
    status.pid.is_some_and(|pid| process::runs(pid, program)).then_some(status)
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
