//! What goes over the wire between appliances, depots and tools: the documents, the request signatures, the addresses.
//!
//! Nothing here has authority by having arrived. What people and appliances signed travels inside envelopes as its exact bytes
//! ([`Blob`], [`Signed`]), and whoever receives it judges those bytes; the envelopes themselves say nothing that a receiver
//! relies on.
//!
//! This crate is pure: no I/O, no clock, no randomness. Times, nonces and keys come in as arguments.

pub mod asks;
pub mod backup_sample;
pub mod blob;
pub mod check_in;
pub mod claim;
pub mod claims;
pub mod courier;
pub mod day_archive;
pub mod evidence_batch;
pub mod evidence_page;
pub mod heartbeat;
pub mod heartbeats;
pub mod http;
pub mod log_batch;
pub mod log_receipt;
pub mod log_sources;
pub mod log_times;
pub mod looks;
pub mod mac;
pub mod notice;
pub mod notices;
pub mod orders;
pub mod paths;
pub mod placement;
pub mod plan;
pub mod plan_request;
pub mod plan_verdict;
pub mod proposal;
pub mod publication;
pub mod receipts;
pub mod record;
pub mod releases;
mod shape;
pub mod signed;
pub mod statement;
pub mod sync;
pub mod timestamp;

pub use blob::Blob;
pub use signed::Signed;

/// The largest envelope, in bytes (8 MiB).
pub const MAX_ENVELOPE: usize = 8 * 1024 * 1024;
