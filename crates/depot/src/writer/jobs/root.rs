//! A trust root that continues the chain.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::directory::Directory;
use crate::sitelog::LogError;
use crate::store::roots;
use crate::writer::logs::Logs;
use crate::writer::stage::Stage;
use crate::writer::{Finish, WriteError};

/// A trust root, judged already.
#[derive(Debug)]
pub struct PutRoot {
    /// The directory that the judgement began from.
    pub before: u64,
    /// The directory with the root.
    pub after: Directory,
    /// Who waits.
    pub reply: oneshot::Sender<Result<(), WriteError>>,
}

impl PutRoot {
    pub(in crate::writer) fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        let Self { before, after, reply } = self;
        let newest = after.roots.last().cloned().filter(|_| stage.directory.generation == before);
        let Some(newest) = newest else {
            let _ = reply.send(Err(WriteError::Stale));
            return Ok(None);
        };
        roots::insert(stage.connection, after.chain.newest().version, &newest, stage.now)?;
        stage.directory = Arc::new(after);
        stage.judge_pending()?;
        stage.follow_roots()?;
        let (depot, directory) = (stage.depot.clone(), stage.directory.clone());
        let finish = move |_: &mut Logs| {
            depot.set_directory(directory);
            let _ = reply.send(Ok(()));
        };
        Ok(Some(Box::new(finish)))
    }
}
