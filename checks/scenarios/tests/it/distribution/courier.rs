//! A running `writ-sync`.

use std::fs::{self, File};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use writ_scenarios::proxy::Proxy;
use writ_scenarios::run;
use writ_trust::minisign::{SecretKey, SecretKeyFile};

use crate::house::daemon::PATIENCE;
use crate::house::{House, program};

/// The process; killed when dropped.
pub struct Courier(Child);

impl Courier {
    /// The text of `sync.toml`: the depot is where the proxy is, the spool is the house, and no store path is there already.
    pub fn configuration(house: &House, proxy: &Proxy) -> String {
        let at = |name: &str| house.path(name).display().to_string();
        format!(
            "site = \"{}\"\nappliance = \"front-desk\"\ndepot = \"http://{}\"\ntrust = \"{}\"\nspool = \"{}\"\n\
             state_dir = \"{}\"\nstore = \"{}\"\ncheckin = \"1s\"\nsync = \"10s\"\n",
            house.site,
            proxy.address(),
            at("etc/trust.json"),
            at(""),
            at("sync"),
            at("store"),
        )
    }

    /// Starts it, and waits until it takes signals; what it says goes to `courier.stderr` in the house.
    pub fn start(house: &House) -> Self {
        let path = house.path("courier.stderr");
        let said = File::options().create(true).append(true).open(&path).unwrap();
        let before = said.metadata().unwrap().len();
        let mut command = program("writ-sync");
        command.arg("--config").arg(house.path("etc/sync.toml"));
        let courier = Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap());
        let begun = || fs::metadata(&path).is_ok_and(|said| said.len() > before).then_some(());
        run::wait("the courier's first words", PATIENCE, || Ok(begun())).unwrap();
        courier
    }

    /// Asks it to do everything now.
    pub fn hurry(&self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::HUP);
    }

    /// The key that it has made for itself.
    pub fn key(house: &House) -> SecretKey {
        let text = fs::read_to_string(house.path("sync/courier.key")).unwrap();
        SecretKeyFile::parse(&text).unwrap().open().unwrap()
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
