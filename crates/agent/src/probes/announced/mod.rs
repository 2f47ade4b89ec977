//! Probes that are announced: their schemas are here, so that a policy can name them and `writ check` can judge what it
//! says of them, but this version cannot look. A check with one is not assessable, never passed, and never "not
//! applicable", which would drop it from what an audit counts.
//!
//! One file per probe. It moves one folder up, and into [`super::PROBES`], when it learns to look.

mod windows_defender;
mod windows_service;

use writ_policy::schema::ProbeSchema;

use super::{field, required};

/// The schema of every probe that this version knows and cannot look with.
pub const ANNOUNCED: &[ProbeSchema] = &[windows_defender::SCHEMA, windows_service::SCHEMA];

/// Where the reason of every check begins that nothing looked at: what people and programs search for.
pub const NOT_OBSERVED: &str = "not observed: ";

/// Why a check with an announced probe has no outcome.
pub fn reason(probe: &str) -> String {
    format!("{NOT_OBSERVED}this version has the schema of probe `{probe}` but cannot look yet")
}
