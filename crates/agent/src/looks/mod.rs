//! Looking: one look serves all checks that make the same call, and what may take long is looked at on a thread of its own.
//!
//! Which look answers whom is a pure machine ([`shared`]); [`looker`] is the thread. Whoever looks once and waits for it (a
//! single scan, probation, `writ doctor`, a step that waits for checks) needs neither.

pub mod looker;
pub mod place;
pub mod shared;
