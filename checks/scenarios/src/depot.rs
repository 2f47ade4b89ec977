//! A real depot: `writ-depot` on a folder of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::network::Network;
use crate::run;
use crate::workshop::Workshop;

/// How long a depot may take to come up or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running depot; killed when dropped.
pub struct Depot {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: String,
}

impl Depot {
    /// Starts a depot of the desk's trust root and log key on `data`, at `listen` (port 0 takes any), at the hub of a
    /// network if there is one.
    pub fn start(desk: &Workshop, data: &Path, listen: &str, network: Option<&Network>) -> Result<Self> {
        let program = desk.bin.join("writ-depot");
        let mut command = network.map_or_else(|| Command::new(&program), |network| network.at_hub(&program));
        command.args(["serve", "--listen", listen, "--allow-http", "--data"]).arg(data);
        // Couriers of a story check in every second.
        command.args(["--extra-writes", "0", "--batches", "0"]);
        command.arg("--trust").arg(desk.first_root()).arg("--log-key").arg(desk.keys().join("log.key"));
        Self::spawn(&mut command, data)
    }

    /// Starts a depot by a command that serves `data`, and waits until it listens.
    pub fn spawn(command: &mut Command, data: &Path) -> Result<Self> {
        let log = data.with_extension("depot.log");
        if let Some(parent) = log.parent() {
            fs::create_dir_all(parent)?;
        }
        let file = File::create(&log)?;
        let address_file = data.with_extension("depot.address");
        let _ = fs::remove_file(&address_file);
        command.arg("--address-file").arg(&address_file);
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot run {}", run::line(command)))?;
        let mut depot = Self { child, log, address: String::new() };
        depot.address = run::wait("the depot to listen", PATIENCE, || {
            if let Some(status) = depot.child.try_wait()? {
                bail!("writ-depot ended with {status}:\n{}", depot.said());
            }
            Ok(fs::read_to_string(&address_file)
                .ok()
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty()))
        })?;
        Ok(depot)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has logged.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it in an orderly way.
    pub fn stop(mut self) -> Result<()> {
        run::checked(Command::new("kill").args(["-TERM", &self.pid().to_string()]))?;
        let status = run::wait("the depot to stop", PATIENCE, || Ok(self.child.try_wait()?))?;
        if status.success() { Ok(()) } else { bail!("writ-depot ended with {status}:\n{}", self.said()) }
    }

    /// Waits until it has ended by itself; an error when it goes on.
    pub fn ended(mut self) -> Result<()> {
        run::wait("the depot to end", PATIENCE, || Ok(self.child.try_wait()?)).map(drop)
    }

    /// Kills it, as a power cut would.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop).context("the depot does not end")
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
