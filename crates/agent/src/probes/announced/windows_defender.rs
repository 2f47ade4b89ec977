//! `windows_defender`: the malware protection of a Windows machine. To be read over WinRM, as
//! `Get-MpComputerStatus` tells it.

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "windows_defender",
    about: "the malware protection of a Windows machine",
    parameters: &[],
    observation: &[
        field("enabled", Kind::Bool, "whether it runs"),
        field("real_time", Kind::Bool, "whether it looks at files as they are opened"),
        field("tamper_protected", Kind::Bool, "whether only its own console can turn it off"),
        field("signature_age_seconds", Kind::Int, "age of its newest signatures"),
        field("quick_scan_age_seconds", Kind::Int, "time since its last quick scan; absent before the first"),
        field("full_scan_age_seconds", Kind::Int, "time since its last full scan; absent before the first"),
    ],
};
