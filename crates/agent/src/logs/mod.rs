//! Carrying logs out of their sources (`writ-logs`): an ordinary user who may read them, and has no network.
//!
//! Every five minutes each source is read from where the run before ended; what it says is scrubbed, packed into a batch
//! ([`writ_wire::log_batch`]) that names the one before it, and laid into `logs/<source>/` of the spool. Also a source that
//! said nothing makes one: that nothing was said is worth knowing, and so is that somebody looked.
//!
//! Nothing is lost or said twice without that being told, whenever the process is killed: before a batch is laid out, its
//! digest and where reading ended are durable beside where it began ([`state`]); a start looks whether the batch is there.

pub mod batch;
pub mod config;
pub mod files;
pub mod journal;
pub mod run;
pub mod state;
pub mod status;

/// Where batches lie in the spool, in one folder for each source.
pub const FOLDER: &str = "logs";
