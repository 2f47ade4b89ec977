//! `sudo`: who may become root, and how. To be read from /etc/sudoers and what it includes (sudoers(5)), as `cvtsudoers
//! -f json` reads them.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, identifier};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "sudo",
    about: "who may become root, and how",
    parameters: &[],
    observation: &[
        field("authenticates", Kind::Bool, "whether every grant asks for a password"),
        field("passwordless_count", Kind::Int, "grants that ask for none"),
        field("unlimited_count", Kind::Int, "grants without an end"),
        field("longest_grant_seconds", Kind::Int, "how long the longest grant with an end lasts; 0 without any"),
        field("logs", Kind::Bool, "whether every use is recorded"),
        field("uses_pty", Kind::Bool, "whether commands run in a terminal of their own"),
        field("timestamp_seconds", Kind::Int, "for how long a password is remembered; 0 is not at all"),
        identifier("holders", Kind::List, "who has grants"),
        field("malformed_lines", Kind::Int, "lines that are no rules"),
    ],
};
