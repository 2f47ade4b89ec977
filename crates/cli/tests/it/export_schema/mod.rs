//! `writ export schema`, held to the documents and to the parsers by a JSON Schema implementation that is not ours.

mod agreement;
mod audited;
mod desk;
mod exported;
pub mod judge;
mod mutations;
mod observations;
pub mod reports;
