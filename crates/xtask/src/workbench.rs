//! `cargo xtask demo` and `cargo xtask bench`: builds the products and the program that drives them, and becomes it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use writ_tools::phase::{cargo, root, show};

/// Who is driven, and who drives. Built by one call, so that what they share is compiled once.
const PACKAGES: [&str; 10] =
    ["-p", "writ-cli", "-p", "writ-agent", "-p", "writ-depot", "-p", "writ-portal", "-p", "writ-workbench"];

/// What the task itself understands; `--help` tells.
#[derive(clap::Args)]
pub struct Arguments {
    /// Arguments of the task.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds for a profile, dev or release, and runs the task in place of this one. Figures are taken from the release
/// profile, as the load is made by it: a client with overflow checks would take from the server what it needs.
pub fn run(task: &str, profile: &str, arguments: &Arguments) -> Result<()> {
    show(cargo().args(["build", "--quiet", "--bins", "--profile", profile]).args(PACKAGES))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join(if profile == "dev" { "debug" } else { profile }).join("writ-workbench");
    let error = Command::new(&program).arg(task).args(&arguments.arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
