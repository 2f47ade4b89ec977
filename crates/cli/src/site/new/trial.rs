//! A copy of a tree with one site in it, the new one: what `writ check` says of it holds before anything is written.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::description::Site;
use super::files;
use super::interrupt::Interrupt;
use super::library::{FOLDERS, Library};
use crate::check::checked::{self, Checked, Known};
use crate::embedded::LIBRARY;
use crate::failure::{Failure, Outcome};
use crate::files::copy_folder;

/// The copy, removed with this value.
pub struct Trial<'a> {
    folder: TempDir,
    interrupt: &'a Interrupt,
}

impl<'a> Trial<'a> {
    /// Copies what a site is judged with.
    pub fn of(library: &Library, interrupt: &'a Interrupt) -> Outcome<Self> {
        let copied = interrupt.folder(&std::env::temp_dir(), "writ-site-", |folder| match library {
            Library::Tree(root) => {
                FOLDERS.iter().try_for_each(|name| copy_folder(&root.join(name), &folder.join(name)))
            }
            Library::Embedded => lay(folder, LIBRARY.iter().copied()),
        });
        match copied {
            Ok(folder) => Ok(Self { folder, interrupt }),
            Err(e) => Err(Failure::could_not("this tree cannot be copied to try the site in").because(e)),
        }
    }

    /// What the tree knows.
    pub fn known(&self) -> Outcome<Known> {
        checked::known(self.folder.path())
    }

    /// What `writ check` says of the tree with this site.
    pub fn check(&self, site: &Site) -> Outcome<Checked> {
        let hosts = self.folder.path().join("hosts");
        let laid = self.interrupt.undivided(|| {
            let fresh = if hosts.exists() { fs::remove_dir_all(&hosts) } else { Ok(()) };
            fresh.and_then(|()| lay(self.folder.path(), files::files(site)))
        });
        laid.map_err(|e| Failure::could_not("the site cannot be tried").because(e))?;
        Checked::site(self.folder.path(), &site.name)
    }
}

/// Writes files below a folder.
pub fn lay<P: AsRef<Path>, T: AsRef<[u8]>>(root: &Path, files: impl IntoIterator<Item = (P, T)>) -> io::Result<()> {
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(path, content)?;
    }
    Ok(())
}
