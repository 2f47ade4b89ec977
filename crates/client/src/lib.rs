//! Talking to a depot over HTTP, without trusting what it answers.
//!
//! A [`Client`] knows one depot. It follows no redirect, takes no proxy from the environment, asks for no compression, and
//! bounds every answer in size and in time: an endless body ends at the caller's bound, a slow one when it falls below
//! [`SLOWEST`](settings::SLOWEST) for long. What comes back is bytes; judging them is for whoever asked.
//!
//! Built on `ureq` with rustls: blocking, no runtime, a few hundred kilobytes of memory. A courier that does one thing after
//! another needs no more, and async clients cost it several times its memory target.

mod answer;
mod client;
mod download;
mod error;
pub mod settings;
mod signer;
mod upload;
mod web;

pub use client::{Client, Fetched};
pub use download::Downloaded;
pub use error::Error;
pub use settings::{Settings, SettingsError};
pub use signer::Signer;
pub use web::{Answer, Ask, Sending, Web};
