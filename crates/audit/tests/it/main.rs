//! Real audit folders, really signed, then attacked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod attacks;
mod attesting;
mod checklists;
mod collecting;
mod comparing;
mod figures;
mod go;
mod log;
mod log_batches;
mod log_restarts;
mod log_world;
mod proving;
mod reading;
mod reports;
mod restoring;
mod revoked;
mod sampling;
mod searching;
mod summaries;
mod timestamps;
#[path = "../../../trust/tests/it/tsa.rs"]
mod tsa;
mod unobserved;
mod world;
