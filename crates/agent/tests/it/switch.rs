//! The switch on the real Nix of this machine, with systems that write down what was done to them.

mod crashes;
mod durability;
mod outcomes;
mod processes;
mod units;
mod world;
