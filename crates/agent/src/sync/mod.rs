//! The courier (`writ-sync`): carries files between a depot and the appliance's spool, as an ordinary user.
//!
//! It pulls trust roots, the release, what that names, the log's proofs and orders into `inbox/`, and sends the bundles in
//! `outbox/`. The enforcer treats all that it brings as hostile and decides alone; what the courier verifies itself keeps
//! garbage out of the spool, and above all: a bundle counts as delivered only when the depot has *proven* that the log holds
//! it. The depot may answer anything: an answer is bounded in size, in time and in what it can make the courier write.
//!
//! [`schedule`] says what is due (pure); [`daemon`] drives it; each job is a file: [`check_in`], [`pull`], [`fetch`],
//! [`deliver`], [`notices`], [`logs`], [`orders`].

pub mod check_in;
pub mod config;
pub mod courier;
pub mod daemon;
pub mod deliver;
pub mod fetch;
pub mod head;
pub mod identity;
pub mod inbox;
pub mod logs;
pub mod notices;
pub mod once;
pub mod orders;
pub mod outbox;
pub mod prune;
pub mod pull;
pub mod receipts;
pub mod refill;
pub mod roots;
pub mod schedule;
pub mod sitelog;
pub mod status;
pub mod tiles;
pub mod trouble;
pub mod unproven;
mod watch;

use std::time::{SystemTime, UNIX_EPOCH};

use writ_trust::time::Time;

/// The wall clock.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
