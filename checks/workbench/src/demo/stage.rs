//! What the story is played on: a network of its own, with a depot at its hub and a proxy in front of it, which lies when it
//! is told to.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use writ_scenarios::appliance::{Appliance, Supply};
use writ_scenarios::depot::Depot;
use writ_scenarios::network::{self, HUB, Network};
use writ_scenarios::proxy::Proxy;
use writ_scenarios::workshop::Workshop;

/// Where appliances believe the depot to be.
const PROXY_PORT: u16 = 8080;

/// The stage.
pub struct Stage {
    // In the order in which they go: the proxy and the depot before the network that they stand in.
    /// What stands between appliances and the depot.
    pub proxy: Proxy,
    /// The depot.
    pub depot: Depot,
    /// The cables.
    pub network: Network,
}

impl Stage {
    /// Sets it up: the depot keeps what it has in `data`.
    pub fn set(desk: &Workshop, data: &Path) -> Result<Self> {
        let network = Network::new("demo")?;
        let depot = Depot::start(desk, data, "127.0.0.1:0", Some(&network))?;
        let address = depot.address.parse().context("the depot's address")?;
        let hub = network.hub_path();
        let proxy = Proxy::start(&format!("{HUB}:{PROXY_PORT}"), address, move || network::enter(&hub))?;
        Ok(Self { proxy, depot, network })
    }

    /// Boots an appliance whose courier reaches the depot through the proxy. Nothing of ours runs on it yet.
    pub fn boot(&mut self, desk: &Workshop, name: &str, root: &Path) -> Result<Appliance> {
        let (namespace, url) = (self.network.join(name)?, format!("http://{HUB}:{PROXY_PORT}"));
        Appliance::boot(desk, name, root, Supply::Depot { url: &url, namespace: &namespace })
    }

    /// Publishes the next release of the committed flake to the folder and to the depot.
    pub fn release(&self, desk: &Workshop) -> Result<()> {
        desk.release_to_depot(&self.depot.url(), |writ| self.network.at_hub(writ))
    }

    /// The `writ` command at the hub, with these arguments and how the depot is reached.
    pub fn writ<'a>(&self, desk: &Workshop, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.network.at_hub(desk.bin.join("writ"));
        command.current_dir(&desk.dir).env("NO_COLOR", "1").args(arguments);
        command.args(["--depot", &self.depot.url(), "--read-key", "keys/reader.key"]);
        command
    }
}
