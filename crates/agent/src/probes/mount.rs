//! `mount`: what is mounted at a path, from /proc/self/mountinfo (proc(5)).

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, read_proc, required};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "mount",
    about: "what is mounted at a path",
    parameters: &[required("path", Kind::Text, "the mount point").form(Form::AbsolutePath)],
    observation: &[
        field("mounted", Kind::Bool, "whether anything is mounted exactly there"),
        field("source", Kind::Text, "what is mounted, for instance \"/dev/sda2\""),
        field("fstype", Kind::Text, "type of the file system"),
        field("options", Kind::List, "options of the mount and of its file system, each once, sorted"),
    ],
};

fn run(parameters: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    let path = parameters.path("path")?;
    Ok(observe(&read_proc("/proc/self/mountinfo")?, path))
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Mounts]
}

/// What the last matching line says: a later mount covers an earlier one at the same place.
pub(super) fn observe(bytes: &[u8], path: &Path) -> Observation {
    // Normalised, so that "/srv/" is "/srv".
    let path: std::path::PathBuf = path.components().collect();
    let mut mounts = bytes.split(|b| *b == b'\n').filter_map(Mount::parse);
    let Some(mount) = mounts.rfind(|mount| mount.point == path.as_os_str().as_bytes()) else {
        return Observation::new().with("mounted", false);
    };
    Observation::new()
        .with("mounted", true)
        .with("source", mount.source)
        .with("fstype", mount.fstype)
        .with("options", mount.options.into_iter().collect::<Vec<_>>())
}

/// Everything that is mounted, in the order in which it was.
pub(super) struct Mounts {
    all: Vec<Mount>,
}

impl Mounts {
    /// Reads /proc/self/mountinfo; lines of another form are passed over.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self { all: bytes.split(|b| *b == b'\n').filter_map(Mount::parse).collect() }
    }

    /// The mount that a path lies on: the one with the deepest point above it, and of several there the last.
    pub(super) fn holding(&self, path: &Path) -> Option<&Mount> {
        let above = |mount: &&Mount| path.starts_with(mount.place());
        self.all.iter().filter(above).max_by_key(|mount| mount.place().components().count())
    }

    /// Whether a device is mounted anywhere.
    pub(super) fn has_device(&self, device: &str) -> bool {
        self.all.iter().any(|mount| mount.device == device)
    }
}

/// One mount.
pub(super) struct Mount {
    /// Its device as `major:minor`; the major number is 0 where none is below it, or several are.
    pub(super) device: String,
    /// What is mounted, for instance `/dev/sda2`.
    pub(super) source: String,
    /// Type of the file system.
    pub(super) fstype: String,
    point: Vec<u8>,
    options: BTreeSet<String>,
}

impl Mount {
    fn place(&self) -> &Path {
        Path::new(std::ffi::OsStr::from_bytes(&self.point))
    }

    /// Whether nothing can be written through it.
    pub(super) fn is_read_only(&self) -> bool {
        self.options.contains("ro")
    }
}

impl Mount {
    /// Reads `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`. The optional fields
    /// before the dash vary in number; a line of another form, or no UTF-8 where it matters, is none.
    fn parse(line: &[u8]) -> Option<Self> {
        let fields: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
        let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
        let text = |at: usize| Some(String::from_utf8_lossy(&unescape(fields.get(at)?)).into_owned());
        let options = [text(5)?, text(dash + 3)?];
        Some(Self {
            device: text(2)?,
            point: unescape(fields.get(4)?),
            fstype: text(dash + 1)?,
            source: text(dash + 2)?,
            options: options.iter().flat_map(|list| list.split(',')).map(str::to_owned).collect(),
        })
    }
}

/// Space, tab, line break and backslash are written as three octal digits after a backslash.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let octal = after.get(..3).filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        match octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[3..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPTURED: &[u8] = b"22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
30 22 0:26 / /dev/shm rw,nosuid,nodev shared:4 master:2 - tmpfs tmpfs rw,size=1024k
31 22 0:27 / /mnt/with\\040space ro - fuse.x bad\xff\\134source ro
32 22 0:28 / /dev/shm ro,nosuid - tmpfs covering ro
";

    #[test]
    fn the_last_mount_at_a_place_counts() {
        let root = observe(CAPTURED, Path::new("/"));
        assert_eq!(root.get("source"), Some(&"/dev/vda1".into()));
        assert_eq!(root.get("options").unwrap().to_string(), r#"["errors=remount-ro", "relatime", "rw"]"#);
        assert_eq!(observe(CAPTURED, Path::new("/dev/shm/")).get("source"), Some(&"covering".into()));
        assert_eq!(observe(CAPTURED, Path::new("/mnt/with space")).get("fstype"), Some(&"fuse.x".into()));
        assert_eq!(observe(CAPTURED, Path::new("/mnt")), Observation::new().with("mounted", false));
    }

    #[test]
    fn other_lines_are_skipped() {
        for odd in [
            "",
            "-",
            "1 2 3 / / rw",
            "1 2 3 / / rw -",
            "1 2 3 / / rw - ext4",
            "1 2 3 / / rw - ext4 src",
            "- - - - - - -",
        ] {
            assert_eq!(observe(odd.as_bytes(), Path::new("/")).get("mounted"), Some(&false.into()), "{odd}");
        }
        assert_eq!(unescape(b"\\04\\777\\"), b"\\04\\777\\");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), line in "[ \\\\0-9a-z/,-]{0,80}") {
            prop_assert!(SCHEMA.unpromised(&observe(&bytes, Path::new("/"))).is_empty());
            prop_assert!(SCHEMA.unpromised(&observe(line.as_bytes(), Path::new("/"))).is_empty());
        }
    }
}
