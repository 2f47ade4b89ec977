//! `secure_boot`: what can be booted here, and by whom. To be read from the variables SecureBoot and SetupMode (UEFI
//! 2.10, 3.3), /sys/kernel/security/lockdown, loader.conf(5); not applicable without UEFI.

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
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
