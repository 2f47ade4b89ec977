//! What a process takes from itself before it begins: files and ports (Landlock), system calls (seccomp).
//!
//! It comes on top of what the unit takes, so that a machine with plain units, or none, has it too. As far as the kernel can;
//! what it cannot is told and never passed over: [`Enforced`] stands in the status of each process, and `writ doctor` asks.

pub mod calls;
mod landlock;
mod seccomp;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::calls::Calls;

/// What a process may still do.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// Which files; none for a process that heals the whole machine, whose programs would inherit it.
    pub files: Option<Files>,
    /// Which system calls.
    pub calls: Calls,
}

/// Which files and ports.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// What is below these is read.
    pub read: Vec<PathBuf>,
    /// What is below these is read and written.
    pub write: Vec<PathBuf>,
    /// Programs below these are run; none by default.
    pub run: Vec<PathBuf>,
    /// The only TCP ports that are connected to; none for all of them.
    pub connect: Option<Vec<u16>>,
    /// The only TCP ports that are listened at; 0 for whichever the kernel gives.
    pub listen: Vec<u16>,
}

/// What the kernel enforces since then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforced {
    /// The version of Landlock that holds files and ports; null where none does.
    pub landlock: Option<u8>,
    /// Whether system calls are filtered.
    pub seccomp: bool,
    /// What is not enforced although it was asked for, one line each.
    pub missing: Vec<String>,
}

impl Sandbox {
    /// Takes everything else from this process, its future threads and its children, for good. To be called while there is
    /// one thread.
    pub fn apply(&self) -> Enforced {
        writ_durable::crash::open_log();
        let mut enforced = Enforced::default();
        if let Some(files) = &self.files {
            landlock::apply(files, &mut enforced);
        }
        match seccomp::apply(&self.calls) {
            Ok(()) => enforced.seccomp = true,
            Err(e) => enforced.missing.push(format!("system calls are not filtered: {e}")),
        }
        for missing in &enforced.missing {
            tracing::warn!("this process is confined less than it should be: {missing}");
        }
        enforced
    }
}
