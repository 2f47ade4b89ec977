//! `switch.json`: the journal of the switch under way, or of the last one.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::json::{self, JsonError, MAX_DOCUMENT};
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

use super::boot::asked;
use super::machine::{Course, LONGEST_REST, State};
use super::request::SwitchRequest;
use super::{connection, enforcer};

/// The schema of [`Journal`].
pub const SCHEMA: &str = "writ.switch.v1";
/// The journal's file in the state directory.
pub const FILE: &str = "switch.json";
/// Room kept on the disk for the journal's last entries, in the state directory and in bytes.
const RESERVE: (&str, usize) = ("switch.reserve", 128 * 1024);
/// How many arrows are remembered: the first ones and, after a gap, the last ones. Only a driver that is killed over and
/// over while it carries out a decision takes so many.
const ARROWS: (usize, usize) = (10, 50);
/// How many serials that were set aside are remembered. Serials only rise, so the newest are the ones that matter.
const REMEMBERED: usize = 32;

/// The journal of one switch. [`super::start`] writes the first entry; from then on only the driver writes it, until the
/// switch is over and [`super::acknowledge`] marks it as told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What was asked for.
    pub request: SwitchRequest,
    /// Where it stands.
    pub course: Course,
    /// When it began.
    pub began_at: Time,
    /// When it was over, all done; null before.
    pub finished_at: Option<Time>,
    /// While it waits for what an import lacked: when it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// Every arrow taken, in order.
    pub history: Vec<Step>,
    /// What held before the candidate was activated, by check, whether an enforcer was at work
    /// ([`enforcer::AT_WORK`]) and the courier in touch ([`connection::IN_TOUCH`]); null before that was looked at, empty where it cannot be.
    pub before: Option<BTreeMap<String, Outcome>>,
    /// How the activation went; null before.
    pub activation: Option<Activation>,
    /// What probation came to; null before.
    pub verdict: Option<Verdict>,
    /// Whether kernel, initrd or kernel parameters differ from what was booted, which only a boot puts into effect.
    pub reboot_required: bool,
    /// The rollback timer; null when none is armed.
    pub timer: Option<Timer>,
    /// Serials that are not tried again, newest last; carried from journal to journal.
    pub set_aside: Vec<SetAside>,
    /// Whether the enforcer has put this switch into evidence.
    pub acknowledged: bool,
}

/// What was so before a candidate was activated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// What the checks came to.
    pub checks: BTreeMap<String, Outcome>,
    /// Whether an enforcer was at work.
    pub enforcer_at_work: bool,
    /// Whether the courier had checked in lately.
    pub in_touch: bool,
}

/// One arrow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The state entered.
    pub state: State,
    /// When.
    pub at: Time,
    /// Why, in one line.
    pub note: String,
}

/// How an activation command went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// Its exit code; null when it could not be started, was killed or did not end in time.
    pub exit_code: Option<i32>,
    /// How long it took.
    pub millis: u64,
    /// The end of what it wrote, both streams, at most 4 KiB.
    pub output: String,
}

/// Who judged a probation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judge {
    /// The checks of the new policy were run again.
    ReScan,
    /// This version does not know the new policy's schema: the candidate's own `writ-enforce check-policy` judged it.
    OwnEnforcer,
    /// Nothing could be checked: the exit code of the activation decided.
    ExitCode,
}

/// What a probation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Who judged.
    pub judged_by: Judge,
    /// Whether it passed.
    pub passed: bool,
    /// What is to be known of it: what does not hold and why, or why nobody could look.
    pub reasons: Vec<String>,
    /// Outcomes after the window, by check.
    pub after: BTreeMap<String, Outcome>,
    /// The checks that had to hold.
    pub required: Vec<String>,
}

/// A rollback timer that is armed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// A transient systemd timer of this name.
    Unit(String),
    /// A process that waits.
    Process(ProcessId),
}

/// A process, told apart from a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessId {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since boot (proc(5), `/proc/PID/stat` field 22).
    pub started: u64,
}

/// A release that is not tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAside {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its serial.
    pub serial: Serial,
    /// Its digest.
    pub release: Digest,
    /// When.
    pub at: Time,
    /// Why, in one line.
    pub reason: String,
}

