//! The appliance: it looks (probes), judges, heals (steps), proves (evidence), and switches generations.
//!
//! `writ-enforce` obeys exactly one verified generation at a time; [`enforce`] is its engine. State machines there are
//! pure (`step(state, event) -> (state, actions)`); the driver persists, fsyncs, then acts. `writ-switch` moves the machine
//! from one generation to another ([`switch`]) and outlives the enforcer that started it. `writ-sync` carries files between a
//! depot and the spool ([`sync`]), and nobody trusts it; nor `writ-probe`, which looks over the network ([`network`]), nor
//! `writ-logs`, which carries logs out of their sources ([`logs`]), nor `writ-planner`, which chooses a runbook where rules did not
//! help ([`planner`]). Each is kept in its place by the kernel ([`sandbox`]).

pub mod accounts;
pub mod cancel;
pub mod clock;
pub mod command;
pub mod config;
pub mod dbus;
pub mod enforce;
pub mod evidence_writer;
pub mod logs;
pub mod looks;
pub mod memory;
pub mod network;
pub mod parameters;
mod parsers;
pub mod planner;
pub mod probes;
pub mod records;
pub mod sandbox;
pub mod secrets;
pub mod size;
pub mod spool;
mod ssh;
pub mod steps;
pub mod switch;
pub mod sync;
pub mod told;
pub mod wake;
pub mod watch;
pub mod zone;

pub use self::parsers::parsers;
pub use writ_durable::crash_point;
