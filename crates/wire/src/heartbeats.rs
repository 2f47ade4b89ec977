//! The heartbeats that a depot holds of a site (`writ.heartbeats.v1`), as the appliances signed them.

use serde::{Deserialize, Serialize};

use crate::MAX_ENVELOPE;
use crate::shape::document;
use crate::signed::Signed;

/// The newest heartbeat of each appliance of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeats {
    /// Always `writ.heartbeats.v1`.
    pub schema: HeartbeatsSchema,
    /// One per appliance.
    pub heartbeats: Vec<Signed>,
}

document!(Heartbeats, HeartbeatsSchema, HEARTBEATS_SCHEMA, "writ.heartbeats.v1", MAX_ENVELOPE);
