//! `restore_test`: the last restore that was tried. To be read from the record that the restore test leaves at its end.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, required, text};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "restore_test",
    about: "the last restore that was tried",
    parameters: &[required("name", Kind::Text, "the test, for instance \"records\"")],
    observation: &[
        field("exists", Kind::Bool, "whether it was ever tried"),
        field("succeeded", Kind::Bool, "whether the restore ended well"),
        field("age_seconds", Kind::Int, "time since it ended"),
        field("duration_seconds", Kind::Int, "how long it took"),
        field("compared_count", Kind::Int, "files that were compared with what they were"),
        field("mismatch_count", Kind::Int, "of them, how many differed"),
        field("consecutive_failure_count", Kind::Int, "tries in a row that failed; 0 after one that succeeded"),
        text("notes", Kind::Text, "what the test wrote down"),
    ],
};
