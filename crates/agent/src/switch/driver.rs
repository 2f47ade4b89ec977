//! The driver: reads the journal, takes the machine's steps, writes before it acts.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use writ_trust::numbers::Serial;

use super::actions::{self, now};
use super::boot;
use super::hold::{self, Hold};
use super::journal::Journal;
use super::machine::{Action, Event, State, step};
use super::{JournalError, SwitchError};

/// How long a driver waits for its starter, or for another driver, to let go of the journal.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Drives the switch of a state directory as far as it goes, and returns its journal. Takes up what a killed driver left.
pub fn drive(state_dir: &Path, serial: Option<Serial>) -> Result<Journal, SwitchError> {
    let hold = Hold::take(state_dir, PATIENCE)?;
    let journal = open(state_dir, serial)?;
    if journal.is_over() {
        boot::clear_again(&journal, hold)?;
        return Ok(journal);
    }
    if !journal.course.activated {
        // Before anything is changed; without it nothing is begun.
        journal.reserve()?;
    }
    if let Some(found) = boot::taken_up(&journal)? {
        return Ok(go_on(journal, found)?);
    }
    let note = if journal.course.resting { "a driver begins" } else { "taken up: an earlier driver was interrupted" };
    Ok(go_on(journal, (Event::TakenUp, note.to_owned()))?)
}

/// Ends a switch that waits for what its import lacked, nothing of it activated, because a newer release is there. False
/// when it is not so, or a driver is at work.
pub fn supersede(state_dir: &Path, newer: &str) -> Result<bool, SwitchError> {
    let _hold = match Hold::take(state_dir, Duration::ZERO) {
        Err(SwitchError::Running(_)) => return Ok(false),
        taken => taken?,
    };
    let journal = open(state_dir, None)?;
    if !journal.course.waits_for_import() {
        return Ok(false);
    }
    let note = format!("release {newer} takes its place; {}", journal.last_note());
    Ok(go_on(journal, (Event::Superseded, note))?.is_over())
}

/// What the rollback timer does: unless the switch is decided, ends its driver and goes back.
pub fn roll_back(state_dir: &Path, serial: Option<Serial>) -> Result<Journal, SwitchError> {
    let undecided = |journal: &Journal| journal.course.activated && !decided(journal.course.state);
    let hold = match Hold::take(state_dir, Duration::ZERO) {
        Err(SwitchError::Running(_)) => {
            let journal = open(state_dir, serial)?;
            if !undecided(&journal) {
                return Ok(journal);
            }
            tracing::warn!("the rollback timer fired while the driver was still at work: it is ended");
            hold::kill_holder(state_dir);
            Hold::take(state_dir, PATIENCE)?
        }
        taken => taken?,
    };
    // Read again: until the lock was ours the driver may have gone on.
    let journal = open(state_dir, serial)?;
    let journal = go_on(journal, (Event::TimerFired, "the rollback timer fired".to_owned()));
    drop(hold);
    Ok(journal?)
}

/// Whether it was decided what is to run; carrying that out is left to whoever does it.
fn decided(state: State) -> bool {
    matches!(state, State::Committed | State::RolledBack | State::RollbackFailed | State::SetAside)
}

fn open(state_dir: &Path, serial: Option<Serial>) -> Result<Journal, SwitchError> {
    let journal = Journal::read(state_dir)?.ok_or_else(|| SwitchError::NoJournal(state_dir.to_owned()))?;
    let found = journal.request.serial;
    match serial {
        Some(wanted) if wanted != found => Err(SwitchError::OtherSerial { wanted, found }),
        _ => Ok(journal),
    }
}

/// Takes steps until nothing is left to do. Each arrow is in the journal, fsynced, before its actions begin.
fn go_on(mut journal: Journal, first: (Event, String)) -> Result<Journal, JournalError> {
    let mut pending = VecDeque::new();
    take(&mut journal, first, &mut pending)?;
    while let Some(action) = pending.pop_front() {
        let answer = actions::perform(&mut journal, &action)?;
        crate::crash_point!("switch.acted");
        if let Some(answer) = answer {
            pending.clear();
            take(&mut journal, answer, &mut pending)?;
        }
    }
    if journal.is_over() {
        // Room that cannot be given back is no reason to call the switch anything else than it is.
        let _ = journal.reserve();
        boot::come_back(&journal);
    }
    Ok(journal)
}

fn take(
    journal: &mut Journal,
    (event, reason): (Event, String),
    pending: &mut VecDeque<Action>,
) -> Result<(), JournalError> {
    let before = journal.course.clone();
    let (course, actions) = step(before.clone(), event);
    pending.extend(actions);
    if event == Event::Settled {
        journal.course = course;
        journal.finished_at = Some(now());
    } else if course != before || !pending.is_empty() {
        tracing::info!(state = course.state.as_str(), serial = %journal.request.serial, "{reason}");
        journal.record(course, now(), reason);
    } else {
        return Ok(());
    }
    crate::crash_point!("switch.before-journal");
    journal.write()?;
    crate::crash_point!("switch.after-journal");
    Ok(())
}
