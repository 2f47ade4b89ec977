//! `chrony`: how well the clock is kept. To be read from `chronyc -c tracking` and `chronyc -c sources`.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, identifier};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "chrony",
    about: "how well the clock is kept",
    parameters: &[],
    observation: &[
        field("synchronised", Kind::Bool, "whether the clock follows a source"),
        field("source_count", Kind::Int, "how many sources can be used"),
        field("stratum", Kind::Int, "distance from a reference clock; 0 when not synchronised").between(0, 15),
        field("offset_ms", Kind::Int, "how far the clock is off, either way, rounded up").between(0, i64::MAX),
        field("update_age_seconds", Kind::Int, "time since the last measurement; absent before the first"),
        field("leap_status", Kind::Text, "what becomes of the last second of the day").one_of(&[
            "normal",
            "insert-second",
            "delete-second",
            "not-synchronised",
        ]),
        identifier("sources", Kind::List, "what the clock follows"),
    ],
};
