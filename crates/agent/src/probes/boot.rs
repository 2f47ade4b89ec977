//! `boot`: what was booted, and whether all of it came up: /proc/uptime, uname(2), the kernels of /run/booted-system and
//! /run/current-system, systemd's failed units over D-Bus.

use std::path::Path;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::reading::below;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, integer, process, read_proc};
use crate::dbus::BusError;

/// The most failed units that are named.
const MOST_NAMED: usize = 100;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "boot",
    about: "what was booted, and whether all of it came up",
    parameters: &[],
    observation: &[
        field("uptime_seconds", Kind::Int, "time since boot"),
        field("kernel_release", Kind::Text, "the running kernel, as uname -r prints it"),
        field("kernel_matches_system", Kind::Bool, "whether the running kernel is the one of the current system"),
        field("failed_unit_count", Kind::Int, "how many systemd units are failed"),
        field("failed_units", Kind::List, "which those are, sorted"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let uptime = process::uptime_seconds(&read_proc("/proc/uptime")?)?;
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut seen = Observation::new().with("uptime_seconds", integer(uptime)).with("kernel_release", release);
    if let Some(matches) = kernel_matches(&context.root) {
        seen.set("kernel_matches_system", matches);
    }
    match context.bus.failed_units() {
        Ok(mut units) => {
            seen.set("failed_unit_count", integer(units.len() as u64));
            units.sort();
            units.truncate(MOST_NAMED);
            seen.set("failed_units", units);
        }
        // Nobody keeps units there.
        Err(BusError::NoSystemd) => {}
        Err(e) => return Err(Unseen::failed("units", e)),
    }
    Ok(seen)
}

/// Whether the kernel that was booted is that of the system that runs now (NixOS keeps both); none where nothing says so.
fn kernel_matches(root: &Path) -> Option<bool> {
    let kernel = |system: &str| below(root, system).join("kernel").canonicalize().ok();
    Some(kernel("/run/booted-system")? == kernel("/run/current-system")?)
}

fn watch(_: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Path(below(&context.root, "/run/current-system"))]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_booted_kernel_is_held_against_that_of_the_system() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(kernel_matches(dir.path()), None);
        for kernel in ["one", "two"] {
            std::fs::write(dir.path().join(kernel), "").unwrap();
        }
        for system in ["a", "b", "c"] {
            std::fs::create_dir(dir.path().join(system)).unwrap();
            let kernel = if system == "c" { "../two" } else { "../one" };
            symlink(kernel, dir.path().join(system).join("kernel")).unwrap();
        }
        std::fs::create_dir(dir.path().join("run")).unwrap();
        symlink("../a", dir.path().join("run/booted-system")).unwrap();
        symlink("../b", dir.path().join("run/current-system")).unwrap();
        assert_eq!(kernel_matches(dir.path()), Some(true));
        std::fs::remove_file(dir.path().join("run/current-system")).unwrap();
        symlink("../c", dir.path().join("run/current-system")).unwrap();
        assert_eq!(kernel_matches(dir.path()), Some(false));
    }
}
