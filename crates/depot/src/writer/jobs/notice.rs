//! A notice of an appliance.

use tokio::sync::oneshot;

use crate::sitelog::LogError;
use crate::store::notices::{self, Row};
use crate::writer::logs::Logs;
use crate::writer::stage::Stage;
use crate::writer::{Finish, WriteError};

/// A notice, judged already.
#[derive(Debug)]
pub struct PutNotice {
    /// What it is.
    pub row: Row,
    /// Who waits.
    pub reply: oneshot::Sender<Result<(), WriteError>>,
}

impl PutNotice {
    pub(in crate::writer) fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        let Self { row, reply } = self;
        notices::add(stage.connection, &row, stage.now)?;
        Ok(Some(Box::new(move |_: &mut Logs| drop(reply.send(Ok(()))))))
    }
}
