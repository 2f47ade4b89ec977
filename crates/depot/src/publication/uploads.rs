//! What uploads of NARs may take: of one store path one at a time is received, so that what is under way needs no more disk
//! than what is missing, and one at a time is examined, so that evidence does not wait for all cores.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use writ_wire::publication::HashPart;

use crate::fault::Fault;

/// The uploads under way.
#[derive(Debug)]
pub struct Uploads {
    receiving: Arc<Mutex<BTreeSet<HashPart>>>,
    examining: Arc<Semaphore>,
}

/// That the NAR of a store path is being received. Ends when dropped.
#[derive(Debug)]
pub struct Receiving {
    path: HashPart,
    all: Arc<Mutex<BTreeSet<HashPart>>>,
}

/// A turn at examining; ends when dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held")] Option<OwnedSemaphorePermit>);

impl Default for Uploads {
    fn default() -> Self {
        Self { receiving: Arc::default(), examining: Arc::new(Semaphore::new(1)) }
    }
}

impl Uploads {
    /// Begins to receive the NAR of a store path, unless somebody does already.
    pub fn begin(&self, path: &HashPart) -> Result<Receiving, Fault> {
        let mut receiving = self.receiving.lock().unwrap_or_else(PoisonError::into_inner);
        match receiving.insert(path.clone()) {
            true => Ok(Receiving { path: path.clone(), all: self.receiving.clone() }),
            false => Err(Fault::Uploading),
        }
    }

    /// Waits for a turn at examining a NAR.
    pub async fn examination(&self) -> Turn {
        Turn(self.examining.clone().acquire_owned().await.ok())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}
