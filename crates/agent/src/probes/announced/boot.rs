//! `boot`: what was booted, and whether all of it came up. To be read from /proc/uptime, uname(2), /run/booted-system,
//! systemd's ListUnits over D-Bus.

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
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
