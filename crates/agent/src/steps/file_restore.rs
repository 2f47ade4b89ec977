//! `file.restore`: puts a file's content, mode and owner back.
//!
//! Nothing is followed on the way: the file's directory is reached one component at a time without symbolic links, and
//! everything happens relative to that open directory, so that nobody can lead the write elsewhere meanwhile. New
//! content is written beside the file, fsynced and renamed over it: readers see the old file or the new one.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};
use std::rc::Rc;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use writ_policy::schema::{Kind, StepSchema};
use writ_policy::values::Form;
use writ_trust::digest::Digest;

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::accounts::Names;
use crate::probes::{optional, required};

/// The largest file that can be restored.
const MAX_CONTENT: usize = 16 * 1024 * 1024;

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: Touch::path };

const SCHEMA: StepSchema = StepSchema {
    name: "file.restore",
    about: "puts a file's content, mode and owner back; what is not given stays as it is; with content, missing directories are made",
    parameters: &[
        required("path", Kind::Text, "the file; no part of its path is a symbolic link").form(Form::AbsolutePath),
        optional("mode", Kind::Text, "permission bits; a new file gets 0644").form(Form::ModeGiven),
        optional("owner", Kind::Text, "user name or number; a new file gets root"),
        optional("group", Kind::Text, "group name or number; a new file gets root"),
        optional("content", Kind::Text, "the whole content"),
        optional("source", Kind::Program, "the file of the closure that holds the content; instead of content"),
    ],
};

fn run(parameters: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let path = parameters.path("path")?;
    let wanted = Wanted::read(parameters, context)?;
    let (directory, name) = open_parent(path, wanted.content.is_some())?;
    let present = stat(&directory, name).map_err(StepError::io(path.display()))?;
    if present.as_ref().is_some_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory) {
        return Err(StepError::refused(format!("{} is a directory", path.display())));
    }
    let attributes = wanted.attributes(present.as_ref());
    match &wanted.content {
        Some(content) if !holds(&directory, name, content) => {
            replace(&directory, name, content, &attributes).map_err(StepError::io(path.display()))?;
            Ok(Done::saying(format!("wrote {} bytes to {}, {attributes}", content.len(), path.display())))
        }
        _ => {
            let changed = set_attributes(&directory, name, &attributes).map_err(|e| attribute_error(path, e))?;
            let verb = if changed { "set" } else { "is already" };
            Ok(Done::saying(format!("{} {verb} {attributes}", path.display())))
        }
    }
}

/// What the parameters ask for.
struct Wanted {
    mode: Option<u32>,
    owner: Option<u32>,
    group: Option<u32>,
    content: Option<Vec<u8>>,
}

impl Wanted {
    fn read(parameters: &Parameters, context: &StepContext) -> Result<Self, StepError> {
        let content = match (parameters.optional_text("content")?, parameters.optional_program("source")?) {
            (Some(_), Some(_)) => return Err(StepError::refused("content and source exclude each other; give one")),
            (Some(content), None) => Some(content.as_bytes().to_vec()),
            (None, Some(symbol)) => {
                let source = context.program(symbol)?;
                Some(writ_durable::read_bounded(source, MAX_CONTENT).map_err(StepError::io(source.display()))?)
            }
            (None, None) => None,
        };
        let account = |name: &str, known: fn() -> Rc<Names>| match parameters.optional_text(name)? {
            None => Ok(None),
            Some(text) => match known().number(text) {
                Some(number) => Ok(Some(number)),
                None => Err(StepError::refused(format!("{name} {text:?} is not known on this machine"))),
            },
        };
        let wanted = Self {
            mode: parameters.optional_text("mode")?.map(parse_mode).transpose()?,
            owner: account("owner", Names::users)?,
            group: account("group", Names::groups)?,
            content,
        };
        if wanted.mode.is_none() && wanted.owner.is_none() && wanted.group.is_none() && wanted.content.is_none() {
            return Err(StepError::refused("nothing to restore: give mode, owner, group, content or source"));
        }
        Ok(wanted)
    }

    /// Mode and owner that the file is to have: as asked, else as it has, else 0644 and those of this process.
    fn attributes(&self, present: Option<&Stat>) -> Attributes {
        // A symbolic link's own mode says nothing about the file that replaces it.
        let file = present.filter(|s| FileType::from_raw_mode(s.st_mode) == FileType::RegularFile);
        Attributes {
            mode: self.mode.unwrap_or_else(|| file.map_or(0o644, |s| s.st_mode & 0o7777)),
            owner: self.owner.unwrap_or_else(|| file.map_or_else(|| rustix::process::geteuid().as_raw(), |s| s.st_uid)),
            group: self.group.unwrap_or_else(|| file.map_or_else(|| rustix::process::getegid().as_raw(), |s| s.st_gid)),
        }
    }
}

struct Attributes {
    mode: u32,
    owner: u32,
    group: u32,
}

impl std::fmt::Display for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mode {:04o}, owner {}, group {}", self.mode, self.owner, self.group)
    }
}

