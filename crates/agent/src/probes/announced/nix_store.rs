//! `nix_store`: whether the store holds what its database says. To be read from the record that
//! writ-store-verify.service leaves, mount flags of /nix/store.

use writ_policy::schema::{Kind, ProbeSchema};

use super::field;

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "nix_store",
    about: "whether the store holds what its database says",
    parameters: &[],
    observation: &[
        field(
            "verified_age_seconds",
            Kind::Int,
            "time since every path was last verified; absent before the first time",
        ),
        field("corrupt_count", Kind::Int, "paths that were not what the database says"),
        field("unsigned_count", Kind::Int, "paths without a trusted signature that were not built here"),
        field("read_only", Kind::Bool, "whether the store is mounted read-only"),
    ],
};
