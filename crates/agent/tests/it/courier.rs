//! The courier against a depot of the tests' own making, which is honest until it is told to lie.

mod crashes;
mod daemon;
mod delivery;
mod depot;
mod fetching;
mod identity;
mod lies;
mod log;
mod orders;
mod pulling;
mod tidying;
mod world;
