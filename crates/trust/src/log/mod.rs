//! The site log: an append-only Merkle tree of small records, with signed checkpoints.
//!
//! RFC 6962 hashing in the layout of C2SP `tlog-tiles`, checkpoints as C2SP `tlog-checkpoint` signed notes. The log proves
//! what was said and that nothing was dropped or rewritten since; it cannot prove that what was said was true. Whoever
//! keeps a log is trusted with nothing: every proof here is checked by the one who reads it.

pub mod checkpoint;
pub mod entry;
pub mod filling;
pub mod freshness;
pub mod judge;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod restart;
pub mod tile;
pub mod tree;
pub mod witness;
