//! What chooses a runbook when rules did not help: `writ-planner`, a process without privileges, runs nothing, and asks nobody but
//! the language model that the signed policy names, where this machine lets it ([`model`]).
//!
//! It shares three folders of the spool with the enforcer: in `plan/requests/` it is asked, each request with the runbooks that
//! the signed policy allows; into `plan/plans/` it lays what it chose; in `plan/verdicts/` it is told what became of that. The
//! enforcer takes whoever writes there for hostile ([`crate::enforce::plans`]): a plan can name runbooks that were offered, and
//! nothing else.

pub mod config;
pub mod daemon;
pub mod model;
pub mod select;
pub mod status;

/// The folder of the spool.
pub const FOLDER: &str = "plan";
/// What is asked, below [`FOLDER`].
pub const REQUESTS: &str = "requests";
/// What was chosen.
pub const PLANS: &str = "plans";
/// What became of it.
pub const VERDICTS: &str = "verdicts";
