//! Sealing, verifying and scrubbing, seen from outside.

mod bundles;
mod chain;
mod golden;
mod kinds;
mod scrubbing;
