//! Who is told what and when of incidents, and by which ways.
//!
//! ```text
//! notices, findings, answers ─▶ Incident::step (pure) ─▶ words ─▶ messages (tell) ─▶ queue ─▶ channel::…
//! ```
//!
//! Everything but [`channel`] is pure: the time comes in as an argument. The driver (`writ notify`) keeps the [`book`] on the disk
//! before it sends anything.

pub mod book;
pub mod channel;
pub mod digest;
pub mod incident;
pub mod link;
pub mod message;
mod opening;
pub mod rules;
pub mod seen;
pub mod tell;
