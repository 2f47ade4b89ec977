//! `restic`: one backup repository, as its newest snapshots say. To be read from `restic --json snapshots`, the record
//! of the repository's last verification.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, optional, required, text};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "restic",
    about: "one backup repository, as its newest snapshots say",
    parameters: &[
        required(
            "repository",
            Kind::Text,
            "where it is, for instance \"/var/backup/records\" or \"sftp:host:records\"",
        ),
        required("password", Kind::Secret, "the repository's password"),
        optional("tag", Kind::Text, "only snapshots with this tag"),
    ],
    observation: &[
        field("reachable", Kind::Bool, "whether the repository can be read"),
        field("snapshot_count", Kind::Int, "how many snapshots it has"),
        field("age_seconds", Kind::Int, "age of the newest; absent without one"),
        field("oldest_age_seconds", Kind::Int, "age of the oldest; absent without one"),
        field("size_bytes", Kind::Int, "size of what the newest restores to; absent without one"),
        field(
            "check_ok",
            Kind::Bool,
            "whether the last verification of the repository found it whole; absent before the first",
        ),
        field("check_age_seconds", Kind::Int, "time since that verification; absent before the first"),
        field("locked", Kind::Bool, "whether a lock is held by nobody who still works"),
        text("last_error", Kind::Text, "what restic said last that was not success"),
    ],
};
