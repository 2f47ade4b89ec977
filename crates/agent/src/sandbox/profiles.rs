//! The sandbox of each process.

use std::path::PathBuf;

use super::{Files, Sandbox, calls};
use crate::config::SwitchCommand;
use crate::network;
use crate::planner;
use crate::sync;

/// Where programs find the names of users, hosts and time zones, and the libraries that look them up.
const SYSTEM: &[&str] = &["/etc", "/usr", "/lib", "/lib64", "/nix/store", "/dev/null", "/dev/urandom", "/proc/self"];
/// Where resolv.conf leads to.
const RESOLVERS: &[&str] =
    &["/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/connman", "/run/nscd"];
/// The port of name servers, for answers that do not fit into a datagram.
const DNS: u16 = 53;

fn paths(of: &[&str]) -> Vec<PathBuf> {
    of.iter().map(PathBuf::from).collect()
}

impl Sandbox {
    /// Of `writ-probe`: it reads what is asked for, writes what it saw, and asks anybody over the network.
    pub fn of_probe(config: &network::config::Config) -> Self {
        let mut read = paths(RESOLVERS);
        // For resolv.conf and hosts: a file that is replaced is another one, and the folder is what stays.
        // On NixOS what lies in /etc are links into the store.
        read.extend(["/etc".into(), "/nix/store".into(), config.asks()]);
        read.extend(config.ca_file.clone());
        let write = vec![config.looks(), config.state_dir.clone()];
        Self { files: Some(Files { read, write, connect: None }), calls: calls::of_looker() }
    }

    /// Of `writ-planner`: it reads what it is asked and what became of its answers, writes what it chose, and has no network, nor
    /// any socket.
    pub fn of_planner(config: &planner::config::Config) -> Self {
        let read = vec![config.requests(), config.verdicts()];
        let write = vec![config.plans(), config.state_dir.clone()];
        Self { files: Some(Files { read, write, connect: Some(Vec::new()) }), calls: calls::of_chooser() }
    }

    /// Of `writ-sync`: it reads the outbox and the presence, writes the inbox, and connects to the depot's port alone.
    pub fn of_sync(config: &sync::config::Config) -> Self {
        let mut read = paths(SYSTEM);
        read.extend(paths(RESOLVERS));
        // The enforcer may make its folders of the spool anew: they are reached through what holds them.
        read.extend([config.spool.clone(), config.trust.clone(), config.store.clone()]);
        read.extend(config.ca_file.clone());
        let write = vec![config.inbox(), config.state_dir.clone()];
        let ports = config.settings().port().into_iter().chain([DNS]).collect();
        Self { files: Some(Files { read, write, connect: Some(ports) }), calls: calls::of_courier() }
    }

    /// Of `writ-enforce`, and so of every program of a runbook: all files, for it heals the whole machine, and no network.
    pub fn of_enforcer(switch: SwitchCommand) -> Self {
        Self { files: None, calls: calls::of_healer(switch == SwitchCommand::Process) }
    }
}
