//! That a site's log was lost and begins anew.

use std::sync::Arc;

use tokio::sync::oneshot;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::log::entry::{EntrySchema, LogEntry};
use writ_wire::Signed;

use crate::sitelog::LogError;
use crate::store::checkpoints::Names;
use crate::writer::logs::Logs;
use crate::writer::stage::Stage;
use crate::writer::{Finish, WriteError};

/// A log restart, judged already.
#[derive(Debug)]
pub struct PutRestart {
    /// The directory that it was judged under.
    pub before: u64,
    /// The site.
    pub site: SiteId,
    /// Which of the site's logs begins, from 1.
    pub number: u64,
    /// The new log's name.
    pub origin: String,
    /// The document's exact bytes and signatures.
    pub signed: Signed,
    /// Who waits.
    pub reply: oneshot::Sender<Result<(), WriteError>>,
}

impl PutRestart {
    pub(in crate::writer) fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        let Self { before, site, number, origin, signed, reply } = self;
        let is_current = stage.directory.current_log(&site).is_some_and(|(current, _)| current == number);
        let refused = if stage.directory.generation != before || stage.has_log(&site, number) || !is_current {
            Some(WriteError::Stale)
        } else if !stage.directory.may_log(&stage.depot.log_key.public_key(), &site, stage.now) {
            Some(WriteError::LogKey(site.clone()))
        } else {
            None
        };
        if let Some(error) = refused {
            let _ = reply.send(Err(error));
            return Ok(None);
        }
        let (digest, schema) = (Digest::of(&signed.document.0), EntrySchema::V1);
        let log = stage.create(&site, number, &origin, Some(Arc::new(signed)))?;
        let entry = LogEntry::Restart { schema, site: site.clone(), digest, time: stage.now };
        stage.append(&site, log, entry.canonical(), Names::Other)?;
        stage.log_root(&site, log)?;
        if let Some(active) = stage.directory.site(&site).active() {
            stage.log_release(active, log)?;
        }
        let finish = move |logs: &mut Logs| {
            if logs.published(log).is_some() {
                let _ = reply.send(Ok(()));
            }
        };
        Ok(Some(Box::new(finish)))
    }
}
