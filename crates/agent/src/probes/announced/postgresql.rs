//! `postgresql`: a PostgreSQL server on this machine. To be read from a query over the local socket as a read-only
//! role; not applicable without a server.

use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{field, optional};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "postgresql",
    about: "a PostgreSQL server on this machine",
    parameters: &[
        optional("socket", Kind::Text, "folder of its socket; default \"/run/postgresql\"").form(Form::AbsolutePath),
        optional("database", Kind::Text, "the database to ask; default \"postgres\""),
    ],
    observation: &[
        field("reachable", Kind::Bool, "whether it answers"),
        field("version", Kind::Text, "its version, for instance 16.4"),
        field("data_checksums", Kind::Bool, "whether pages carry checksums"),
        field("checksum_failure_count", Kind::Int, "pages whose checksum was wrong, over all databases"),
        field("tls", Kind::Bool, "whether connections over the network can be encrypted"),
        field("superuser_count", Kind::Int, "how many roles may do everything"),
        field(
            "archive_age_seconds",
            Kind::Int,
            "time since the write-ahead log was last archived; absent before the first time",
        ),
    ],
};
