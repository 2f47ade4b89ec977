//! Streamable HTTP: each request by itself, without sessions, answered as JSON.

pub mod gate;
pub mod server;
pub mod token;
