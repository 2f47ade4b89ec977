//! Named steps of a task, timed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// Runs one step and prints how long it took.
pub fn phase<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    eprintln!("── {name}");
    let result = work().with_context(|| name.to_owned());
    eprintln!("   {name}: {:.1} s{}", start.elapsed().as_secs_f64(), if result.is_ok() { "" } else { ", failed" });
    result
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a command with its output shown; an exit code other than 0 is an error.
pub fn show(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", crate::run::line(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", crate::run::line(command));
    }
    Ok(())
}

/// Every file that git tracks or would track, relative to the root.
pub fn tracked_files() -> Result<Vec<PathBuf>> {
    let mut command = Command::new("git");
    command.current_dir(root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = crate::run::checked(&mut command)?;
    Ok(listed.split('\0').filter(|name| !name.is_empty() && root().join(name).is_file()).map(PathBuf::from).collect())
}
