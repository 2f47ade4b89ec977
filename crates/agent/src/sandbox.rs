//! What each process of an appliance keeps for itself.

use std::path::{Path, PathBuf};

use writ_client::Settings;
use writ_confine::{Files, Sandbox, calls};

use crate::config::SwitchCommand;
use crate::logs;
use crate::network;
use crate::planner;
use crate::sync;

/// Where programs find the names of users, hosts and time zones, and the libraries that look them up.
const SYSTEM: &[&str] = &["/etc", "/usr", "/lib", "/lib64", "/nix/store", "/dev/null", "/dev/urandom", "/proc/self"];
/// Where resolv.conf leads to.
const RESOLVERS: &[&str] =
    &["/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/run/connman", "/run/nscd"];
/// Where the journal lies.
const JOURNALS: &[&str] = &["/var/log/journal", "/run/log/journal", "/run/systemd"];
/// The port of name servers, for answers that do not fit into a datagram.
const DNS: u16 = 53;

fn paths(of: &[&str]) -> Vec<PathBuf> {
    of.iter().map(PathBuf::from).collect()
}

/// Of `writ-probe`: it reads what is asked for, writes what it saw, and asks anybody over the network.
pub fn of_probe(config: &network::config::Config) -> Sandbox {
    let mut read = paths(RESOLVERS);
    // For resolv.conf and hosts: a file that is replaced is another one, and the folder is what stays.
    // On NixOS what lies in /etc are links into the store.
    read.extend(["/etc".into(), "/nix/store".into(), config.asks()]);
    read.extend(config.ca_file.clone());
    let write = vec![config.looks(), config.state_dir.clone()];
    Sandbox { files: Some(Files { read, write, ..Files::default() }), calls: calls::of_looker() }
}

/// Of `writ-planner`: it reads what it is asked and what became of its answers, writes what it chose, and has no network, nor
/// any socket. Where a model may be reached from this machine it connects to the model's port alone, and looks up names.
pub fn of_planner(config: &planner::config::Config) -> Sandbox {
    let mut read = vec![config.requests(), config.verdicts()];
    let write = vec![config.plans(), config.state_dir.clone()];
    if let Some(model) = &config.model {
        read.extend(paths(SYSTEM));
        read.extend(paths(RESOLVERS));
        read.extend(model.ca_file.clone());
        read.extend(model.credentials());
        let connect = Some(vec![model.port, DNS]);
        return Sandbox { files: Some(Files { read, write, connect, ..Files::default() }), calls: calls::of_courier() };
    }
    Sandbox {
        files: Some(Files { read, write, connect: Some(Vec::new()), ..Files::default() }),
        calls: calls::of_chooser(),
    }
}

/// Of `writ-sync`: it reads the outbox and the presence, writes the inbox, and connects to the depot's port alone.
pub fn of_sync(config: &sync::config::Config) -> Sandbox {
    let mut read = paths(SYSTEM);
    read.extend(paths(RESOLVERS));
    // The enforcer may make its folders of the spool anew: they are reached through what holds them.
    read.extend([config.spool.clone(), config.trust.clone(), config.store.clone()]);
    read.extend(config.ca_file.clone());
    let write = vec![config.inbox(), config.state_dir.clone()];
    let ports = config.settings().port().into_iter().chain([DNS]).collect();
    Sandbox { files: Some(Files { read, write, connect: Some(ports), ..Files::default() }), calls: calls::of_courier() }
}

/// Of what carries the claim of a new machine: it reads the claim, writes what came, and connects to the depot's port alone.
pub fn of_claimant(claim: &Path, answer: &Path, depot: &Settings) -> Sandbox {
    let mut read = paths(SYSTEM);
    read.extend(paths(RESOLVERS));
    read.push(claim.to_owned());
    read.extend(depot.ca_file.clone());
    let write = vec![answer.to_owned()];
    let ports = depot.port().into_iter().chain([DNS]).collect();
    Sandbox { files: Some(Files { read, write, connect: Some(ports), ..Files::default() }), calls: calls::of_courier() }
}

/// Of `writ-logs`, and so of the journalctl that it starts: it reads logs, writes batches, and has no network.
pub fn of_logs(config: &logs::config::Config) -> Sandbox {
    let mut read = paths(&["/etc", "/proc", "/sys/fs/cgroup", "/dev/null", "/dev/urandom"]);
    read.extend(paths(JOURNALS));
    // A file that is rotated is another one, and the folder is what stays.
    let files = config.sources.values().flat_map(|source| &source.files);
    read.extend(files.filter_map(|file| file.parent().map(PathBuf::from)));
    let mut run = paths(&["/usr", "/bin", "/lib", "/lib64", "/nix/store"]);
    run.extend(config.journalctl.iter().filter_map(|program| program.parent().map(PathBuf::from)));
    let write = vec![config.spool.join(logs::FOLDER), config.state_dir.clone()];
    Sandbox {
        files: Some(Files { read, write, run, connect: Some(Vec::new()), ..Files::default() }),
        calls: calls::of_reader(),
    }
}

/// Of the status page: it shows what lies in this folder at a listening socket that it has already.
pub fn of_page(folder: &Path) -> Sandbox {
    let files =
        Files { read: vec![folder.to_owned()], write: Vec::new(), connect: Some(Vec::new()), ..Files::default() };
    Sandbox { files: Some(files), calls: calls::of_page() }
}

/// Of `writ-record sample`: it reads below these folders, and writes in one.
pub fn of_sampler(read: &[PathBuf], write: &Path) -> Sandbox {
    let files =
        Files { read: read.to_vec(), write: vec![write.to_owned()], connect: Some(Vec::new()), ..Files::default() };
    Sandbox { files: Some(files), calls: calls::of_sampler() }
}

/// Of every other job of `writ-record`, and so of what it starts: restic, borg, ssh, a scan. Where those read, write and
/// connect only whoever set them up knows; the unit says that.
pub fn of_recorder() -> Sandbox {
    Sandbox { files: None, calls: calls::of_recorder() }
}

/// Of `writ-enforce`, and so of every program of a runbook: all files, for it heals the whole machine, and no network.
pub fn of_enforcer(switch: SwitchCommand) -> Sandbox {
    Sandbox { files: None, calls: calls::of_healer(switch == SwitchCommand::Process) }
}
