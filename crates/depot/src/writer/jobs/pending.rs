//! A signed release that waits for what it names.

use std::sync::Arc;

use tokio::sync::oneshot;
use writ_trust::digest::Digest;
use writ_trust::release::Release;
use writ_wire::Signed;

use crate::sitelog::LogError;
use crate::store::releases::{self, StoredRelease};
use crate::writer::logs::Logs;
use crate::writer::stage::Stage;
use crate::writer::{Finish, WriteError};

/// A release, judged already.
#[derive(Debug)]
pub struct PutPending {
    /// The directory that it was judged under.
    pub before: u64,
    /// What it says.
    pub release: Release,
    /// Its exact bytes and signatures.
    pub signed: Signed,
    /// Who waits; hears its digest.
    pub reply: oneshot::Sender<Result<Digest, WriteError>>,
}

impl PutPending {
    pub(in crate::writer) fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        let Self { before, release, signed, reply } = self;
        if stage.directory.generation != before {
            let _ = reply.send(Err(WriteError::Stale));
            return Ok(None);
        }
        let digest = Digest::of(&signed.document.0);
        let id = releases::put_pending(stage.connection, &release, digest, &signed, stage.now)?;
        let stored = StoredRelease { id, release, digest, signed, active: false };
        stage.directory = Arc::new(stage.directory.with_pending(stored));
        let (depot, directory) = (stage.depot.clone(), stage.directory.clone());
        let finish = move |_: &mut Logs| {
            depot.set_directory(directory);
            let _ = reply.send(Ok(digest));
        };
        Ok(Some(Box::new(finish)))
    }
}
