//! The check-in (`writ.checkin.v1`) and what it is answered with (`writ.checkin-reply.v1`).

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::numbers::{Epoch, Serial, TrustVersion};
use writ_trust::time::Time;

use crate::shape::{document, nullable};
use crate::signed::Signed;

/// The largest check-in and the largest reply, in bytes (64 KiB).
pub const MAX_CHECK_IN: usize = 64 * 1024;

/// An appliance's heartbeat, handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckIn {
    /// Always `writ.checkin.v1`.
    pub schema: CheckInSchema,
    /// The appliance's [`crate::heartbeat::Heartbeat`].
    pub heartbeat: Signed,
}

document!(CheckIn, CheckInSchema, CHECK_IN_SCHEMA, "writ.checkin.v1", MAX_CHECK_IN);

/// What the depot has, so that an appliance knows whether to ask for more or to send more. Proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckInReply {
    /// Always `writ.checkin-reply.v1`.
    pub schema: CheckInReplySchema,
    /// The epoch of the site's newest active release; null before the first.
    #[serde(deserialize_with = "nullable")]
    pub epoch: Option<Epoch>,
    /// Its serial; null before the first.
    #[serde(deserialize_with = "nullable")]
    pub serial: Option<Serial>,
    /// The newest trust root.
    pub trust_version: TrustVersion,
    /// How many entries the site's log has; 0 where there is none.
    pub log_size: u64,
    /// The last sequence up to which the depot holds every bundle of this appliance's key; 0 for none.
    pub held: u64,
    /// The highest sequence that the depot holds of this appliance's key; 0 for none.
    pub newest: u64,
    /// The tag of the orders for this appliance, see [`crate::orders::tag`]; left out where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders: Option<Digest>,
    /// The depot's clock.
    pub now: Time,
}

document!(CheckInReply, CheckInReplySchema, CHECK_IN_REPLY_SCHEMA, "writ.checkin-reply.v1", MAX_CHECK_IN);
