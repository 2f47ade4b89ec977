//! A small network of its own on this machine: a hub with a bridge, where the depot lives, and one namespace per appliance.
//!
//! Nothing of it touches the machine's own interfaces, and all of it is gone when it is dropped.

use std::os::fd::AsFd as _;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// The hub's address, as appliances reach it.
pub const HUB: &str = "10.77.0.1";

/// The network; taken down when dropped.
pub struct Network {
    tag: String,
    joined: Vec<String>,
}

impl Network {
    /// Makes the hub. `tag` keeps networks of one process apart.
    pub fn new(tag: &str) -> Result<Self> {
        let network = Self { tag: format!("writ-{}-{tag}", std::process::id()), joined: Vec::new() };
        let hub = network.hub();
        ip(&["netns", "add", &hub]).context("cannot make a network namespace: this takes root")?;
        ip(&["-n", &hub, "link", "set", "lo", "up"])?;
        ip(&["-n", &hub, "link", "add", "bridge0", "type", "bridge"])?;
        ip(&["-n", &hub, "address", "add", &format!("{HUB}/24"), "dev", "bridge0"])?;
        ip(&["-n", &hub, "link", "set", "bridge0", "up"])?;
        Ok(network)
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.tag)
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.tag)
    }

    /// Joins a machine to the hub; returns the path of its namespace, for the container that will live in it.
    pub fn join(&mut self, name: &str) -> Result<String> {
        let (hub, own) = (self.hub(), self.namespace(name));
        self.joined.push(name.to_owned());
        let number = self.joined.len();
        let port = port_of(number);
        ip(&["netns", "add", &own])?;
        ip(&["-n", &hub, "link", "add", &port, "type", "veth", "peer", "name", "host0", "netns", &own])?;
        ip(&["-n", &hub, "link", "set", &port, "master", "bridge0", "up"])?;
        ip(&["-n", &own, "link", "set", "lo", "up"])?;
        ip(&["-n", &own, "address", "add", &format!("10.77.0.{}/24", number + 10), "dev", "host0"])?;
        ip(&["-n", &own, "link", "set", "host0", "up"])?;
        Ok(format!("/run/netns/{own}"))
    }

    /// Pulls a machine's cable out of the hub, or puts it back.
    pub fn plug(&self, name: &str, plugged: bool) -> Result<()> {
        let number = self.joined.iter().position(|joined| joined == name).context("no such machine")? + 1;
        ip(&["-n", &self.hub(), "link", "set", &port_of(number), if plugged { "up" } else { "down" }])
    }

    /// A command that will run at the hub.
    pub fn at_hub(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.hub()]).arg(program);
        command
    }

    /// The path of the hub's namespace, for [`enter`].
    pub fn hub_path(&self) -> String {
        format!("/run/netns/{}", self.hub())
    }
}

/// Moves the calling thread into a network namespace, for a server of our own that is to listen there.
pub fn enter(path: &str) -> Result<()> {
    let file = std::fs::File::open(path).with_context(|| path.to_owned())?;
    rustix::thread::move_into_link_name_space(file.as_fd(), Some(rustix::thread::LinkNameSpaceType::Network))
        .with_context(|| format!("cannot enter {path}"))
}

fn port_of(number: usize) -> String {
    format!("port{number}")
}

fn ip(arguments: &[&str]) -> Result<()> {
    run::checked(Command::new("ip").args(arguments)).map(drop)
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in self.joined.iter().map(|name| self.namespace(name)).chain([self.hub()]) {
            let _ = ip(&["netns", "delete", &name]);
        }
    }
}
