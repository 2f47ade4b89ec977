//! The policy documents: what must hold, what to do when it does not, and who must obey.
//!
//! Pure: no I/O, no clock. A policy is the JSON that the Nix expressions evaluate to, one document per appliance.
//! Probes and runbook steps are known here only by their schemas ([`schema::Registry`]), which the agent supplies, so
//! that adding one touches a single file of the agent.

pub mod check;
pub mod closure;
pub mod control;
pub mod declared;
pub mod delta;
pub mod diff;
pub mod duty;
pub mod exception;
pub mod nearest;
pub mod observation;
pub mod outcome;
pub mod policy;
pub mod predicate;
pub mod rings;
pub mod rule;
pub mod runbook;
pub mod schema;
pub mod settings;
pub mod time_zones;
pub mod validate;
pub mod values;
