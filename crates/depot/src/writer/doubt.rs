//! What a transaction was to bring, from its commit on: done once it is committed, forgotten where it was not, and kept where
//! nobody knows yet because the connection was lost in between.

use std::sync::Arc;

use writ_durable::crash_point;
use writ_trust::time::Time;

use super::Finish;
use super::logs::{Logs, Sealed};
use crate::depot::Depot;
use crate::sitelog::LogError;
use crate::store::heartbeats::StoredHeartbeat;
use crate::store::{Connection, StoreError};

/// What is left to do once a transaction is committed.
#[derive(Default)]
pub(super) struct Staged {
    pub sealed: Vec<Sealed>,
    pub finishes: Vec<Finish>,
    pub beats: Vec<StoredHeartbeat>,
    pub space: Option<(Time, u64)>,
}

/// A transaction of which it is not known whether it was committed.
pub(super) struct Doubt {
    /// How the database names it.
    pub transaction: String,
    pub staged: Staged,
}

impl Staged {
    /// It was committed: readers see it, and who waits is answered.
    pub fn finish(self, depot: &Arc<Depot>, connection: &dyn Connection, logs: &mut Logs) {
        if let Some(sample) = self.space {
            depot.space.note(sample);
        }
        logs.publish(connection, self.sealed);
        crash_point!("published");
        for finish in self.finishes {
            finish(logs);
        }
        crash_point!("answered");
        logs.trim();
    }

    /// It never was. Who waits for what it would have brought hears that nothing was stored.
    pub fn forget(self, depot: &Arc<Depot>, logs: &mut Logs) {
        depot.beats.not_saved(&self.beats);
        logs.forget_staged();
    }
}

/// Finds out what became of the transaction that is in doubt, if one is. Until that is known nothing else is written: it would
/// begin from what may not be so.
pub(super) fn settle(
    depot: &Arc<Depot>,
    connection: &dyn Connection,
    logs: &mut Logs,
    doubt: &mut Option<Doubt>,
) -> Result<(), LogError> {
    let Some(Doubt { transaction, .. }) = doubt.as_ref() else { return Ok(()) };
    let Some(committed) = connection.settled(transaction)? else {
        return Err(StoreError::InDoubt { transaction: transaction.clone() }.into());
    };
    tracing::warn!(transaction, committed, "the connection was lost during a commit, of which this is known now");
    if let Some(Doubt { staged, .. }) = doubt.take() {
        match committed {
            true => staged.finish(depot, connection, logs),
            false => staged.forget(depot, logs),
        }
    }
    Ok(())
}
