//! A Model Context Protocol server over an audit folder: what a language model may look at, and the one thing that it may propose.
//!
//! ```text
//! client ─▶ stdio, or http::gate (host, origin, token) ─▶ service ─▶ tool ─▶ desk ─▶ shelf: a site, verified
//!                                                                       └─▶ queue: a proposal, for people
//! ```
//!
//! Every tool reads, but for `propose_plan`, which writes one document into a folder that people look at, and only where such a
//! folder is given. Nothing here executes, approves or signs anything, holds a key, or connects to anybody. What did not verify is
//! shown by no tool as true, and every answer says what it rests on ([`basis`]). Texts in evidence may have been written by an
//! enemy of whoever reads them: they are bounded, made visible ([`plain`]), and marked as data.
//!
//! Whoever calls is hostile too: lines, bodies, arguments, answers and the number of calls under way are bounded.

pub mod answer;
pub mod arguments;
pub mod basis;
pub mod desk;
pub mod http;
mod in_flight;
pub mod page;
pub mod plain;
pub mod queue;
pub mod reading;
pub mod service;
pub mod shelf;
pub mod stdio;
pub mod tool;

/// The largest message of a client, in bytes: a line on standard input, or the body of a request.
pub const MAX_MESSAGE: usize = 256 * 1024;
