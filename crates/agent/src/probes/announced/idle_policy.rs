//! `idle_policy`: after how long without a key a session ends. To be read from TMOUT in /etc/profile and /etc/profile.d
//! (bash(1)), StopIdleSessionSec of logind.conf(5), the desktop's screen lock.

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "idle_policy",
    about: "after how long without a key a session ends",
    parameters: &[],
    observation: &[
        field("shell_seconds", Kind::Int, "after how long an idle shell ends; 0 is never"),
        field("shell_readonly", Kind::Bool, "whether users cannot change that"),
        field("session_seconds", Kind::Int, "after how long logind ends an idle session; 0 is never"),
        field(
            "screen_lock_seconds",
            Kind::Int,
            "after how long the screen locks; 0 is never, absent without a desktop",
        ),
    ],
};
