//! The orders that a depot holds of a site (`writ.orders.v1`), as their signers signed them.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;

use crate::MAX_ENVELOPE;
use crate::shape::document;
use crate::signed::Signed;

/// How many orders that have not expired a depot holds of a site.
pub const MOST_ORDERS: usize = 64;

/// The orders of a site that have not expired: for an appliance those that it is meant by, for a reader all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Orders {
    /// Always `writ.orders.v1`.
    pub schema: OrdersSchema,
    /// Each a [`writ_trust::order::Order`], in the order in which they came.
    pub orders: Vec<Signed>,
}

document!(Orders, OrdersSchema, ORDERS_SCHEMA, "writ.orders.v1", MAX_ENVELOPE);

/// What a check-in tells of orders: the digest over the digests of all, in whatever order they come; none where there are none.
pub fn tag(digests: impl IntoIterator<Item = Digest>) -> Option<Digest> {
    let mut all: Vec<[u8; 32]> = digests.into_iter().map(|digest| *digest.as_bytes()).collect();
    all.sort_unstable();
    (!all.is_empty()).then(|| Digest::of(&all.concat()))
}
