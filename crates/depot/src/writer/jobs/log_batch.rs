//! A batch of logs whose bytes are on the disk.

use tokio::sync::oneshot;
use writ_trust::time::Time;

use crate::sitelog::LogError;
use crate::store::log_batches::{self, Added, Row};
use crate::writer::logs::Logs;
use crate::writer::stage::Stage;
use crate::writer::{Finish, WriteError};

/// A batch, judged already.
#[derive(Debug)]
pub struct PutLogBatch {
    /// What it is.
    pub row: Row,
    /// Who waits; hears when it came first.
    pub reply: oneshot::Sender<Result<Time, WriteError>>,
}

impl PutLogBatch {
    pub(in crate::writer) fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        let Self { row, reply } = self;
        let Added { as_newest, counts } = log_batches::add(stage.connection, &row, stage.now)?;
        let depot = stage.depot.clone();
        let finish = move |_: &mut Logs| {
            let received_at = as_newest.received_at;
            depot.ingestion.put(row.of, as_newest, counts);
            let _ = reply.send(Ok(received_at));
        };
        Ok(Some(Box::new(finish)))
    }
}
