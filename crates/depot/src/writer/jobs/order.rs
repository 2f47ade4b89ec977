//! An order.

use tokio::sync::oneshot;
use writ_trust::log::entry::{EntrySchema, LogEntry};

use crate::sitelog::LogError;
use crate::store::checkpoints::Names;
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
        let site = stored.order.site.clone();
        // A site without a log has orders all the same; one whose log cannot be signed gets none that it does not name.
        let log = match stage.log(&site) {
            Ok(log) => Some(log),
            Err(WriteError::NoLog(_)) => None,
            Err(error) => {
                let _ = reply.send(Err(error));
                return Ok(None);
            }
        };
        let added = orders::add(stage.connection, &stored, now)?;
        if let (Added::New, Some(log)) = (added, log) {
            let (id, digest) = (stored.order.id.clone(), stored.digest);
            let entry = LogEntry::Order { schema: EntrySchema::V1, site: site.clone(), id, digest, time: now };
            stage.append(&site, log, entry.canonical(), Names::Other)?;
        }
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
