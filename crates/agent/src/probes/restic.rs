//! `restic`: one backup repository, as its newest snapshots say, by the records that `writ-record restic` and
//! `restic-check` leave of it. It asks the repository nothing: that takes a network and a password.

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, backups, field, optional, required, text};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "restic",
    about: "one backup repository, as its newest snapshots say",
    parameters: &[
        required(
            "repository",
            Kind::Text,
            "where it is, for instance \"/var/backup/records\" or \"sftp:host:records\"",
        ),
        required("password", Kind::Secret, "the repository's password, for the unit that looks into it"),
        optional("tag", Kind::Text, "only snapshots with this tag"),
    ],
    observation: &[
        field(
            "reachable",
            Kind::Bool,
            "whether the repository could be read; absent when nobody has looked for half an hour",
        ),
        field("snapshot_count", Kind::Int, "how many snapshots it has; absent when it could not be read"),
        field("age_seconds", Kind::Int, "age of the newest; absent without one"),
        field("oldest_age_seconds", Kind::Int, "age of the oldest; absent without one"),
        field("size_bytes", Kind::Int, "size of what the newest restores to; absent without one"),
        field(
            "check_ok",
            Kind::Bool,
            "whether the last verification of the repository found it whole; absent before the first",
        ),
        field("check_age_seconds", Kind::Int, "time since that verification; absent before the first"),
        field("locked", Kind::Bool, "whether a lock is held by nobody who still works; likewise absent"),
        text("last_error", Kind::Text, "what restic said last that was not success"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    backups::look(context, "restic", parameters.text("repository")?, parameters.optional_text("tag")?)
}

fn watch(parameters: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    parameters.text("repository").map(|address| backups::watch(context, "restic", address)).unwrap_or_default()
}
