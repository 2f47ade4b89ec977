//! A disk whose power can be cut: what no program waited for is lost.
//!
//! It is an ext4 file system in a file. Mounted so that nothing reaches the file by itself for minutes (`commit=300`) and
//! that no rename brings data with it (`data=writeback`, `noauto_da_alloc`; ext4(5)), the file holds at any instant just
//! what `fsync` and its like have brought there, which is what a machine finds after its power came back. One thing it
//! cannot show: ext4 has one journal, so a wait for one file brings the names of others to the disk too.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::run;

/// Room for a house, or for a container with an own Nix store; a file with holes, so it takes only what is used.
const SIZE: u64 = 256 * 1024 * 1024;
const OPTIONS: &str = "loop,commit=300,data=writeback,noauto_da_alloc";

/// A mounted disk; unmounted when dropped.
pub struct Disk {
    folder: TempDir,
    at: PathBuf,
}

impl Disk {
    /// A fresh disk, mounted over a folder that is there.
    pub fn mounted(at: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("writ-disk-").tempdir()?;
        let disk = Self { folder, at: at.to_owned() };
        File::create(disk.image())?.set_len(SIZE)?;
        let mut make = Command::new("mkfs.ext4");
        make.args(["-q", "-F", "-m", "0", "-J", "size=8", "-O", "^resize_inode"]).arg(disk.image());
        run::checked(&mut make).context("mkfs.ext4 is needed (package e2fsprogs)")?;
        disk.mount()?;
        Ok(disk)
    }

    /// Brings all that was written so far to the disk, and keeps what it holds then, for [`Disk::restore`].
    pub fn save(&self) -> Result<()> {
        rustix::fs::syncfs(File::open(&self.at)?)?;
        copy(&self.image(), &self.saved())
    }

    /// Makes the disk what it was when it was saved. Nobody may be working on it.
    pub fn restore(&self) -> Result<()> {
        self.becomes(&self.saved())
    }

    /// Cuts the power: what was not brought to the disk is gone. The processes that work on it must have been killed.
    pub fn cut(&self) -> Result<()> {
        self.becomes(&self.image())
    }

    /// Mounts what a file holds now instead of what is mounted. Always as a new file: the kernel may go on knowing the old
    /// one, and what it remembers of it, for a while.
    fn becomes(&self, what: &Path) -> Result<()> {
        let next = self.folder.path().join("next");
        // Before unmounting, which writes the rest.
        copy(what, &next)?;
        self.unmount()?;
        fs::rename(next, self.image())?;
        self.mount()
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn saved(&self) -> PathBuf {
        self.folder.path().join("saved")
    }

    fn mount(&self) -> Result<()> {
        run::checked(Command::new("mount").args(["-t", "ext4", "-o", OPTIONS]).arg(self.image()).arg(&self.at))
            .map(drop)
            .context("mounting a file takes root and a free loop device")
    }

    /// Those who were killed may take a moment to let go.
    fn unmount(&self) -> Result<()> {
        run::wait("the disk to be let go", Duration::from_secs(60), || {
            Ok(run::any(Command::new("umount").arg(&self.at))?.status.success().then_some(()))
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run::any(Command::new("umount").arg("--lazy").arg(&self.at));
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    run::checked(Command::new("cp").args(["--sparse=always", "--reflink=auto"]).arg(from).arg(to)).map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "in a test, what fails should panic")]

    use super::*;

    /// The disk itself is put to the test: it must lose what nobody waited for, or every test on it proves nothing.
    #[test]
    fn what_nobody_waited_for_is_lost() {
        if !run::is_root() {
            panic!("mounting takes root");
        }
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::mounted(folder.path()).unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("before"), "saved").unwrap();
        disk.save().unwrap();
        fs::write(at("before"), "written over").unwrap();
        fs::write(at("unsynced"), "x").unwrap();
        fs::write(at("synced"), "y").unwrap();
        File::open(at("synced")).unwrap().sync_all().unwrap();
        fs::write(at("renamed.new"), "whole").unwrap();
        fs::rename(at("renamed.new"), at("renamed")).unwrap();
        disk.cut().unwrap();
        assert_eq!(fs::read_to_string(at("synced")).unwrap(), "y");
        assert!(!at("renamed").exists(), "a name that nobody waited for");
        assert_ne!(fs::read_to_string(at("before")).unwrap(), "written over");
        assert_ne!(fs::read_to_string(at("unsynced")).unwrap_or_default(), "x");
        disk.restore().unwrap();
        assert_eq!(fs::read_to_string(at("before")).unwrap(), "saved");
        assert!(!at("synced").exists());
    }
}
