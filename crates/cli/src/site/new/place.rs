//! Putting a new site in its place: all of it, or nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::description::Site;
use super::files;
use super::interrupt::Interrupt;
use super::trial::lay;
use crate::embedded::{LIBRARY, TEMPLATE};
use crate::failure::{Failure, Outcome};

/// Whether a tree can begin in a folder: nothing is there that it brings, nor sites.
pub fn is_free(root: &Path) -> Outcome<()> {
    let brought = LIBRARY.iter().filter_map(|(path, _)| path.split('/').next());
    let names: BTreeSet<&str> = brought.chain(["hosts"]).collect();
    match names.iter().find(|name| root.join(name).symlink_metadata().is_ok()) {
        None => Ok(()),
        Some(name) => Err(Failure::refused(format!("a tree of policy cannot begin here: there is a `{name}` already"))
            .at(root.display())
            .next("name an empty folder, or one that holds a tree, with --tree DIR")),
    }
}

/// Adds the site to a tree.
pub fn add(root: &Path, site: &Site, interrupt: &Interrupt) -> Outcome<()> {
    let failed = |e: io::Error| failure(root, e);
    let stage = interrupt.folder(root, ".writ-site-", |stage| lay(stage, files::files(site))).map_err(failed)?;
    interrupt.undivided(|| {
        let hosts = root.join("hosts");
        let fresh = !hosts.exists();
        if fresh {
            fs::create_dir(&hosts).map_err(failed)?;
        }
        let from = stage.path().join("hosts").join(&site.name);
        fs::rename(from, hosts.join(&site.name)).map_err(|e| {
            if fresh {
                let _ = fs::remove_dir(&hosts);
            }
            failed(e)
        })
    })
}

/// Begins a tree with the site; what was put in place is taken away again if something cannot be. Returns the files of the
/// template that were there already and stay as they are.
pub fn begin(root: &Path, site: &Site, interrupt: &Interrupt) -> Outcome<Vec<&'static str>> {
    let failed = |e: io::Error| failure(root, e);
    let (kept, wanted): (Vec<_>, Vec<_>) =
        TEMPLATE.iter().copied().partition(|(name, _)| root.join(name).symlink_metadata().is_ok());
    let stage = interrupt.folder(root, ".writ-site-", |stage| {
        lay(stage, LIBRARY.iter().copied().chain(wanted))?;
        lay(stage, files::files(site))
    });
    let stage = stage.map_err(failed)?;
    interrupt.undivided(|| {
        let mut placed: Vec<PathBuf> = Vec::new();
        let mut all = || {
            for entry in fs::read_dir(stage.path())? {
                let entry = entry?;
                let to = root.join(entry.file_name());
                fs::rename(entry.path(), &to)?;
                placed.push(to);
            }
            Ok(())
        };
        all().map_err(|e: io::Error| {
            for path in &placed {
                let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            }
            failed(e)
        })
    })?;
    Ok(kept.into_iter().map(|(name, _)| name).collect())
}

fn failure(root: &Path, error: io::Error) -> Failure {
    Failure::could_not("the site cannot be written; nothing of it is left").at(root.display()).because(error)
}
