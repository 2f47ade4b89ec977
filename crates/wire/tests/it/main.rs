//! What `writ-wire` promises, from outside: documents that read as they were written, requests that nobody alters.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod documents;
mod placement;
mod requests;
