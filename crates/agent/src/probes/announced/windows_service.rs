//! `windows_service`: one service of a Windows machine. To be read over WinRM, as `Get-Service` tells it.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, required};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "windows_service",
    about: "one service of a Windows machine",
    parameters: &[required("service", Kind::Text, "its short name, for instance \"MSSQLSERVER\"")],
    observation: &[
        field("exists", Kind::Bool, "whether the machine has such a service"),
        field("running", Kind::Bool, "whether it runs; absent without one"),
        field("automatic", Kind::Bool, "whether it is started with the machine; absent without one"),
    ],
};
