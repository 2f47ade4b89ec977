//! `clamav`: the malware scanner, its signatures, scans and detections. To be read from `sigtool --info`, clamd's PING,
//! the records of the scan services, the quarantine folder.

use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{field, optional, text};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "clamav",
    about: "the malware scanner, its signatures, scans and detections",
    parameters: &[
        optional("database", Kind::Text, "folder of signatures; default \"/var/lib/clamav\"").form(Form::AbsolutePath)
    ],
    observation: &[
        field("daemon_active", Kind::Bool, "whether clamd answers"),
        field("on_access_active", Kind::Bool, "whether files are scanned when they are opened"),
        field("heuristics_active", Kind::Bool, "whether what no signature knows is judged by its behaviour and form"),
        field("signatures_age_seconds", Kind::Int, "age of the newest signatures"),
        field("signatures_version", Kind::Int, "their version"),
        field("update_ok", Kind::Bool, "whether the last update succeeded"),
        field("quick_scan_age_seconds", Kind::Int, "time since the last quick scan ended; absent before the first"),
        field("quick_scan_seconds", Kind::Int, "how long it took"),
        field("full_scan_age_seconds", Kind::Int, "time since the last full scan ended; absent before the first"),
        field("full_scan_seconds", Kind::Int, "how long it took"),
        field("waiting_count", Kind::Int, "detections that nobody has dealt with"),
        field("quarantined_count", Kind::Int, "files in quarantine"),
        text("last_detection", Kind::Text, "what was found last, and where"),
    ],
};
