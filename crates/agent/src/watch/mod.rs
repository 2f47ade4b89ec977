//! What tells the enforcer at once that something may have changed: files, addresses, the packet filter, mounts, devices, the
//! clock, the journal ([`events`]: one thread for all of them), units and sessions (D-Bus), signals, runbooks.
//!
//! All of it comes as [`Message`]s through one channel. A message only says "look again": what is true is found by looking. So
//! whoever forges an event has a check looked at, and nothing more.

pub mod account;
pub mod events;
mod files;
mod journal;
mod kernel;
pub mod notify;
pub mod signals;
mod source;

use crate::probes::Watch;

/// What a watched path is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A check looks at it.
    Check(String),
    /// The folder of releases.
    Releases,
    /// Requests of people.
    Requests,
    /// The journal of the switch.
    Switch,
    /// Answers of planners.
    Plans,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Something that this is about may have changed.
    Changed(Topic),
    /// This systemd unit may have changed; none: any may have.
    Unit(Option<String>),
    /// What checks look at by way of this may have changed.
    Happened(Watch),
    /// Stop in an orderly way.
    Stop,
    /// Read everything again.
    Reload,
    /// Run every check now.
    Rescan,
    /// A runbook has come to its end: what it came to lies in the queue of its workers.
    Ran,
    /// A look has come to its end: what it came to lies in the queue of its looker.
    Looked,
    /// The outbox was fsynced, or not: how it went lies in the queue of its settler.
    Settled,
}
