//! `log_forwarding`: the way of logs to a second place. To be read from the state that the forwarder writes, and its
//! unit over D-Bus.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, identifier, optional};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "log_forwarding",
    about: "the way of logs to a second place",
    parameters: &[optional("unit", Kind::Text, "the forwarder; default \"writ-log-forward.service\"")],
    observation: &[
        field("configured", Kind::Bool, "whether logs are to go anywhere"),
        field("active", Kind::Bool, "whether the forwarder runs"),
        field("tls_version", Kind::Text, "protocol of the connection, for instance TLSv1.3"),
        field("verified", Kind::Bool, "whether the other end is verified by its certificate"),
        field("last_sent_age_seconds", Kind::Int, "time since anything was sent; absent before the first"),
        field("lag_seconds", Kind::Int, "age of the oldest entry that is not yet sent; 0 when none waits"),
        field("queued_bytes", Kind::Int, "how much waits"),
        field("dropped_count", Kind::Int, "entries given up since the forwarder started"),
        field("compression", Kind::Text, "how the stream is compressed; none when it is not"),
        identifier("targets", Kind::List, "where the logs go"),
    ],
};
