//! What an appliance remembers of the orders that it took, so that it takes none twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Order, OrderId};
use crate::digest::Digest;
use crate::time::Time;

/// How many orders that have not expired are remembered; more are not taken.
pub const MOST_REMEMBERED: usize = 1_024;

/// The orders that were taken. An id is remembered until its order has expired, and what is forgotten then leaves a bound behind,
/// so that no clock that is set back brings an order back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// When it began: of orders that were made before nobody knows whether they were taken.
    pub since: Time,
    /// The latest end of an order that was forgotten: what ends then or before is not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten: Option<Time>,
    /// The orders that are remembered.
    #[serde(default)]
    pub taken: BTreeMap<OrderId, Taken>,
}

/// An order that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// When it expires.
    pub expires_at: Time,
}

impl Memory {
    /// The memory of who has taken nothing since this moment.
    pub fn new(since: Time) -> Self {
        Self { since, forgotten: None, taken: BTreeMap::new() }
    }

    /// Remembers an order that was judged to be taken. It is to be durable before anything is done for it.
    pub fn take(&mut self, order: &Order, digest: Digest) {
        self.taken.insert(order.id.clone(), Taken { digest, expires_at: order.expires_at });
    }

    /// Forgets the orders that have expired, but for those to be kept. True when there were any.
    pub fn forget(&mut self, now: Time, keep: impl Fn(&OrderId) -> bool) -> bool {
        let before = self.taken.len();
        let mut latest = self.forgotten;
        self.taken.retain(|id, taken| {
            let stays = taken.expires_at > now || keep(id);
            if !stays {
                latest = latest.max(Some(taken.expires_at));
            }
            stays
        });
        self.forgotten = latest;
        self.taken.len() != before
    }

    /// Whether there is no room for one more.
    pub fn is_full(&self) -> bool {
        self.taken.len() >= MOST_REMEMBERED
    }
}
