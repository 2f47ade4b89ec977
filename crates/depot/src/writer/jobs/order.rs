//! An order.

use tokio::sync::oneshot;

use crate::sitelog::LogError;
use crate::store::orders::{self, Added, StoredOrder};
use crate::writer::logs::Logs;
use crate::writer::stage::Stage;
use crate::writer::{Finish, WriteError};

/// An order, judged already.
#[derive(Debug)]
pub struct PutOrder {
    /// What it is.
    pub stored: StoredOrder,
    /// Who waits.
    pub reply: oneshot::Sender<Result<(), WriteError>>,
}

impl PutOrder {
    pub(in crate::writer) fn stage(self, stage: &mut Stage<'_>) -> Result<Option<Finish>, LogError> {
        let Self { stored, reply } = self;
        let (depot, now) = (stage.depot.clone(), stage.now);
        let added = orders::add(stage.connection, &stored, now)?;
        let finish = move |_: &mut Logs| {
            let answer = match added {
                Added::New => {
                    depot.orders.add(stored, now);
                    Ok(())
                }
                Added::Known => Ok(()),
                Added::Other => Err(WriteError::OtherOrder),
                Added::Full => Err(WriteError::ManyOrders),
            };
            let _ = reply.send(answer);
        };
        Ok(Some(Box::new(finish)))
    }
}
