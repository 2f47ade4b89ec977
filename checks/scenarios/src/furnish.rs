//! What a well-kept clinic's machine has and a bare container lacks. A check that begins to be observed would fail in every
//! container otherwise, and the story would be about that.
//!
//! One file per family of probes, listed below. It lays down what an administrator, a timer or an installed program would
//! have left, in the form in which they leave it; what a container cannot have (a disk, firmware) is not made up.

mod backups;
mod kernel_modules;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};

use crate::container::Container;

/// What furnishes for one family of probes.
type Family = fn(&Container) -> Result<()>;

const FAMILIES: &[(&str, Family)] = &[("backups", backups::furnish), ("kernel modules", kernel_modules::furnish)];

/// Furnishes a container that is up and in which nothing of ours runs yet.
pub fn furnish(container: &Container) -> Result<()> {
    for (name, family) in FAMILIES {
        family(container).with_context(|| format!("cannot furnish the container with {name}"))?;
    }
    Ok(())
}

/// Writes a file of root's inside, and the folders above it.
fn lay(container: &Container, inside: &str, mode: u32, bytes: impl AsRef<[u8]>) -> Result<()> {
    let path = container.path(inside);
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).with_context(|| path.display().to_string())
}
