//! Around a transport: no more requests are taken than are answered. Without it, whoever sends and never reads fills the memory with
//! answers.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::RoleServer;
use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::sync::Notify;

/// How many requests may be without an answer.
const MOST: usize = 32;

/// The requests that have no answer yet.
#[derive(Default)]
struct Open {
    ids: Mutex<HashSet<RequestId>>,
    freed: Notify,
}

impl Open {
    fn ids(&self) -> MutexGuard<'_, HashSet<RequestId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request; false where one of its id is open.
    fn take(&self, id: &RequestId) -> bool {
        self.ids().insert(id.clone())
    }

    fn close(&self, id: &RequestId) {
        self.ids().remove(id);
        // Kept for whoever waits next where nobody does now.
        self.freed.notify_one();
    }

    /// Waits until one more may be taken.
    async fn room(&self) {
        while self.ids().len() >= MOST {
            self.freed.notified().await;
        }
    }
}

/// A transport that takes so many requests and no more until some were answered.
pub struct InFlight<T> {
    inner: T,
    open: Arc<Open>,
}

impl<T> InFlight<T> {
    /// Around another.
    pub fn new(inner: T) -> Self {
        Self { inner, open: Arc::default() }
    }
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for InFlight<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let answers = match &message {
            JsonRpcMessage::Response(response) => Some(response.id.clone()),
            JsonRpcMessage::Error(error) => error.id.clone(),
            _ => None,
        };
        let open = self.open.clone();
        let sending = self.inner.send(message);
        async move {
            let sent = sending.await;
            if let Some(id) = answers {
                open.close(&id);
            }
            sent
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            self.open.room().await;
            let message = self.inner.receive().await?;
            match &message {
                // An id that is open already would be answered once: the second is passed over (JSON-RPC 2.0, section 4).
                JsonRpcMessage::Request(request) if !self.open.take(&request.id) => continue,
                // What was called off is never answered.
                JsonRpcMessage::Notification(told) => {
                    if let ClientNotification::CancelledNotification(cancelled) = &told.notification
                        && let Some(id) = &cancelled.params.request_id
                    {
                        self.open.close(id);
                    }
                }
                _ => {}
            }
            return Some(message);
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
