//! The switch on the real Nix of this machine, with systems that write down what was done to them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod bootable;
mod boots;
mod crashes;
mod durability;
mod outcomes;
mod processes;
mod units;
pub mod world;