/// Why a journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a journal.
    #[error("{}: {source}; nothing is switched or healed until a person has looked: the file may be moved away", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: JsonError,
    },
    /// The file is a journal of another schema.
    #[error("{}: schema {found:?} is not {SCHEMA:?}", path.display())]
    UnknownSchema {
        /// The file.
        path: PathBuf,
        /// The schema it carries.
        found: String,
    },
    /// The file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Journal {
    /// What held before the activation.
    pub fn held_before(&self) -> Before {
        let mut checks = self.before.clone().unwrap_or_default();
        let mut held = |name| checks.remove(name).is_some_and(Outcome::holds);
        let (enforcer_at_work, in_touch) = (held(enforcer::AT_WORK), held(connection::IN_TOUCH));
        Before { checks, enforcer_at_work, in_touch }
    }

    /// The journal of a switch that begins, carrying on what an earlier one remembers.
    pub fn begin(request: SwitchRequest, previous: Option<String>, earlier: Option<&Self>, now: Time) -> Self {
        let course = Course::new(request.toplevel.clone(), previous);
        let note = format!("release {}-{} is verified", request.epoch, request.serial);
        Self {
            schema: SCHEMA.to_owned(),
            request,
            course,
            began_at: now,
            finished_at: None,
            not_before: None,
            history: vec![Step { state: State::Verified, at: now, note }],
            before: None,
            activation: None,
            verdict: None,
            reboot_required: false,
            timer: None,
            set_aside: earlier.map(|j| j.set_aside.clone()).unwrap_or_default(),
            acknowledged: false,
        }
    }

    /// The same, written, with what is kept beside it.
    pub fn begin_in_writing(
        request: SwitchRequest,
        previous: Option<String>,
        earlier: Option<&Self>,
        now: Time,
    ) -> Result<Self, JournalError> {
        asked::write(&request)?;
        let journal = Self::begin(request, previous, earlier, now);
        journal.write()?;
        Ok(journal)
    }

    /// Reads the journal of a state directory; `None` when there is none.
    pub fn read(state_dir: &Path) -> Result<Option<Self>, JournalError> {
        let path = state_dir.join(FILE);
        let bytes = match writ_durable::read_bounded(&path, MAX_DOCUMENT) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(JournalError::Unreadable { path, source }),
        };
        let value = match json::parse_value(&bytes, MAX_DOCUMENT) {
            Ok(value) => value,
            Err(source) => return Err(JournalError::Malformed { path, source }),
        };
        let found = value.get("schema").and_then(|s| s.as_str()).unwrap_or_default();
        if found != SCHEMA {
            return Err(JournalError::UnknownSchema { path, found: found.chars().take(60).collect() });
        }
        match serde_json::from_value::<Self>(value) {
            Ok(mut journal) => {
                asked::recall(&mut journal.request, state_dir);
                Ok(Some(journal))
            }
            Err(e) => Err(JournalError::Malformed { path, source: JsonError::Shape(e) }),
        }
    }

    /// Writes the journal, and before it what is kept beside it: when this returns, files and directory are fsynced. On a full
    /// disk the room that `Journal::reserve` kept is used up first, so that a switch that has begun can still be decided and
    /// undone.
    pub fn write(&self) -> Result<(), JournalError> {
        match self.write_where_there_is_room() {
            Err(JournalError::Unwritable { source, .. })
                if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                let path = self.request.state_dir.join(RESERVE.0);
                writ_durable::remove(&path).map_err(|source| JournalError::Unwritable { path, source })?;
                self.write_where_there_is_room()
            }
            written => written,
        }
    }

    fn write_where_there_is_room(&self) -> Result<(), JournalError> {
        asked::keep(&self.request)?;
        let path = self.request.state_dir.join(FILE);
        writ_durable::replace(&path, &json::canonical(self), 0o600)
            .map_err(|source| JournalError::Unwritable { path, source })
    }

    /// Keeps room on the disk for what the journal may yet have to say; given back when the switch is over.
    pub(super) fn reserve(&self) -> Result<(), JournalError> {
        let path = self.request.state_dir.join(RESERVE.0);
        let kept = if self.is_over() {
            writ_durable::remove(&path)
        } else {
            writ_durable::create(&path, &vec![0x55; RESERVE.1], 0o600).map(drop)
        };
        kept.map_err(|source| JournalError::Unwritable { path, source })
    }

    /// Whether the switch is over, all its actions done.
    pub fn is_over(&self) -> bool {
        self.course.settled
    }

    /// Until when it rests; nothing when it may be taken up. A time further ahead than any rest is one of a clock that was
    /// set back since.
    pub fn rests_until(&self, now: Time) -> Option<Time> {
        self.not_before.filter(|until| (1..=LONGEST_REST).contains(&until.millis_since(now)))
    }

    /// Whether the candidate was kept and everything that belongs to it is done.
    pub fn is_committed(&self) -> bool {
        self.is_over() && self.course.state == State::Committed
    }

    /// Whether healing must rest: the candidate may be running, and nothing is decided yet.
    pub fn suspends_healing(&self) -> bool {
        !self.is_over() && self.course.activated
    }

    /// The same of a journal that this version cannot read whole; true when it does not even say this.
    pub(super) fn suspends_by_any(state_dir: &Path) -> bool {
        #[derive(Deserialize)]
        struct Any {
            course: AnyCourse,
        }
        #[derive(Deserialize)]
        struct AnyCourse {
            activated: bool,
            settled: bool,
        }
        let bytes = writ_durable::read_bounded(&state_dir.join(FILE), MAX_DOCUMENT).unwrap_or_default();
        let any =
            json::parse_value(&bytes, MAX_DOCUMENT).ok().and_then(|value| serde_json::from_value::<Any>(value).ok());
        any.is_none_or(|any| any.course.activated && !any.course.settled)
    }

    /// Whether this release is not to be tried again.
    pub fn is_set_aside(&self, epoch: Epoch, serial: Serial) -> bool {
        self.set_aside.iter().any(|s| (s.epoch, s.serial) == (epoch, serial))
    }

    /// The note of the last arrow: why it is where it is.
    pub fn last_note(&self) -> &str {
        self.history.last().map_or("", |step| step.note.as_str())
    }

    /// Records an arrow; a state that refuses the candidate sets its release aside.
    pub(super) fn record(&mut self, course: Course, now: Time, note: String) {
        self.course = course;
        self.not_before = self.course.waits_for_import().then(|| now.plus_millis(self.course.rest_millis()));
        let state = self.course.state;
        self.history.push(Step { state, at: now, note: note.clone() });
        if self.history.len() > ARROWS.0 + ARROWS.1 {
            self.history.remove(ARROWS.0);
        }
        let refused = matches!(state, State::RolledBack | State::RollbackFailed | State::SetAside);
        if refused && !self.is_set_aside(self.request.epoch, self.request.serial) {
            self.set_aside.push(SetAside {
                epoch: self.request.epoch,
                serial: self.request.serial,
                release: self.request.release,
                at: now,
                reason: note,
            });
            let surplus = self.set_aside.len().saturating_sub(REMEMBERED);
            self.set_aside.drain(..surplus);
        }
    }
}
