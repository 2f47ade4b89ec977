//! The depot as those see it who use it: the real binary, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod cache;
mod client;
mod confined;
mod daemon;
mod durability;
mod evidence;
mod hostile;
mod hostile_requests;
mod inside;
mod logs;
mod orders;
mod provision;
mod publishing;
mod restart;
mod starting;
mod upkeep;
mod world;
