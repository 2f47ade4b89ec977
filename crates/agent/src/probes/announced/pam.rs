//! `pam`: what one PAM service demands. To be read from /etc/pam.d with its includes (pam.d(5)), faillock.conf(5),
//! pwquality.conf(5), login.defs(5).

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, required};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "pam",
    about: "what one PAM service demands",
    parameters: &[required("service", Kind::Text, "the service, for instance \"passwd\", \"login\" or \"sshd\"")],
    observation: &[
        field("modules", Kind::List, "modules of its stack, each once, sorted"),
        field("lockout_failures", Kind::Int, "after how many failures an account is locked; 0 is never"),
        field("lockout_seconds", Kind::Int, "for how long; 0 is until a person unlocks it"),
        field("lockout_root", Kind::Bool, "whether that holds for root too"),
        field("min_length", Kind::Int, "shortest password that it takes"),
        field("min_classes", Kind::Int, "fewest classes of characters that a password must have"),
        field("history_count", Kind::Int, "how many earlier passwords are refused"),
        field("hash_algorithm", Kind::Text, "how a new password is stored, for instance yescrypt"),
        field("null_passwords", Kind::Bool, "whether an empty password is taken"),
        field("second_factor", Kind::Bool, "whether a password alone does not suffice"),
        field("shows_last_login", Kind::Bool, "whether the last log-in is shown after logging in"),
    ],
};
