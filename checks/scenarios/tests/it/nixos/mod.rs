//! What `modules/nixos` come to, held against what it is for: the daemons' own parsers read the configurations, a real
//! systemd runs the units, and Nix judges predicates as we do.

mod configurations;
mod first_boot;
mod judge;
mod plain;
mod programs;
mod schedule;
mod scripts;
mod units;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use writ_scenarios::{flake, run};

/// The machines of `checks/nixos/configurations.nix`; `package` stands for all packages of ours.
pub fn machines(package: &Path) -> Value {
    let root = flake::repository();
    let mut command = Command::new("nix-instantiate");
    command.current_dir(root).args(["--eval", "--strict", "--json", "--store", "dummy://"]);
    command.args(["checks/nixos/configurations.nix", "--arg", "root", "./.", "--argstr", "package"]).arg(package);
    serde_json::from_str(&run::checked(&mut command).unwrap()).unwrap()
}

/// The texts of a machine's units, files or scripts by name.
fn texts<'a>(machines: &'a Value, machine: &str, kind: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    let all = machines[machine][kind].as_object().unwrap_or_else(|| panic!("{machine} has no {kind}"));
    all.iter().map(|(name, text)| (name.as_str(), text.as_str().unwrap()))
}
