//! What can be written, one job per file.

pub mod activate;
pub mod log_batch;
pub mod merge;
pub mod notice;
pub mod order;
pub mod pending;
pub mod restart;
pub mod root;
pub mod submit;
