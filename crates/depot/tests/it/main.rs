//! The depot as those see it who use it: the real binary, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod cache;
mod check_ins;
mod client;
mod confined;
mod daemon;
mod durability;
mod evidence;
mod hostile;
mod hostile_http;
mod hostile_requests;
mod hostile_tls;
mod inside;
mod isolation;
mod logs;
mod orders;
mod postgresql;
mod provision;
mod publishing;
mod restart;
mod server;
mod starting;
mod tls;
mod upkeep;
mod world;
