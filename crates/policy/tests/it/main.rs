//! Validation and diff of whole policies.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod judged;
mod older;
mod properties;
mod rules;
mod values;
mod world;
