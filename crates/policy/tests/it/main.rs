//! Validation and diff of whole policies.

mod properties;
mod rules;
mod world;
