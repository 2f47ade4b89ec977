//! `secure_boot`: what can be booted here, and by whom: the variables SecureBoot and SetupMode (UEFI 2.10, 3.3),
//! /sys/kernel/security/lockdown, loader.conf(5). Not applicable without UEFI; in a container, the machine that runs it has
//! the firmware.

use std::path::Path;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::reading::{below, bytes, in_container, names, word};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, unannounced};

const EFI: &str = "/sys/firmware/efi";
/// The namespace of the variables that UEFI itself defines.
const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Where the loader's partition is mounted.
const LOADERS: [&str; 3] = ["/boot/loader/loader.conf", "/efi/loader/loader.conf", "/boot/efi/loader/loader.conf"];
const MAX_FILE: usize = 64 * 1024;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "secure_boot",
    about: "what can be booted here, and by whom",
    parameters: &[],
    observation: &[
        field("enabled", Kind::Bool, "whether the firmware boots only what is signed"),
        field("setup_mode", Kind::Bool, "whether anybody could still enrol keys"),
        field("lockdown", Kind::Text, "what the kernel keeps root from")
            .known(&["none", "integrity", "confidentiality"], "Linux 6.17"),
        field("editor", Kind::Bool, "whether the kernel's command line can be edited at boot"),
        field("tpm", Kind::Bool, "whether there is a TPM 2.0"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    observe(&context.root)
}

fn observe(root: &Path) -> Result<Observation, Unseen> {
    if in_container(root) {
        return Err(Unseen::failed("firmware", "this is a container: the machine that runs it has the firmware"));
    }
    if !below(root, EFI).exists() {
        return Err(Unseen::not_applicable("this machine was not booted by UEFI"));
    }
    let mut seen = Observation::new();
    for (field, name) in [("enabled", "SecureBoot"), ("setup_mode", "SetupMode")] {
        // Four bytes of attributes, then the value.
        if let Some([_, _, _, _, value]) = bytes(root, &format!("{EFI}/efivars/{name}-{GLOBAL}"), 64)?.as_deref() {
            seen.set(field, *value == 1);
        }
    }
    // The one in brackets is in force: `none [integrity] confidentiality`.
    let lockdown = word(&below(root, "/sys/kernel/security/lockdown")).unwrap_or_default();
    if let Some(mode) = lockdown.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
        seen.set("lockdown", mode.0);
    }
    for loader in LOADERS {
        if let Some(config) = bytes(root, loader, MAX_FILE)? {
            seen.set("editor", editor(&config));
            break;
        }
    }
    let mut versions = names(&below(root, "/sys/class/tpm"))?.into_iter();
    let two =
        |chip: String| word(&below(root, &format!("/sys/class/tpm/{chip}/tpm_version_major"))).as_deref() == Some("2");
    seen.set("tpm", versions.any(two));
    Ok(seen)
}

/// Whether loader.conf lets the command line be edited, which it does when it says nothing.
pub(super) fn editor(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut values = text.lines().filter_map(|line| line.trim().strip_prefix("editor")?.split_whitespace().next());
    values.next_back().is_none_or(|value| !matches!(value, "no" | "n" | "0" | "false" | "f" | "off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lay(root: &Path, path: &str, bytes: &[u8]) {
        let path = below(root, path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn firmware_kernel_and_loader_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert!(matches!(observe(root), Err(Unseen::NotApplicable(_))));
        lay(root, &format!("{EFI}/efivars/SecureBoot-{GLOBAL}"), &[6, 0, 0, 0, 1]);
        lay(root, &format!("{EFI}/efivars/SetupMode-{GLOBAL}"), &[6, 0, 0, 0, 0]);
        lay(root, "/sys/kernel/security/lockdown", b"none [integrity] confidentiality\n");
        lay(root, "/boot/loader/loader.conf", b"timeout 3\neditor no\n");
        lay(root, "/sys/class/tpm/tpm0/tpm_version_major", b"2\n");
        let expected = Observation::new()
            .with("enabled", true)
            .with("setup_mode", false)
            .with("lockdown", "integrity")
            .with("editor", false)
            .with("tpm", true);
        assert_eq!(observe(root).unwrap(), expected);
        lay(root, &format!("{EFI}/efivars/SecureBoot-{GLOBAL}"), &[1]);
        assert_eq!(observe(root).unwrap().get("enabled"), None, "a variable of another form says nothing");
        lay(root, "/run/systemd/container", b"systemd-nspawn");
        assert!(matches!(observe(root), Err(Unseen::Failed(reason)) if reason.contains("container")));
    }

    #[test]
    fn the_editor_is_open_unless_it_is_closed() {
        for (text, open) in [
            ("", true),
            ("editor yes", true),
            ("editor  0", false),
            ("editor no\neditor yes", true),
            ("#editor no", true),
        ] {
            assert_eq!(editor(text.as_bytes()), open, "{text}");
        }
    }
}
