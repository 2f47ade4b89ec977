//! Real audit folders, really signed, then attacked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod attacks;
mod collecting;
mod comparing;
mod exports;
mod figures;
mod go;
mod log;
mod log_batches;
mod log_restarts;
mod log_world;
mod reading;
mod reports;
mod revoked;
mod summaries;
mod timestamps;
#[path = "../../../trust/tests/it/tsa.rs"]
mod tsa;
mod unobserved;
mod world;
