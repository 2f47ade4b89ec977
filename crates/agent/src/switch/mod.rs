//! The switch: from the system that runs to the one that a verified release names, and back when it does not prove
//! itself.
//!
//! The enforcer asks ([`start`]); `writ-switch` drives ([`driver::drive`]), as a transient unit of its own, so that
//! replacing the enforcer does not end the switch. Between them stands one file, the [`Journal`], written and fsynced
//! before each arrow of the [`machine`] is taken. A rollback timer is armed before the candidate is activated and
//! disarmed when it is decided, so a driver that hangs or dies does not leave the candidate running unjudged.

mod actions;
pub mod boot;
pub mod connection;
pub mod driver;
pub mod enforcer;
mod hold;
pub mod journal;
mod launch;
pub mod machine;
mod probation;
pub mod request;
pub mod trial;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_nix::profile::{ProfileError, read_profile};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

pub use self::driver::{drive, roll_back, supersede};
use self::hold::Hold;
pub use self::journal::{Journal, JournalError};
pub use self::launch::LaunchError;
pub use self::machine::State;
pub use self::request::{Document, Launch, SwitchRequest};

/// Why a switch was not started, taken up or told.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no journal.
    #[error("{}: there is no switch to speak of", .0.display())]
    NoJournal(PathBuf),
    /// Another switch is not over yet.
    #[error("the switch to serial {serial} is not over ({}): it must end before another begins", state.as_str())]
    Unfinished {
        /// Its serial.
        serial: Serial,
        /// Where it stands.
        state: State,
    },
    /// The last switch is not in evidence yet.
    #[error("the switch to serial {serial} is over but not yet in evidence: acknowledge it first")]
    Unacknowledged {
        /// Its serial.
        serial: Serial,
    },
    /// The journal is about another serial.
    #[error("the journal is about serial {found}, not {wanted}")]
    OtherSerial {
        /// The serial asked for.
        wanted: Serial,
        /// The serial of the journal.
        found: Serial,
    },
    /// The release was set aside.
    #[error("release {epoch}-{serial} was set aside: {reason}; only a newer serial is tried")]
    SetAside {
        /// Its epoch.
        epoch: Epoch,
        /// Its serial.
        serial: Serial,
        /// Why it was.
        reason: String,
    },
    /// A driver is at work.
    #[error("a driver is at work on the switch (process {0})")]
    Running(String),
    /// The lock cannot be taken.
    #[error("{}: {source}", path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The profile cannot be read.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The driver could not be started. The journal stands: [`resume`] tries again.
    #[error(transparent)]
    Launch(#[from] LaunchError),
}

/// What [`resume`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// No switch, or it is over.
    Nothing,
    /// A driver is at work.
    Running,
    /// It waits for what its import lacked, or for the machine to go down, and is not tried again before this.
    Resting(Time),
    /// A driver was started to go on.
    Launched,
    /// A driver was started to take back what the switch, which is over, had told the boot loader.
    Clearing,
}

/// Begins a switch: records what runs now as the system to fall back to, writes the journal, starts the driver.
pub fn start(request: &SwitchRequest, now: Time) -> Result<(), SwitchError> {
    let request = SwitchRequest { switch_binary: Some(launch::binary(request)?), ..request.clone() };
    {
        // A child that another thread is starting keeps our descriptors, and so a lock just given back, until it execs.
        let _hold = Hold::take(&request.state_dir, Duration::from_secs(1))?;
        let earlier = Journal::read(&request.state_dir)?;
        if let Some(earlier) = &earlier {
            may_follow(earlier, &request)?;
        }
        let previous = read_profile(&request.profile)?;
        Journal::begin_in_writing(request.clone(), previous, earlier.as_ref(), now)?;
    }
    crate::crash_point!("switch.started");
    launch::driver(&request)?;
    Ok(())
}

fn may_follow(earlier: &Journal, request: &SwitchRequest) -> Result<(), SwitchError> {
    let serial = earlier.request.serial;
    if !earlier.is_over() {
        return Err(SwitchError::Unfinished { serial, state: earlier.course.state });
    }
    if !earlier.acknowledged {
        return Err(SwitchError::Unacknowledged { serial });
    }
    let (epoch, serial) = (request.epoch, request.serial);
    match earlier.set_aside.iter().find(|s| (s.epoch, s.serial) == (epoch, serial)) {
        Some(found) => Err(SwitchError::SetAside { epoch, serial, reason: found.reason.clone() }),
        None => Ok(()),
    }
}

/// Starts a driver for a switch that is not over and that nobody drives. Safe to call at any time.
pub fn resume(state_dir: &Path) -> Result<Resumed, SwitchError> {
    let now = actions::now();
    let Some(journal) = Journal::read(state_dir)? else { return Ok(Resumed::Nothing) };
    if journal.is_over() {
        return if boot::may_be_cleared(state_dir, now) { clear_again(journal) } else { Ok(Resumed::Nothing) };
    }
    match journal.rests_until(now).or_else(|| boot::going_down(&journal, now)) {
        Some(until) => Ok(Resumed::Resting(until)),
        None => resume_now(state_dir),
    }
}

/// The same, whether it rests or not.
pub fn resume_now(state_dir: &Path) -> Result<Resumed, SwitchError> {
    let journal = match Journal::read(state_dir)? {
        Some(journal) if !journal.is_over() => journal,
        _ => return Ok(Resumed::Nothing),
    };
    launch_unless_at_work(&journal.request, Resumed::Launched)
}

/// Not in this process: a partition that is mounted when somebody looks may keep whoever looks waiting.
fn clear_again(mut journal: Journal) -> Result<Resumed, SwitchError> {
    // Who does that does not hold the journal.
    if !boot::nobody_clears(&journal.request.state_dir) {
        return Ok(Resumed::Running);
    }
    // The driver of back then may have been collected since.
    let present = SwitchRequest { switch_binary: None, ..journal.request.clone() };
    journal.request.switch_binary = launch::binary(&present).ok().or(journal.request.switch_binary);
    launch_unless_at_work(&journal.request, Resumed::Clearing)
}

fn launch_unless_at_work(request: &SwitchRequest, launched: Resumed) -> Result<Resumed, SwitchError> {
    match Hold::take(&request.state_dir, Duration::ZERO) {
        Ok(hold) => drop(hold),
        Err(SwitchError::Running(_)) => return Ok(Resumed::Running),
        Err(e) => return Err(e),
    }
    launch::driver(request)?;
    Ok(launched)
}

/// The journal of the switch under way, or of the last one; `None` when there never was one.
pub fn read_journal(state_dir: &Path) -> Result<Option<Journal>, JournalError> {
    Journal::read(state_dir)
}

/// Marks a switch that is over as put into evidence, which lets another begin.
pub fn acknowledge(state_dir: &Path, serial: Serial) -> Result<(), SwitchError> {
    let _hold = Hold::take(state_dir, Duration::from_secs(10))?;
    let mut journal = Journal::read(state_dir)?.ok_or_else(|| SwitchError::NoJournal(state_dir.to_owned()))?;
    let found = journal.request.serial;
    if found != serial {
        return Err(SwitchError::OtherSerial { wanted: serial, found });
    }
    if !journal.is_over() {
        return Err(SwitchError::Unfinished { serial, state: journal.course.state });
    }
    if !journal.acknowledged {
        journal.acknowledged = true;
        journal.write()?;
    }
    Ok(())
}
