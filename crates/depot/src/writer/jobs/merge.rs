//! More signatures over the document that began a log.

use std::sync::Arc;

use tokio::sync::oneshot;
use writ_trust::ids::SiteId;
use writ_wire::Signed;

use crate::judge;
use crate::sitelog::LogError;
use crate::store::checkpoints;
use crate::writer::logs::Logs;
use crate::writer::stage::Stage;
use crate::writer::{Finish, WriteError};

/// A log restart that is stored, signed by others.
#[derive(Debug)]
pub struct MergeRestart {
    /// The directory that it was judged under.
    pub before: u64,
    /// The site.
    pub site: SiteId,
    /// Which of the site's logs began by it.
    pub number: u64,
    /// The document's exact bytes, and what came of signatures.
    pub signed: Signed,
    /// Who waits.
    pub reply: oneshot::Sender<Result<(), WriteError>>,
}

impl MergeRestart {
    pub(in crate::writer) fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        let Self { before, site, number, signed, reply } = self;
        let head = stage.depot.heads.number(&site, number).filter(|_| stage.directory.generation == before);
        let row = head.map(|head| head.id);
        // From the database: another one may have been merged in this transaction.
        let stored = row.map(|row| checkpoints::one(stage.connection, row)).transpose()?;
        let stored = stored.and_then(|log| log.restart).filter(|stored| stored.document == signed.document);
        let (Some(row), Some(stored)) = (row, stored) else {
            let _ = reply.send(Err(WriteError::Stale));
            return Ok(None);
        };
        let merged = judge::merged(&stage.directory, &stored, &signed);
        checkpoints::set_restart(stage.connection, row, &merged)?;
        let finish = move |logs: &mut Logs| {
            // The next start writes the files again, and whoever hears nothing sends it again.
            match logs.replace_restart(&site, row, Arc::new(merged)) {
                Ok(()) => drop(reply.send(Ok(()))),
                Err(error) => {
                    tracing::error!(%error, %site, number, "the signatures of a log restart cannot be written")
                }
            }
        };
        Ok(Some(Box::new(finish)))
    }
}
