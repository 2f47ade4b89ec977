//! Evidence: what an appliance answers for its orders with.
//!
//! A [`Bundle`] is one signed statement about one moment. Bundles of one appliance key form a chain: each carries its
//! sequence number and the digest of the bundle before it, so that a missing, altered or reordered one is seen by anyone
//! who holds the public key. [`chain::seal`] makes bytes and signature out of a [`Draft`]; [`chain::authenticate`] is the only
//! way back, one error per way to fail. Free text passes through [`scrub`] on the way in, identifying values leave only
//! as keyed hashes ([`identifier`]).
//!
//! This crate is pure: no I/O, no clock, no randomness. Times, keys and salts come in as arguments.

pub mod bundle;
pub mod chain;
pub mod draft;
pub mod flat;
pub mod id;
pub mod identifier;
pub mod incident;
pub mod log_drop;
pub mod observed;
pub mod posture;
pub mod records;
pub mod scrub;
pub mod validate;

pub use bundle::{Bundle, Kind};
pub use chain::{ChainState, Sealed, seal};
pub use draft::Draft;
pub use id::{BundleId, IncidentId};
