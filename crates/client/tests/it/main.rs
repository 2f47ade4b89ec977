//! What `writ-client` promises, against depots that do everything but what they should.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod downloads;
mod requests;
mod server;
mod tls;
