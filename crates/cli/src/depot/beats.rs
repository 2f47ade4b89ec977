//! The heartbeats that a depot holds of a site, by the key that each names.

use std::collections::BTreeMap;

use writ_client::{Client, Error};
use writ_trust::document::DocumentError;
use writ_trust::ids::SiteId;
use writ_wire::heartbeat::Heartbeat;
use writ_wire::heartbeats::Heartbeats;
use writ_wire::{MAX_ENVELOPE, Signed, paths};

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum BeatsError {
    /// The depot could not be asked.
    #[error(transparent)]
    Client(#[from] Error),
    /// The answer is no list of heartbeats.
    #[error("the list of heartbeats cannot be read: {0}")]
    List(#[from] DocumentError),
}

/// The newest heartbeat of each key, by its 32 bytes; nothing of that is proven.
pub fn heartbeats(client: &Client, site: &SiteId) -> Result<BTreeMap<[u8; 32], Signed>, BeatsError> {
    let bytes = client.get(&paths::heartbeats(site), MAX_ENVELOPE as u64)?;
    let list = Heartbeats::parse(&bytes)?;
    let named = list.heartbeats.into_iter().filter_map(|signed| {
        let heartbeat = Heartbeat::parse(&signed.document.0).ok()?;
        Some((*heartbeat.public_key.ed25519(), signed))
    });
    Ok(named.collect())
}