impl Attributes {
    /// Sets them on an open file where they differ; returns whether they did. The mode comes last, because a change of
    /// owner takes set-user-id bits away (chown(2)).
    fn apply(&self, file: &File) -> io::Result<bool> {
        let now = rustix::fs::fstat(file)?;
        let other_owner = (now.st_uid, now.st_gid) != (self.owner, self.group);
        let other_mode = now.st_mode & 0o7777 != self.mode;
        if other_owner {
            rustix::fs::fchown(file, Some(Uid::from_raw(self.owner)), Some(Gid::from_raw(self.group)))?;
        }
        if other_owner || other_mode {
            rustix::fs::fchmod(file, Mode::from_raw_mode(self.mode))?;
            file.sync_all()?;
        }
        Ok(other_owner || other_mode)
    }
}

fn parse_mode(text: &str) -> Result<u32, StepError> {
    let octal = (3..=5).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o7777);
    mode.ok_or_else(|| StepError::refused(format!("mode {text:?} is not octal permission bits such as \"0644\"")))
}

/// Opens the directory of a path without following a symbolic link on the way, making what is missing if asked to.
fn open_parent(path: &Path, make: bool) -> Result<(OwnedFd, &OsStr), StepError> {
    let name = path.file_name().ok_or_else(|| StepError::refused(format!("{} names no file", path.display())))?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let parent = path.parent().unwrap_or(Path::new("/"));
    let mut directory = rustix::fs::openat(CWD, "/", flags, Mode::empty()).map_err(|e| StepError::io("/")(e.into()))?;
    for part in parent.components() {
        let Component::Normal(part) = part else { continue };
        let mut opened = rustix::fs::openat(&directory, part, flags, Mode::empty());
        if make && opened.as_ref().is_err_and(|e| *e == Errno::NOENT) {
            make_directory(&directory, part).map_err(StepError::io(parent.display()))?;
            opened = rustix::fs::openat(&directory, part, flags, Mode::empty());
        }
        directory = opened.map_err(|e| match e {
            Errno::LOOP | Errno::NOTDIR => StepError::refused(format!(
                "{}: {:?} on the way there is a symbolic link or no directory; give the real path",
                path.display(),
                part.to_string_lossy()
            )),
            other => StepError::io(parent.display())(other.into()),
        })?;
    }
    // Renames are made durable by an fsync of the directory, which a path-only descriptor does not allow.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(&directory, ".", flags, Mode::empty())
        .map_err(|e| StepError::io(parent.display())(e.into()))?;
    Ok((directory, name))
}

fn make_directory(parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
    const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
        // Whatever the umask is.
        Ok(()) => {
            let made = rustix::fs::openat(parent, name, FLAGS, Mode::empty())?;
            rustix::fs::fchmod(made, Mode::from_raw_mode(0o755))?;
        }
        Err(Errno::EXIST) => {}
        Err(e) => return Err(e.into()),
    }
    Ok(rustix::fs::fsync(rustix::fs::openat(parent, ".", FLAGS, Mode::empty())?)?)
}

fn stat(directory: &OwnedFd, name: &OsStr) -> io::Result<Option<Stat>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Opens what stands there if it is a regular file.
fn open_file(directory: &OwnedFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(directory, name, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

/// Whether the file already holds exactly this.
fn holds(directory: &OwnedFd, name: &OsStr, content: &[u8]) -> bool {
    let Ok(file) = open_file(directory, name) else { return false };
    let mut present = Vec::new();
    let read = file.take(content.len() as u64 + 1).read_to_end(&mut present);
    read.is_ok() && present == content
}

fn replace(directory: &OwnedFd, name: &OsStr, content: &[u8], attributes: &Attributes) -> io::Result<()> {
    let temporary = temporary_name(name);
    match rustix::fs::unlinkat(directory, &temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(e) => return Err(e.into()),
    }
    let written = write_temporary(directory, &temporary, content, attributes)
        .and_then(|()| Ok(rustix::fs::renameat(directory, &temporary, directory, name)?));
    if written.is_err() {
        let _ = rustix::fs::unlinkat(directory, &temporary, AtFlags::empty());
    }
    written.and_then(|()| Ok(rustix::fs::fsync(directory)?))
}

fn write_temporary(directory: &OwnedFd, name: &OsStr, content: &[u8], attributes: &Attributes) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Readable by nobody else until owner and mode are right.
    let mut file = File::from(rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(0o600))?);
    file.write_all(content)?;
    attributes.apply(&file)?;
    file.sync_all()
}

/// A name of its own for each file, however long that file's name is.
fn temporary_name(name: &OsStr) -> OsString {
    let digest = Digest::of(name.as_encoded_bytes()).hex();
    OsString::from(format!(".{}{}", &digest[..16], writ_durable::TEMPORARY_SUFFIX))
}

fn set_attributes(directory: &OwnedFd, name: &OsStr, attributes: &Attributes) -> io::Result<bool> {
    attributes.apply(&open_file(directory, name)?)
}

fn attribute_error(path: &Path, e: io::Error) -> StepError {
    match e.raw_os_error() {
        Some(code) if code == Errno::LOOP.raw_os_error() => {
            StepError::refused(format!("{} is a symbolic link; only its content could be restored", path.display()))
        }
        _ => StepError::io(path.display())(e),
    }
}
