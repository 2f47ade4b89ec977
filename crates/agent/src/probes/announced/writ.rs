//! `writ`: how Writ itself fares on this appliance. To be read from the enforcer's own state, presence, and what the
//! courier says of itself; what a courier tells is absent without one.

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "writ",
    about: "how Writ itself fares on this appliance",
    parameters: &[],
    observation: &[
        field("checkin_age_seconds", Kind::Int, "time since the depot last took a heartbeat"),
        field("sync_failure_count", Kind::Int, "pulls in a row that failed"),
        field("release_expires_in_seconds", Kind::Int, "time until the release expires; negative when it has expired"),
        field("root_expires_in_seconds", Kind::Int, "time until the trust root expires; negative when it has expired"),
        field("log_checkpoint_age_seconds", Kind::Int, "age of the newest checkpoint of the site's log"),
        field("outbox_used_percent", Kind::Int, "how much of the evidence's room is used"),
        field("undelivered_age_seconds", Kind::Int, "age of the oldest bundle that is not delivered; 0 when all are"),
        field("overdue_incident_count", Kind::Int, "open incidents past the time that they must be answered in"),
        field("open_critical_count", Kind::Int, "open critical incidents"),
        field("pause_code_set", Kind::Bool, "whether a code for pausing is set"),
        field("longest_pause_seconds", Kind::Int, "length of the longest pause in force; 0 without any"),
        field("key_age_seconds", Kind::Int, "age of the appliance's key"),
    ],
};
