//! `failed_logins`: log-in attempts that failed, over a window. To be read from the journal of sshd, login and sudo,
//! faillock(8).

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, identifier, required};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "failed_logins",
    about: "log-in attempts that failed, over a window",
    parameters: &[required("window", Kind::Span, "how far to look back")],
    observation: &[
        field("recorded", Kind::Bool, "whether log-ins that succeed and that fail are written down at all"),
        field("failed_count", Kind::Int, "log-ins that failed"),
        field("failed_user_count", Kind::Int, "for how many accounts"),
        field("locked_count", Kind::Int, "how many accounts are locked because of it"),
        field("root_failed_count", Kind::Int, "how many of them tried to be root"),
        identifier("users", Kind::List, "for which accounts"),
    ],
};
