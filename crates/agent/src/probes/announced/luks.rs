//! `luks`: encryption below a mount point, or below swap. To be read from /proc/self/mountinfo or /proc/swaps, then
//! /sys/dev/block and dm/uuid through every layer; the header for cipher and slots (cryptsetup(8)).

use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{field, optional};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
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
