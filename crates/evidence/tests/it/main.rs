//! Sealing, verifying and scrubbing, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod bundles;
mod chain;
mod golden;
mod kinds;
mod scrubbing;
