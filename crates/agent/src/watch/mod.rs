//! What tells the enforcer at once that something may have changed: files (inotify), units (D-Bus), signals, runbooks.
//!
//! Each source is a thread that puts [`Message`]s into one channel. A message only says "look again": what is true is
//! found by looking.

pub mod files;
pub mod notify;
pub mod signals;

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
    /// Stop in an orderly way.
    Stop,
    /// Read everything again.
    Reload,
    /// Run every check now.
    Rescan,
    /// A runbook has come to its end: what it came to lies in the queue of its workers.
    Ran,
}
