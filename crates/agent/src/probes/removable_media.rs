//! `removable_media`: media that can be carried away: disks that say so (/sys/block/*/removable) and what hangs on USB, and
//! which of them are mounted (/proc/self/mountinfo), also by way of a mapping such as an encrypted stick's.

use std::path::Path;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::mount::Mounts;
use super::reading::{below, names, word};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, identifier, integer, read_proc};

/// How many layers of mappings are gone through.
const DEEPEST: usize = 8;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "removable_media",
    about: "media that can be carried away",
    parameters: &[],
    observation: &[
        field("attached_count", Kind::Int, "how many are attached"),
        field("mounted_count", Kind::Int, "how many are mounted"),
        identifier("devices", Kind::List, "which those are, by model and serial number"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    observe(&below(&context.root, "/sys/block"), &Mounts::parse(&read_proc("/proc/self/mountinfo")?))
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Devices, Watch::Mounts]
}

fn observe(disks: &Path, mounts: &Mounts) -> Result<Observation, Unseen> {
    let attached: Vec<String> = names(disks)?.into_iter().filter(|name| is_medium(&disks.join(name))).collect();
    let mut mounted = 0;
    for name in &attached {
        mounted += u64::from(is_mounted(&disks.join(name), mounts, 0)?);
    }
    let devices: Vec<String> = attached.iter().map(|name| told(&disks.join(name), name)).collect();
    Ok(Observation::new()
        .with("attached_count", integer(attached.len() as u64))
        .with("mounted_count", integer(mounted))
        .with("devices", devices))
}

/// Whether a disk can be carried away and is there: an empty drive has no size.
fn is_medium(disk: &Path) -> bool {
    let removable = word(&disk.join("removable")).as_deref() == Some("1");
    let on_usb = || {
        disk.canonicalize()
            .is_ok_and(|path| path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("usb")))
    };
    let empty = word(&disk.join("size")).is_none_or(|size| size == "0");
    (removable || on_usb()) && !empty
}

/// Whether a disk, one of its partitions, or what is built upon either is mounted.
fn is_mounted(device: &Path, mounts: &Mounts, depth: usize) -> Result<bool, Unseen> {
    if depth > DEEPEST {
        return Ok(false);
    }
    let number = word(&device.join("dev")).unwrap_or_default();
    if mounts.has_device(&number) {
        return Ok(true);
    }
    let partitions = names(device)?.into_iter().map(|name| device.join(name));
    let partitions = partitions.filter(|path| path.join("partition").exists());
    let holders = device.join("holders");
    for above in partitions.chain(names(&holders)?.into_iter().map(|name| holders.join(name))) {
        if is_mounted(&above, mounts, depth + 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A medium by model and serial number, as far as it tells them.
fn told(disk: &Path, name: &str) -> String {
    let parts = ["vendor", "model", "serial"].map(|part| word(&disk.join("device").join(part)).unwrap_or_default());
    let known: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if known.is_empty() { name.to_owned() } else { known.join(" ") }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_stick_is_found_by_usb_and_by_its_mapping() {
        let dir = tempfile::tempdir().unwrap();
        let lay = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (disk, removable, size) in [
            ("devices/pci/ata1/sda", "0", "9"),
            ("devices/pci/usb1/1-1/sdb", "0", "9"),
            ("devices/pci/ata2/sr0", "1", "0"),
        ] {
            lay(&format!("{disk}/removable"), removable);
            lay(&format!("{disk}/size"), size);
            let name = disk.rsplit('/').next().unwrap();
            fs::create_dir_all(dir.path().join("block")).unwrap();
            symlink(format!("../{disk}"), dir.path().join("block").join(name)).unwrap();
        }
        lay("devices/pci/usb1/1-1/sdb/device/model", "Ultra Fit        \n");
        lay("devices/pci/usb1/1-1/sdb/dev", "8:16\n");
        lay("devices/pci/usb1/1-1/sdb/sdb1/partition", "1\n");
        lay("devices/pci/usb1/1-1/sdb/sdb1/dev", "8:17\n");
        lay("devices/virtual/dm-0/dev", "253:0\n");
        fs::create_dir(dir.path().join("devices/pci/usb1/1-1/sdb/sdb1/holders")).unwrap();
        symlink("../../../../../../virtual/dm-0", dir.path().join("devices/pci/usb1/1-1/sdb/sdb1/holders/dm-0"))
            .unwrap();
        let look = |line: &str| observe(&dir.path().join("block"), &Mounts::parse(line.as_bytes())).unwrap();
        let seen = look("");
        assert_eq!(SCHEMA.unpromised(&seen), []);
        assert_eq!(
            seen,
            Observation::new()
                .with("attached_count", 1)
                .with("mounted_count", 0)
                .with("devices", vec!["Ultra Fit".to_owned()])
        );
        for device in ["8:16", "8:17", "253:0"] {
            let seen = look(&format!("36 35 {device} / /mnt rw - ext4 /dev/x rw"));
            assert_eq!(seen.get("mounted_count"), Some(&1.into()), "{device}");
        }
        assert_eq!(look("36 35 8:0 / /mnt rw - ext4 /dev/sda rw").get("mounted_count"), Some(&0.into()));
        let nowhere = observe(Path::new("/nowhere"), &Mounts::parse(b"")).unwrap();
        assert_eq!(nowhere.get("attached_count"), Some(&0.into()));
    }
}
