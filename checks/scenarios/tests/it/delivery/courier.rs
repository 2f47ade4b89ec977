//! `writ-sync` on the spool of a world.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use writ_scenarios::run;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};

use super::world::World;
use crate::house::*;

/// How long anything that the programs do by themselves may take: ten thousand bundles on a busy machine take a while.
const PATIENCE: Duration = Duration::from_secs(900);

/// A running courier; killed when dropped.
pub struct Courier(Child);

impl World {
    /// `writ-sync` with its configuration.
    pub fn courier_command(&self) -> Command {
        let at = |name: &str| self.house.path(name).display().to_string();
        let configuration = format!(
            "site = \"{}\"\nappliance = \"front-desk\"\ndepot = \"http://{}\"\ntrust = \"{}\"\nspool = \"{}\"\n\
             state_dir = \"{}\"\ncheckin = \"1s\"\nsync = \"1s\"\n",
            self.site,
            self.address,
            at("etc/trust.json"),
            at("spool"),
            at("sync"),
        );
        fs::write(self.house.path("etc/sync.toml"), configuration).unwrap();
        let mut command = program("writ-sync");
        command.arg("--config").arg(self.house.path("etc/sync.toml"));
        command
    }

    /// Lets the courier make its key, and vouches for it.
    pub fn enrol_courier(&self) {
        // It ends because nobody vouches for it.
        let ran = ran(self.courier_command().arg("--once"));
        assert!(ran.code != Some(0), "{}", ran.stderr);
        self.vouch();
    }

    /// Everything once.
    pub fn carry(&self) -> Ran {
        ran(self.courier_command().arg("--once"))
    }

    #[track_caller]
    pub fn carried(&self) {
        let ran = self.carry();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }

    pub fn courier(&self) -> Courier {
        self.courier_with(&mut self.courier_command())
    }

    pub fn courier_with(&self, command: &mut Command) -> Courier {
        let said = File::options().create(true).append(true).open(self.house.path("courier.log")).unwrap();
        Courier(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap())
    }

    /// What couriers logged, over all starts.
    pub fn courier_said(&self) -> String {
        fs::read_to_string(self.house.path("courier.log")).unwrap_or_default()
    }

    /// What the courier says of itself.
    pub fn status(&self) -> Value {
        let bytes = fs::read(self.house.path("sync/status.json")).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// The checkpoint that the courier builds on.
    pub fn seen(&self, origin: &str) -> Option<Checkpoint> {
        let note = fs::read(self.house.path("sync/checkpoint")).ok()?;
        Some(SignedCheckpoint::verify(&note, origin, &[public(LOG)]).unwrap().checkpoint)
    }

    /// Waits until something holds; the error carries what the courier said.
    #[track_caller]
    pub fn wait_for(&self, what: &str, mut holds: impl FnMut() -> bool) {
        if let Err(e) = run::wait(what, PATIENCE, || Ok(holds().then_some(()))) {
            let said = self.courier_said();
            let lines: Vec<&str> = said.lines().rev().take(40).collect();
            panic!("{e}; {}\n{}", self.status(), lines.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

impl Courier {
    /// Whether it still runs.
    pub fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Asks it to do everything now, as somebody on the machine can.
    pub fn hurry(&self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::HUP);
    }

    pub fn stop(mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let status = run::wait("the courier's end", PATIENCE, || Ok(self.0.try_wait()?)).unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
