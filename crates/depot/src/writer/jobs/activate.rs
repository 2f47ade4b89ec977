//! That a pending release has everything that it names: it is logged, and given to appliances.

use std::sync::Arc;

use tokio::sync::oneshot;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;

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
        if published.active().is_some_and(|active| active.digest == digest) {
            let _ = reply.send(Ok(()));
            return Ok(None);
        }
        let pending = published.pending.clone().filter(|pending| pending.digest == digest);
        // A site without a log is given releases all the same: its appliances call that "not configured".
        let log = match (stage.directory.current_log(&site), stage.log(&site)) {
            (None, _) => Ok(None),
            (Some(_), log) => log.map(Some),
        };
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
        releases::activate(stage.connection, pending.id, stage.now)?;
        if let Some(log) = log {
            stage.log_release(&pending, log)?;
        }
        stage.directory = Arc::new(stage.directory.with_active(&site));
        let (depot, directory) = (stage.depot.clone(), stage.directory.clone());
        let finish = move |logs: &mut Logs| {
            depot.set_directory(directory);
            if log.is_none_or(|log| logs.published(log).is_some()) {
                let _ = reply.send(Ok(()));
            }
        };
        Ok(Some(Box::new(finish)))
    }
}
