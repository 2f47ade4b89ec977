//! `sessions`: who is logged in, since when. To be read from ListSessions of org.freedesktop.login1 over D-Bus.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, identifier};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "sessions",
    about: "who is logged in, since when",
    parameters: &[],
    observation: &[
        field("count", Kind::Int, "how many sessions"),
        field("oldest_age_seconds", Kind::Int, "how long the oldest has lasted; 0 without any"),
        field("longest_idle_seconds", Kind::Int, "how long the most idle has been idle; 0 without any"),
        field("remote_count", Kind::Int, "how many come over the network"),
        identifier("users", Kind::List, "whose they are"),
    ],
};
