//! Going through one file system, folder by folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::super::{Unseen, reading};
use crate::accounts::{self, MAX_ACCOUNT_FILE};

/// How many folders may wait, and how many entries one may have.
const MAX_PENDING: usize = 500_000;
/// How long the paths of the folders that wait may be together, in bytes: anybody may make folders with long names.
const MAX_PENDING_BYTES: usize = 16 * 1024 * 1024;
const MAX_ENTRIES: usize = 200_000;
/// How many names are kept of each kind.
const MAX_NAMES: usize = 100;
/// Users that systemd makes up while a service runs (systemd.exec(5), `DynamicUser`): they have no line in /etc/passwd.
const DYNAMIC: std::ops::RangeInclusive<u32> = 61_184..=65_519;

/// What counts and what is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    pub allowed: Vec<String>,
    pub exclude: Vec<String>,
}

/// How many of one kind, and the first of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub count: usize,
    pub names: Vec<String>,
}

impl Named {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < MAX_NAMES {
            self.names.push(name.to_owned());
        }
    }
}

/// What a pass has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub files: usize,
    pub unread: usize,
    pub world_writable: Named,
    pub privileged: usize,
    pub unknown_privileged: Named,
    pub unowned: Named,
}

/// A pass that is under way.
pub(super) struct Walk {
    root: OwnedFd,
    /// As which the root is shown.
    shown_as: PathBuf,
    /// Folders below the root that were not gone through yet.
    pending: Vec<PathBuf>,
    /// The lengths of their paths.
    pending_bytes: usize,
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
    tally: Tally,
}

impl Walk {
    pub(super) fn begin(root: &Path, shown_as: &Path) -> Result<Self, Unseen> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = match rustix::fs::openat(CWD, root, flags, Mode::empty()) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Err(Unseen::not_applicable(format!("{} does not exist", shown_as.display()))),
            Err(e) => return Err(Unseen::failed(shown_as.display(), e)),
        };
        // The machine's own accounts, wherever the tree is: its files were given by it.
        let read = |name: &str| reading::read(Path::new(name), MAX_ACCOUNT_FILE).ok().flatten().unwrap_or_default();
        Ok(Self {
            root: folder,
            shown_as: shown_as.to_owned(),
            pending: vec![PathBuf::new()],
            pending_bytes: 0,
            users: accounts::accounts(&read("/etc/passwd")).iter().map(|account| account.uid).collect(),
            groups: accounts::groups(&read("/etc/group")).iter().map(|group| group.gid).collect(),
            tally: Tally::default(),
        })
    }

    /// Goes on for so long, to the end of a folder at least; returns what the whole pass came to when it is through.
    pub(super) fn go_on(&mut self, rules: &Rules, budget: Duration) -> Result<Option<Tally>, Unseen> {
        let until = Instant::now() + budget;
        while let Some(folder) = self.pending.pop() {
            self.pending_bytes -= folder.as_os_str().len();
            match self.folder(&folder, rules) {
                Ok(()) => {}
                // It went away, was never of this file system, or was replaced by a link.
                Err(Errno::NOENT | Errno::XDEV | Errno::LOOP | Errno::NOTDIR) => {}
                Err(_) => self.tally.unread += 1,
            }
            if self.pending.len() > MAX_PENDING {
                let bound = format!("more than {MAX_PENDING} folders wait to be gone through");
                return Err(Unseen::failed(self.shown_as.display(), bound));
            }
            if Instant::now() >= until && !self.pending.is_empty() {
                return Ok(None);
            }
        }
        Ok(Some(std::mem::take(&mut self.tally)))
    }

    fn folder(&mut self, folder: &Path, rules: &Rules) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let inside = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV | ResolveFlags::BENEATH;
        let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let opened = rustix::fs::openat2(&self.root, place, flags, Mode::empty(), inside)?;
        let device = rustix::fs::fstat(&opened)?.st_dev;
        for (number, entry) in Dir::read_from(&opened)?.enumerate() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if number == MAX_ENTRIES {
                self.tally.unread += 1;
                break;
            }
            let Ok(facts) = rustix::fs::statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let path = folder.join(std::ffi::OsStr::new(&*name.to_string_lossy()));
            let shown = self.shown_as.join(&path).to_string_lossy().into_owned();
            if facts.st_dev != device || rules.exclude.contains(&shown) {
                continue;
            }
            self.entry(&shown, &facts, rules);
            if FileType::from_raw_mode(facts.st_mode).is_dir() {
                // By its own bytes, also where they are no text.
                let own = std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes());
                let own = folder.join::<&std::ffi::OsStr>(own);
                let length = own.as_os_str().len();
                if self.pending_bytes + length > MAX_PENDING_BYTES {
                    self.tally.unread += 1;
                    continue;
                }
                self.pending_bytes += length;
                self.pending.push(own);
            }
        }
        Ok(())
    }

    fn entry(&mut self, shown: &str, facts: &Stat, rules: &Rules) {
        let kind = FileType::from_raw_mode(facts.st_mode);
        let has = |bits: u32| facts.st_mode & bits != 0;
        self.tally.files += 1;
        // Of a folder with the sticky bit everybody removes only what is their own; of a link the mode means nothing.
        if has(0o002) && (kind.is_file() || (kind.is_dir() && !has(0o1000))) {
            self.tally.world_writable.add(shown);
        }
        if kind.is_file() && (has(0o4000) || (has(0o2000) && has(0o010))) {
            self.tally.privileged += 1;
            let allows =
                |allowed: &String| shown == allowed || (allowed.ends_with('/') && shown.starts_with(allowed.as_str()));
            if !rules.allowed.iter().any(allows) {
                self.tally.unknown_privileged.add(shown);
            }
        }
        let unnamed = |known: &BTreeSet<u32>, number: u32| !known.contains(&number) && !DYNAMIC.contains(&number);
        if unnamed(&self.users, facts.st_uid) || unnamed(&self.groups, facts.st_gid) {
            self.tally.unowned.add(shown);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_which_not_all_can_be_remembered_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        let rules = Rules { allowed: vec![], exclude: vec![] };
        let pass = |waiting: usize| {
            let mut walk = Walk::begin(dir.path(), Path::new("/")).unwrap();
            walk.pending_bytes = waiting;
            walk.go_on(&rules, Duration::from_secs(60)).unwrap().unwrap()
        };
        assert_eq!((pass(0).files, pass(0).unread), (2, 0));
        let full = pass(MAX_PENDING_BYTES);
        assert_eq!((full.files, full.unread), (1, 1), "`a` is seen, and not gone into");
    }
}
