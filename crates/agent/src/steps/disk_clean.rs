//! `disk.clean`: deletes old files beneath a directory.
//!
//! Symbolic links are neither followed nor deleted, other file systems are not entered, directories stay. Everything
//! happens relative to open directories, so that nobody can lead the deletion elsewhere meanwhile.

use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};
use std::time::Instant;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use writ_policy::schema::{Kind, StepSchema};
use writ_policy::values::Form;

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::cancel::Cancel;
use crate::probes::required;

/// The most entries that one run looks at.
const MAX_ENTRIES: u64 = 200_000;
/// How deep it goes; each level holds one directory open.
const MAX_DEPTH: usize = 64;

/// Where nothing is to be deleted by age, whatever a policy says: the system, its store, its configuration, the kernel's
/// own file systems.
const FORBIDDEN: [&str; 12] =
    ["/nix", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/proc", "/sys", "/dev", "/run"];

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: Touch::path };

const SCHEMA: StepSchema = StepSchema {
    name: "disk.clean",
    about: "deletes regular files beneath a directory that were last changed before a time",
    parameters: &[
        required("path", Kind::Text, "the directory, as in \"/var/tmp\"").form(Form::AbsolutePath),
        required("older_than", Kind::Span, "how old a file must be, at least \"1m\""),
    ],
};

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let path = parameters.path("path")?;
    let older_than = parameters.span("older_than")?;
    refuse_system_directories(path)?;
    if older_than.seconds() < 60 {
        return Err(StepError::refused("parameter older_than: expected at least \"1m\""));
    }
    let root = open(CWD, path).map_err(|e| StepError::io(path.display())(e.into()))?;
    let device = rustix::fs::fstat(&root).map_err(|e| StepError::io(path.display())(e.into()))?.st_dev;
    let before = (context.now.unix_millis() - older_than.millis()).div_euclid(1000);
    let mut sweep = Sweep::new(before, device, Instant::now() + context.timeout, &context.cancel);
    sweep.directory(root, 0).map_err(StepError::io(path.display()))?;
    sweep.report(path)
}

fn refuse_system_directories(path: &Path) -> Result<(), StepError> {
    let depth = path.components().filter(|part| matches!(part, Component::Normal(_))).count();
    if depth < 2 && path != Path::new("/tmp") || FORBIDDEN.iter().any(|forbidden| path.starts_with(forbidden)) {
        return Err(StepError::refused(format!("{} is no place to delete files by age", path.display())));
    }
    Ok(())
}

fn open(at: impl std::os::fd::AsFd, path: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

struct Sweep<'a> {
    /// Files last changed before this many seconds since 1970 go.
    before: i64,
    device: u64,
    deadline: Instant,
    cancel: &'a Cancel,
    /// The most entries that it looks at.
    most: u64,
    seen: u64,
    removed: u64,
    freed_bytes: u64,
    failed: u64,
    cut_short: Option<String>,
}

impl<'a> Sweep<'a> {
    fn new(before: i64, device: u64, deadline: Instant, cancel: &'a Cancel) -> Self {
        let (most, cut_short) = (MAX_ENTRIES, None);
        Self { before, device, deadline, cancel, most, seen: 0, removed: 0, freed_bytes: 0, failed: 0, cut_short }
    }

    fn directory(&mut self, directory: OwnedFd, depth: usize) -> io::Result<()> {
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            self.seen += 1;
            if self.seen > self.most {
                self.cut_short = Some(format!("there are more than {} entries", self.most));
            } else if Instant::now() >= self.deadline {
                self.cut_short = Some("the time was up".to_owned());
            } else if self.cancel.is_cancelled() {
                self.cut_short = Some("it was told to end".to_owned());
            }
            if self.cut_short.is_some() {
                return Ok(());
            }
            if self.entry(&directory, name, depth).is_err() {
                self.failed += 1;
            }
        }
        Ok(())
    }

    fn entry(&mut self, directory: &OwnedFd, name: &CStr, depth: usize) -> io::Result<()> {
        let facts = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(()),
            other => other?,
        };
        if facts.st_dev != self.device {
            return Ok(());
        }
        match FileType::from_raw_mode(facts.st_mode) {
            FileType::Directory if depth < MAX_DEPTH => self.directory(open(directory, name)?, depth + 1),
            FileType::RegularFile if facts.st_mtime < self.before => {
                rustix::fs::unlinkat(directory, name, AtFlags::empty())?;
                self.removed += 1;
                // Room is free only when the last name is gone.
                if facts.st_nlink <= 1 {
                    self.freed_bytes += u64::try_from(facts.st_blocks).unwrap_or(0).saturating_mul(512);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn report(self, path: &Path) -> Result<Done, StepError> {
        let mut said = format!("deleted {} files beneath {}, {} bytes", self.removed, path.display(), self.freed_bytes);
        if self.failed > 0 {
            said.push_str(&format!("; {} entries could not be read or deleted", self.failed));
        }
        match self.cut_short {
            Some(why) => Err(StepError::refused(format!("not finished, {why}: {said}"))),
            None => Ok(Done::saying(said)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    /// What cleaning twenty old files comes to, and how many are left.
    fn cleaned(with: impl FnOnce(&mut Sweep<'_>), cancel: &Cancel) -> (Result<String, String>, usize) {
        let dir = tempfile::tempdir().unwrap();
        for deep in ["", "deep"] {
            fs::create_dir_all(dir.path().join(deep)).unwrap();
            (0..10).for_each(|n| fs::write(dir.path().join(deep).join(n.to_string()), "").unwrap());
        }
        let root = open(CWD, dir.path()).unwrap();
        let device = rustix::fs::fstat(&root).unwrap().st_dev;
        let mut sweep = Sweep::new(i64::MAX, device, Instant::now() + Duration::from_secs(60), cancel);
        with(&mut sweep);
        sweep.directory(root, 0).unwrap();
        let left =
            |folder: &Path| fs::read_dir(folder).unwrap().filter(|e| e.as_ref().unwrap().path().is_file()).count();
        let left = left(dir.path()) + left(&dir.path().join("deep"));
        (sweep.report(Path::new("/x")).map(|done| done.said).map_err(|e| e.to_string()), left)
    }

    #[test]
    fn it_ends_at_its_bound_when_its_time_is_up_and_when_it_is_told_to() {
        let cancel = Cancel::new().unwrap();
        let (said, left) = cleaned(|_| {}, &cancel);
        assert_eq!((said.as_deref(), left), (Ok("deleted 20 files beneath /x, 0 bytes"), 0));
        // One of the twenty-one entries is a folder, which costs its place and stays.
        let (said, left) = cleaned(|sweep| sweep.most = 7, &cancel);
        assert!(said.unwrap_err().starts_with("not finished, there are more than 7 entries: deleted "));
        assert!((13..=14).contains(&left), "{left}");
        let (said, left) = cleaned(|sweep| sweep.deadline = Instant::now(), &cancel);
        assert_eq!(said.unwrap_err(), "not finished, the time was up: deleted 0 files beneath /x, 0 bytes");
        assert_eq!(left, 20);
        cancel.cancel();
        let (said, left) = cleaned(|_| {}, &cancel);
        assert_eq!(said.unwrap_err(), "not finished, it was told to end: deleted 0 files beneath /x, 0 bytes");
        assert_eq!(left, 20);
    }
}
