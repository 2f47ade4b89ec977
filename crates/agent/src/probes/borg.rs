//! `borg`: one backup repository, as its newest archives say, by the records that `writ-record borg` and `borg-check` leave
//! of it. It asks the repository nothing: that takes a network and a passphrase.

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, backups, field, optional, required, text};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "borg",
    about: "one backup repository of borg, as its newest archives say",
    parameters: &[
        required(
            "repository",
            Kind::Text,
            "where it is, for instance \"/var/backup/records\" or \"ssh://host/./records\"",
        ),
        required("passphrase", Kind::Secret, "the repository's passphrase, for the unit that looks into it"),
        optional(
            "prefix",
            Kind::Text,
            "only archives whose name begins with this and a dash, as writ-record was told by --tag",
        ),
    ],
    observation: &[
        field(
            "reachable",
            Kind::Bool,
            "whether the repository could be read; absent when nobody has looked for half an hour",
        ),
        field("snapshot_count", Kind::Int, "how many archives it has; absent when it could not be read"),
        field("age_seconds", Kind::Int, "age of the newest; absent without one"),
        field("oldest_age_seconds", Kind::Int, "age of the oldest; absent without one"),
        field("size_bytes", Kind::Int, "size of what the newest restores to; absent without one"),
        field(
            "check_ok",
            Kind::Bool,
            "whether the last verification of the repository found it whole; absent before the first",
        ),
        field("check_age_seconds", Kind::Int, "time since that verification; absent before the first"),
        field(
            "locked",
            Kind::Bool,
            "whether a process of this machine that is gone holds a lock; absent when it stands elsewhere",
        ),
        text("last_error", Kind::Text, "what borg said last that was not success"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    backups::look(context, "borg", parameters.text("repository")?, parameters.optional_text("prefix")?)
}

fn watch(parameters: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    parameters.text("repository").map(|address| backups::watch(context, "borg", address)).unwrap_or_default()
}
