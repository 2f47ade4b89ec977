//! Where the binaries under test are: beside the running test or task, built by the same cargo call.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The folder with our products; `WRIT_BINARIES` names another one.
pub fn folder() -> Result<PathBuf> {
    let folder = match std::env::var_os("WRIT_BINARIES") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let own = std::env::current_exe().context("where is this program?")?;
            let parent = own.parent().context("a program without a folder")?;
            // Test binaries live in target/<profile>/deps, the products one level up.
            if parent.ends_with("deps") {
                parent.parent().context("deps without a parent")?.to_owned()
            } else {
                parent.to_owned()
            }
        }
    };
    for name in [
        "writ",
        "writ-enforce",
        "writ-switch",
        "writ-sync",
        "writ-probe",
        "writ-logs",
        "writ-planner",
        "writ-depot",
        "writ-portal",
    ] {
        if !folder.join(name).is_file() {
            bail!(
                "{} is not built: run `cargo build` first, or name the folder in WRIT_BINARIES",
                folder.join(name).display()
            );
        }
    }
    Ok(folder)
}
