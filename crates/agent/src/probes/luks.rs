//! `luks`: encryption below a mount point, or below swap: /proc/self/mountinfo or /proc/swaps, then /sys/dev/block and dm/uuid
//! through every layer; the headers of the devices say cipher and slots.

mod header;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use self::header::{Header, MAX_HEADER};
use super::mount::{Mount, Mounts};
use super::reading::{below, in_container, names, word};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, optional, read_proc, unannounced};

pub(super) use self::header::observe as observe_header;

/// How many layers of devices are gone through.
const DEEPEST: usize = 16;
/// How many devices are looked at.
const MOST_DEVICES: usize = 64;
/// File systems in memory: what lies there is gone with the power, and on no disk.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

// Not quick: a header is read from the disk.
pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "luks",
    about: "encryption below a mount point, or below swap",
    parameters: &[
        optional("path", Kind::Text, "a mount point, or any path below one; this or swap").form(Form::AbsolutePath),
        optional("swap", Kind::Bool, "look at swap instead; this or path"),
    ],
    observation: &[
        field("present", Kind::Bool, "whether there is such a file system, or any swap"),
        field("encrypted", Kind::Bool, "whether every device below it is encrypted"),
        field("format", Kind::Text, "what describes the encryption; plain for a key made at boot")
            .one_of(&["LUKS1", "LUKS2", "plain"]),
        field("cipher", Kind::Text, "for instance aes-xts-plain64; of several the weakest"),
        field("key_bits", Kind::Int, "length of the key; of several the shortest"),
        field("keyslot_count", Kind::Int, "slots in use; of several devices the fewest"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let (path, swap) = (parameters.optional_path("path")?, parameters.optional_bool("swap")?.unwrap_or(false));
    let root = &context.root;
    let mounts = Mounts::parse(&read_proc("/proc/self/mountinfo")?);
    let devices = match (path, swap) {
        (Some(path), false) => vec![device_of(root, &mounts, path)?],
        (None, true) => swap_devices(root, &mounts, &read_proc("/proc/swaps")?)?,
        _ => return Err(Unseen::failed("parameters", "expected either path or swap = true")),
    };
    if in_container(root) {
        return Err(Unseen::failed("devices", "this is a container: the disks are of the machine that runs it"));
    }
    observe(root, &devices)
}

/// The device below a path, as `major:minor`; empty for a file system in memory.
fn device_of(root: &Path, mounts: &Mounts, path: &Path) -> Result<String, Unseen> {
    let mount = mounts.holding(path).ok_or_else(|| Unseen::failed(path.display(), "nothing is mounted there"))?;
    if IN_MEMORY.contains(&mount.fstype.as_str()) {
        return Ok(String::new());
    }
    if !mount.device.starts_with("0:") {
        return Ok(mount.device.clone());
    }
    // File systems of several devices have a number of their own, and name one of them.
    number_of(root, mount).ok_or_else(|| {
        let reason = format!("its file system {} ({}) tells of no device", mount.source, mount.fstype);
        Unseen::failed(path.display(), reason)
    })
}

fn number_of(root: &Path, mount: &Mount) -> Option<String> {
    mount.source.starts_with("/dev/").then(|| device_number(&below(root, &mount.source))).flatten()
}

/// The number of a device file, as `major:minor`.
fn device_number(path: &Path) -> Option<String> {
    let facts = std::fs::metadata(path).ok()?;
    let number = facts.rdev();
    (number != 0).then(|| format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number)))
}

/// The devices below swap. `/proc/swaps` has a head line, then `path type size used priority`. What is swapped to compressed
/// memory (zram) reaches no disk.
fn swap_devices(root: &Path, mounts: &Mounts, swaps: &[u8]) -> Result<Vec<String>, Unseen> {
    let text = String::from_utf8_lossy(swaps);
    let mut devices = Vec::new();
    for line in text.lines().skip(1).take(MOST_DEVICES) {
        let mut words = line.split_whitespace();
        let (Some(path), Some(kind)) = (words.next(), words.next()) else { continue };
        if path.starts_with("/dev/zram") {
            continue;
        }
        devices.push(match kind {
            "file" => device_of(root, mounts, Path::new(path))?,
            _ => device_number(&below(root, path)).ok_or_else(|| Unseen::failed(path, "it is no device"))?,
        });
    }
    Ok(devices)
}

fn observe(root: &Path, devices: &[String]) -> Result<Observation, Unseen> {
    if devices.is_empty() {
        return Ok(Observation::new().with("present", false));
    }
    let mut below = Below::default();
    for device in devices.iter().filter(|device| !device.is_empty()) {
        let place = files_of(root, device).canonicalize().map_err(|e| Unseen::failed(device, e))?;
        below.go(root, &place, 0)?;
    }
    let mut seen = Observation::new().with("present", true).with("encrypted", below.plain == 0 && below.encrypted > 0);
    if below.plain == 0 {
        header::show(&mut seen, &below.headers, below.without_header);
    }
    Ok(seen)
}

fn files_of(root: &Path, device: &str) -> PathBuf {
    below(root, "/sys/dev/block").join(device)
}

/// What lies below some devices.
#[derive(Default)]
struct Below {
    /// Devices that were looked at.
    looked_at: usize,
    /// Disks that are reached without any encryption.
    plain: usize,
    /// Mappings that encrypt.
    encrypted: usize,
    /// Those of them that no header describes: a key made at boot.
    without_header: usize,
    headers: Vec<Header>,
}

impl Below {
    /// Goes down from a device, a folder of sysfs, until something encrypts or a disk is reached.
    fn go(&mut self, root: &Path, device: &Path, depth: usize) -> Result<(), Unseen> {
        self.looked_at += 1;
        if depth > DEEPEST || self.looked_at > MOST_DEVICES {
            return Err(Unseen::failed(device.display(), "too many devices lie below one another"));
        }
        let slaves: Vec<PathBuf> = names(&device.join("slaves"))?
            .iter()
            .filter_map(|name| device.join("slaves").join(name).canonicalize().ok())
            .collect();
        let uuid = word(&device.join("dm/uuid")).unwrap_or_default();
        if let Some(kind) = uuid.strip_prefix("CRYPT-") {
            self.encrypted += 1;
            if kind.starts_with("PLAIN") {
                self.without_header += 1;
            } else {
                self.headers.extend(slaves.iter().filter_map(|slave| header_of(root, slave)));
            }
            return Ok(());
        }
        if !slaves.is_empty() {
            return slaves.iter().try_for_each(|slave| self.go(root, slave, depth + 1));
        }
        // A partition lies on the disk whose folder it is in.
        match device.parent().filter(|_| device.join("partition").exists()) {
            Some(disk) => self.go(root, disk, depth + 1),
            None => {
                self.plain += 1;
                Ok(())
            }
        }
    }
}

/// The header at the beginning of a device, a folder of sysfs.
fn header_of(root: &Path, device: &Path) -> Option<Header> {
    use std::io::Read;
    // In names of devices sysfs has `!` for `/`.
    let name = device.file_name()?.to_str()?.replace('!', "/");
    let mut bytes = Vec::new();
    let file = std::fs::File::open(below(root, "/dev").join(name)).ok()?;
    file.take(MAX_HEADER as u64).read_to_end(&mut bytes).ok()?;
    Header::parse(&bytes)
}

#[cfg(test)]
mod tests;
