//! What `writ-trust` promises, from outside: interoperation with minisign and OpenSSL, every rule attacked, bad input.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acceptance;
mod bad_documents;
mod bad_keys;
mod golden;
mod history;
mod interoperation;
mod log;
mod log_world;
mod orders;
mod properties;
mod roots;
mod rotation;
mod timestamps;
mod tsa;
mod world;
