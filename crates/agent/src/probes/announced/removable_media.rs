//! `removable_media`: media that can be carried away. To be read from /sys/block/*/removable and what hangs on USB,
//! /proc/self/mountinfo.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, identifier};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "removable_media",
    about: "media that can be carried away",
    parameters: &[],
    observation: &[
        field("attached_count", Kind::Int, "how many are attached"),
        field("mounted_count", Kind::Int, "how many are mounted"),
        identifier("devices", Kind::List, "which those are, by model and serial number"),
    ],
};
