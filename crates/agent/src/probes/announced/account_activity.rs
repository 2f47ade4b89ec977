//! `account_activity`: who uses the accounts of this machine, and who no longer does. To be read from lastlog2(8) and
//! wtmp(5), the expiry in shadow(5), membership of wheel and sudo, enrolments of pam_u2f and pam_oath.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, identifier, optional};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "account_activity",
    about: "who uses the accounts of this machine, and who no longer does",
    parameters: &[optional("dormant_after", Kind::Span, "how long an account may go unused; default \"90d\"")],
    observation: &[
        field("dormant_count", Kind::Int, "how many accounts that can log in were not used for longer"),
        identifier("dormant", Kind::List, "which those are"),
        field("expired_open_count", Kind::Int, "how many accounts are past their expiry and can still log in"),
        field("admin_count", Kind::Int, "how many people may become root"),
        identifier("admins", Kind::List, "who they are"),
        field("admins_daily_use_count", Kind::Int, "how many of them log in for daily work under the same account"),
        field("admins_without_second_factor_count", Kind::Int, "how many of them have enrolled no second factor"),
        field("service_with_shell_count", Kind::Int, "how many accounts of services have a shell to log in to"),
    ],
};
