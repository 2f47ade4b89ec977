//! What is looked at over the network: the probes against real servers, the process that runs them, and what the enforcer makes
//! of what it is told.

mod daemon;
mod endpoints;
mod hostile;
pub mod looks;
mod names;
mod time;
