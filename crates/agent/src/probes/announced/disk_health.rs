//! `disk_health`: what the disks say of themselves. To be read from `smartctl --json`, the worst over the disks that
//! are looked at.

use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{field, optional};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "disk_health",
    about: "what the disks say of themselves",
    parameters: &[optional("device", Kind::Text, "one disk, for instance \"/dev/sda\"; default: all disks")
        .form(Form::AbsolutePath)],
    observation: &[
        field("passed", Kind::Bool, "whether every disk calls itself healthy"),
        field("device_count", Kind::Int, "how many disks were asked"),
        field("reallocated_count", Kind::Int, "sectors that were moved to spare ones"),
        field("pending_count", Kind::Int, "sectors that wait to be moved"),
        field("wear_percent", Kind::Int, "how much of the life of its flash is used; can exceed 100"),
        field("temperature_celsius", Kind::Int, "temperature of the hottest"),
    ],
};
