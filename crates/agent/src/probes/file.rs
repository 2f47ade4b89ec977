//! `file`: kind, mode, owner, size and digest of one file.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use sha2::{Digest as _, Sha256};
use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::digest::Digest;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, optional, required};
use crate::accounts::Names;

/// The largest file that is digested.
const MAX_DIGESTED: u64 = 16 * 1024 * 1024;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "file",
    about: "kind, mode, owner, size and digest of one file",
    parameters: &[
        required("path", Kind::Text, "the file").form(Form::AbsolutePath),
        optional("follow", Kind::Bool, "look at what a symbolic link leads to instead of at the link; default false"),
    ],
    observation: &[
        field("exists", Kind::Bool, "whether anything stands there"),
        field("kind", Kind::Text, "what stands there").one_of(&["file", "directory", "symlink", "other"]),
        field("mode", Kind::Text, "permission bits").form(Form::Mode),
        field("owner", Kind::Text, "user name, or number when it has no name"),
        field("group", Kind::Text, "group name, or number when it has no name"),
        field("size_bytes", Kind::Int, "size in bytes"),
        field("sha256", Kind::Text, "digest of the content; files of at most 16 MiB").form(Form::Sha256),
        field("link_target", Kind::Text, "what a symbolic link says"),
    ],
};

fn run(parameters: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    let path = parameters.path("path")?;
    let follow = parameters.optional_bool("follow")?.unwrap_or(false);
    match look(path, follow) {
        Ok(observation) => Ok(observation),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Observation::new().with("exists", false))
        }
        Err(e) => Err(Unseen::failed(path.display(), e)),
    }
}

fn watch(parameters: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    parameters.path("path").map(|path| vec![Watch::Path(path.to_owned())]).unwrap_or_default()
}

/// Everything is read from one open file, so that a swap while looking cannot mix two files' facts.
fn look(path: &Path, follow: bool) -> io::Result<Observation> {
    let last = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    // O_PATH does not open what stands there: a device or a pipe is left alone.
    let place = File::from(rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC | last, Mode::empty())?);
    let metadata = place.metadata()?;
    let kind = metadata.file_type();
    let mut seen = Observation::new()
        .with("exists", true)
        .with("kind", kind_name(kind))
        .with("mode", format!("{:04o}", metadata.permissions().mode() & 0o7777))
        .with("owner", Names::users().name(metadata.uid()))
        .with("group", Names::groups().name(metadata.gid()));
    if let Ok(size) = i64::try_from(metadata.size()) {
        seen.set("size_bytes", size);
    }
    if kind.is_symlink() {
        let target = rustix::fs::readlinkat(&place, "", Vec::new())?;
        seen.set("link_target", target.to_string_lossy().into_owned());
    }
    if kind.is_file()
        && metadata.size() <= MAX_DIGESTED
        && let Some(digest) = digest(&place)?
    {
        seen.set("sha256", digest.to_string());
    }
    Ok(seen)
}

fn kind_name(kind: std::fs::FileType) -> &'static str {
    if kind.is_file() {
        "file"
    } else if kind.is_dir() {
        "directory"
    } else if kind.is_symlink() {
        "symlink"
    } else {
        "other"
    }
}

/// The digest of a regular file; none when it grew past the limit while it was read.
fn digest(place: &File) -> io::Result<Option<Digest>> {
    let itself = format!("/proc/self/fd/{}", place.as_raw_fd());
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(itself)?;
    let mut content = file.take(MAX_DIGESTED + 1);
    let mut hasher = Sha256::new();
    let length = io::copy(&mut content, &mut hasher)?;
    Ok((length <= MAX_DIGESTED).then(|| Digest::from_bytes(hasher.finalize().into())))
}
