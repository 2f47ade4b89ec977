//! `kernel_module`: one module of the kernel: /proc/modules, modprobe.d(5), modules.builtin and modules.dep of the running
//! kernel. That nothing could load it means nothing that asks modprobe(8), as the kernel itself does.

use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_trust::text::one_line;

use super::reading::{below, bytes, drop_ins};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, required};

/// Folders of modprobe's configuration, the one that wins first.
const CONFIGURATION: [&str; 5] =
    ["/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"];
/// Where modules are: NixOS has those of the kernel that was booted elsewhere.
const MODULES: [&str; 2] = ["/run/booted-system/kernel-modules/lib/modules", "/lib/modules"];
const MAX_FILE: usize = 16 * 1024 * 1024;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "kernel_module",
    about: "one module of the kernel",
    parameters: &[required("name", Kind::Text, "the module, for instance \"usb-storage\"")],
    observation: &[
        field("present", Kind::Bool, "whether the running kernel has it, as a file or built in"),
        field("loaded", Kind::Bool, "whether it is loaded or built in"),
        field("loadable", Kind::Bool, "whether anything could load it"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let name = parameters.text("name")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        let reason =
            format!("{:?} is not the name of a module; expected a name such as \"usb-storage\"", one_line(name));
        return Err(Unseen::failed("parameter name", reason));
    }
    observe(&context.root, name)
}

fn observe(root: &Path, name: &str) -> Result<Observation, Unseen> {
    // A kernel that can load none has no such file.
    let modules = bytes(root, "/proc/modules", MAX_FILE)?;
    let loaded = modules.as_deref().is_some_and(|modules| is_loaded(modules, name));
    let mut blocked = modules.is_none()
        || writ_durable::read_bounded(&below(root, "/proc/sys/kernel/modules_disabled"), 16)
            .is_ok_and(|b| b.starts_with(b"1"));
    for file in drop_ins(CONFIGURATION.map(|folder| below(root, folder))) {
        match writ_durable::read_bounded(&file, MAX_FILE) {
            Ok(bytes) => blocked |= blocks(&bytes, name),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Unseen::failed(file.display(), e)),
        }
    }
    let present = present(root, name)?;
    let mut seen = Observation::new().with("loaded", loaded || present == Some(Present::BuiltIn));
    if let Some(present) = present {
        seen.set("present", present != Present::Absent || loaded);
    }
    match present {
        _ if blocked => seen.set("loadable", false),
        Some(present) => seen.set("loadable", present != Present::Absent),
        // Nobody knows which modules there are.
        None => {}
    }
    Ok(seen)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Present {
    BuiltIn,
    File,
    Absent,
}

/// Whether the running kernel has the module; none where its list of modules is not to be found.
fn present(root: &Path, name: &str) -> Result<Option<Present>, Unseen> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    for folder in MODULES {
        let list = |file: &str| bytes(root, &format!("{folder}/{release}/{file}"), MAX_FILE);
        let Some(built_in) = list("modules.builtin")? else { continue };
        if lists(&built_in, name) {
            return Ok(Some(Present::BuiltIn));
        }
        let files = list("modules.dep")?.unwrap_or_default();
        return Ok(Some(if lists(&files, name) { Present::File } else { Present::Absent }));
    }
    Ok(None)
}

/// The kernel takes both spellings.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one.bytes().zip(other.bytes()).all(|(a, b)| a == b || (b"-_".contains(&a) && b"-_".contains(&b)))
}

/// Whether `/proc/modules` has it: the name is the first word of its line.
pub(super) fn is_loaded(modules: &[u8], name: &str) -> bool {
    String::from_utf8_lossy(modules).lines().any(|line| line.split(' ').next().is_some_and(|known| same(known, name)))
}

/// Whether a list of module files has it: lines `kernel/fs/cramfs.ko.xz: …`.
pub(super) fn lists(files: &[u8], name: &str) -> bool {
    String::from_utf8_lossy(files).lines().any(|line| {
        let path = line.split(':').next().unwrap_or("");
        let file = path.rsplit('/').next().unwrap_or("");
        file.split_once(".ko").is_some_and(|(known, _)| same(known, name))
    })
}

/// Whether a file of modprobe.d has something else run in the module's place: `install NAME /bin/false`.
pub(super) fn blocks(bytes: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(bytes).replace("\\\n", " ");
    text.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["install", module, command @ ..] = words.as_slice() else { return false };
        let program = command.first().and_then(|program| program.rsplit('/').next());
        let nothing = matches!(program, Some("false" | "true" | ":"))
            || (matches!(program, Some("sh" | "bash")) && command.ends_with(&["'exit", "1'"]));
        same(module, name) && nothing
    })
}

fn watch(_: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    let folders: [PathBuf; 2] = [CONFIGURATION[0], CONFIGURATION[1]].map(|folder| below(&context.root, folder));
    folders.map(Watch::Path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_settings_name_a_module_in_either_spelling() {
        let modules = b"usb_storage 81920 0 - Live 0x0000000000000000\nusb_common 1 1 usb_storage, Live 0x0\n";
        assert!(is_loaded(modules, "usb-storage") && !is_loaded(modules, "usb"));
        let dep = b"kernel/drivers/usb/storage/usb-storage.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\nkernel/fs/cramfs/cramfs.ko:\n";
        assert!(lists(dep, "usb_storage") && lists(dep, "cramfs") && !lists(dep, "scsi_mod"));
        for (line, blocked) in [
            ("install usb-storage /bin/false", true),
            ("install usb_storage /run/current-system/sw/bin/true", true),
            ("  install usb_storage \\\n /bin/sh -c 'exit 1'", true),
            ("blacklist usb-storage", false),
            ("# install usb-storage /bin/false", false),
            ("install usb-storage /sbin/modprobe --ignore-install usb-storage", false),
            ("install usb-storage-x /bin/false", false),
            ("install", false),
        ] {
            assert_eq!(blocks(line.as_bytes(), "usb-storage"), blocked, "{line}");
        }
    }

    #[test]
    fn a_module_is_judged_by_the_tree_of_a_machine() {
        let dir = tempfile::tempdir().unwrap();
        let lay = |path: &str, text: &str| {
            let path = below(dir.path(), path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let look = |name: &str| observe(dir.path(), name).unwrap();
        let none = Observation::new().with("loaded", false);
        assert_eq!(look("rds"), none.clone().with("loadable", false), "this kernel can load none");
        lay("/proc/modules", "nfs 1 0 - Live 0x0\n");
        assert_eq!(look("rds"), none, "nothing says which modules there are");
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        lay(&format!("/lib/modules/{release}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n");
        lay(&format!("/lib/modules/{release}/modules.dep"), "kernel/net/rds/rds.ko:\n");
        let told = |name: &str| {
            let seen = look(name);
            ["present", "loaded", "loadable"].map(|field| seen.get(field) == Some(&true.into()))
        };
        assert_eq!((told("rds"), told("ext4"), told("tipc")), ([true, false, true], [true, true, true], [false; 3]));
        lay("/usr/lib/modprobe.d/50-x.conf", "install rds /bin/false\n");
        assert_eq!(told("rds"), [true, false, false]);
        // A file of the same name in /etc is read in its place.
        lay("/etc/modprobe.d/50-x.conf", "");
        assert_eq!(told("rds"), [true, false, true]);
    }
}
