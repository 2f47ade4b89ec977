//! Real audit folders, really signed, then attacked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod attacks;
mod attesting;
mod baselines;
mod browser;
mod changing;
mod checklists;
mod collecting;
mod comparing;
mod excepted;
mod exports;
mod figures;
mod go;
mod instants;
mod kept;
mod laws;
mod log;
mod log_batches;
mod log_restarts;
mod log_world;
mod mappings;
mod packet_world;
mod packets;
mod proving;
mod reading;
mod reports;
mod restoring;
mod revoked;
mod sampling;
mod searching;
mod summaries;
mod tampered_world;
mod tampering;
mod timestamps;
#[path = "../../../trust/tests/it/tsa.rs"]
mod tsa;
mod unobserved;
mod verify_page;
mod world;
