//! `systemd_timer`: a job that a timer starts. To be read from properties of the timer and of the service that it
//! starts (org.freedesktop.systemd1(5)), the journal for failures in a row.

use writ_policy::schema::{Kind, ProbeSchema};

use super::super::systemd_unit::{ACTIVE_STATES, LOAD_STATES, SYSTEMD};
use super::{field, required};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "systemd_timer",
    about: "a job that a timer starts",
    parameters: &[required("unit", Kind::Text, "the timer, for instance \"writ-backup.timer\"")],
    observation: &[
        field("load_state", Kind::Text, "whether its configuration could be read").known(LOAD_STATES, SYSTEMD),
        field("active_state", Kind::Text, "whether it is started").known(ACTIVE_STATES, SYSTEMD),
        field("service", Kind::Text, "the unit that it starts"),
        field("last_trigger_age_seconds", Kind::Int, "time since it last started it; absent before the first time"),
        field("next_trigger_in_seconds", Kind::Int, "time until it starts it next; absent when it never will"),
        field("last_result", Kind::Text, "how that ended, for instance success, exit-code or timeout"),
        field("last_duration_seconds", Kind::Int, "how long it took"),
        field("consecutive_failure_count", Kind::Int, "runs in a row that failed; 0 after one that succeeded"),
    ],
};
