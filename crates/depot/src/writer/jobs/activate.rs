//! That a pending release has everything that it names: it is logged, and given to appliances.

use std::sync::Arc;

use tokio::sync::oneshot;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

use crate::judge;
use crate::sitelog::LogError;
use crate::store::releases;
use crate::writer::logs::Logs;
use crate::writer::stage::Stage;
use crate::writer::{Finish, WriteError};

/// A pending release that is complete.
#[derive(Debug)]
pub struct Activate {
    /// The site.
    pub site: SiteId,
    /// The digest of the release that is complete.
    pub digest: Digest,
    /// Who waits.
    pub reply: oneshot::Sender<Result<(), WriteError>>,
}

impl Activate {
    pub(in crate::writer) fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        let Self { site, digest, reply } = self;
        let published = stage.directory.site(&site);
        // A site without a log is given releases all the same: its appliances call that "not configured".
        let log = match (stage.directory.current_log(&site), stage.log(&site)) {
            (None, _) => Ok(None),
            (Some(_), log) => log.map(Some),
        };
        if published.active().is_some_and(|active| active.digest == digest) {
            // By another job, perhaps of this transaction: it is not active before that is committed.
            return Ok(Some(finish(stage, log.ok().flatten(), reply, Ok(()))));
        }
        let pending = published.pending.clone().filter(|pending| pending.digest == digest);
        let (pending, log) = match (pending, log) {
            (Some(pending), Ok(log)) => (pending, log),
            (None, _) => {
                let _ = reply.send(Err(WriteError::Stale));
                return Ok(None);
            }
            (_, Err(error)) => {
                let _ = reply.send(Err(error));
                return Ok(None);
            }
        };
        if let Err(reason) = judge::holds(&stage.directory, &site, &pending.signed, stage.now) {
            stage.drop_pending(&site)?;
            return Ok(Some(finish(stage, None, reply, Err(WriteError::Unfit(reason.to_string())))));
        }
        releases::activate(stage.connection, pending.id, stage.now)?;
        if let Some(log) = log {
            stage.log_release(&pending, log)?;
        }
        stage.directory = Arc::new(stage.directory.with_active(&site));
        Ok(Some(finish(stage, log, reply, Ok(()))))
    }
}

/// Publishes what the stage has come to, and answers, unless the files of the log could not be written.
fn finish(
    stage: &Stage<'_>,
    log: Option<i64>,
    reply: oneshot::Sender<Result<(), WriteError>>,
    answer: Result<(), WriteError>,
) -> Finish {
    let (depot, directory) = (stage.depot.clone(), stage.directory.clone());
    Box::new(move |logs: &mut Logs| {
        depot.set_directory(directory);
        if log.is_none_or(|log| logs.is_published(log)) {
            let _ = reply.send(answer);
        }
    })
}
