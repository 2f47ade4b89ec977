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

/// The requests that have no answer yet, and the answers that are being written.
#[derive(Default)]
struct Open {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    ids: HashSet<RequestId>,
    writing: usize,
}

impl Open {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request; false where one of its id is open.
    fn take(&self, id: &RequestId) -> bool {
        self.state().ids.insert(id.clone())
    }

    /// Its answer is about to be written. Its id is free from now on: whoever reads the answer may use it again, before
    /// whoever wrote it knows that it is written.
    fn answering(&self, id: &RequestId) {
        let mut state = self.state();
        state.ids.remove(id);
        state.writing += 1;
    }

    /// An answer was written, or cannot be.
    fn answered(&self) {
        let mut state = self.state();
        state.writing = state.writing.saturating_sub(1);
        drop(state);
        // Kept for whoever waits next where nobody does now.
        self.freed.notify_one();
    }

    /// A request that is never answered.
    fn called_off(&self, id: &RequestId) {
        self.state().ids.remove(id);
        self.freed.notify_one();
    }

    fn is_full(&self) -> bool {
        let state = self.state();
        state.ids.len() + state.writing >= MOST
    }

    /// Waits until one more may be taken.
    async fn room(&self) {
        while self.is_full() {
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
        if let Some(id) = &answers {
            open.answering(id);
        }
        let sending = self.inner.send(message);
        async move {
            let sent = sending.await;
            if answers.is_some() {
                open.answered();
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
                        self.open.called_off(id);
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
