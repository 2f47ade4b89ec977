//! One client, by the standard input and output of this process. Nothing else may be written there.

use std::io;
use std::sync::Arc;

use rmcp::service::ServerInitializeError;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::{RoleServer, serve_server};

use crate::MAX_MESSAGE;
use crate::desk::Desk;
use crate::in_flight::InFlight;
use crate::service::{Service, Way};

/// How many threads may wait for files.
const THREADS: usize = 8;

/// A runtime on this thread alone, and few others that wait for files.
///
/// # Errors
/// When the system has no means for it.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().max_blocking_threads(THREADS).enable_all().build()
}

/// Serves until the client closes its end.
///
/// # Errors
/// When there is no runtime, or the client does not begin as the protocol asks.
pub fn serve(desk: Desk) -> io::Result<()> {
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let lines = AsyncRwTransport::<RoleServer, _, _>::new_server(tokio::io::stdin(), tokio::io::stdout());
        let transport = InFlight::new(lines.with_max_line_length(MAX_MESSAGE));
        match serve_server(Service::new(Arc::new(desk), Way::Stdio), transport).await {
            Ok(running) => running.waiting().await.map(drop).map_err(io::Error::other),
            // Whoever closes before they begin wants nothing.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            // What it was is the client's: it is not printed.
            Err(ServerInitializeError::ExpectedInitializeRequest(_)) => {
                Err(io::Error::other("the client sent a notification before it initialized"))
            }
            Err(error) => Err(io::Error::other(error)),
        }
    });
    // A thread waits for standard input, and nothing ends that but its end.
    runtime.shutdown_background();
    served
}
