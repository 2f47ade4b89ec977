//! The boot that a switch needs when kernel, initrd or kernel parameters change: whether it may be made, making it, and what
//! came of it.

pub mod asked;
mod entry;
mod loader;
pub mod machine;
pub(crate) mod record;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_policy::policy::Policy;
use writ_policy::settings::maintenance::{Opening, Work, open};
use writ_trust::time::Time;

use self::loader::Loader;
use self::machine::{Event, Stage, step};
pub use self::record::Record;
use super::actions::{Answer, now};
use super::driver::PATIENCE;
use super::hold::Hold;
use super::journal::{Journal, JournalError};
use super::machine::{Event as SwitchEvent, State};
use super::probation::{self, NewPolicy};
use super::{SwitchError, trial};
use crate::command;
use crate::config::Boot;
use crate::zone::Zone;

/// How long the order to boot may take.
const ORDER: Duration = Duration::from_secs(60);
/// How long a switch waits for who takes back what an earlier one told the boot loader.
const OTHERS: Duration = Duration::from_secs(60);
/// How long after an order nobody gives it again.
pub const ORDERED_FOR: Duration = Duration::from_secs(60);
/// How often it is tried to take back what an earlier try could not, in milliseconds.
const TRY_AGAIN: i64 = 600_000;

/// Whether a candidate may be booted as part of its switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// It is.
    Boot,
    /// Not now: the switch waits until a window allows it, said in words.
    Wait(String),
    /// Never: people boot the machine, for this reason.
    People(String),
}

/// Whether what only a boot puts into effect (kernel, initrd, kernel parameters) differs between two systems.
pub fn differs(one: &Path, other: &Path) -> bool {
    let file = |system: &Path, name: &str| fs::canonicalize(system.join(name)).ok();
    let text = |system: &Path| fs::read(system.join("kernel-params")).ok();
    ["kernel", "initrd"].iter().any(|name| file(one, name) != file(other, name)) || text(one) != text(other)
}

/// The system that this machine was booted with; none where nothing says so.
pub fn booted(boot: &Boot) -> Option<PathBuf> {
    fs::canonicalize(boot.root.join("run/booted-system")).ok()
}

/// Whether this machine was booted with a system: by what the system says of itself, or by the `init` that the boot loader
/// passed, where the system wraps another one.
fn booted_with(boot: &Boot, system: &str) -> bool {
    let init = format!("init={system}/init");
    let line = fs::read_to_string(boot.root.join("proc/cmdline")).unwrap_or_default();
    booted(boot).is_some_and(|booted| booted == Path::new(system))
        || line.split_ascii_whitespace().any(|word| word == init)
}

/// Which boot of the machine this is; empty where nothing says so.
fn boot_id(boot: &Boot) -> String {
    fs::read_to_string(boot.root.join("proc/sys/kernel/random/boot_id"))
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// Why the system that runs is only partly in effect; none where all of it is, or nothing says what was booted.
pub fn pending(boot: &Boot, state_dir: &Path) -> Option<String> {
    let current = fs::canonicalize(boot.root.join("run/current-system")).ok()?;
    if !differs(&booted(boot)?, &current) {
        return None;
    }
    let about = |record: &Record| Path::new(&record.candidate) == current;
    let why = Record::read(state_dir).filter(about).and_then(|record| record.why);
    Some(why.unwrap_or_else(|| "the system was changed since the machine was started".to_owned()))
}

/// Whether a candidate that needs a boot gets it in its switch, by the windows of its own policy and what the machine can.
pub fn plan(policy: Option<&Policy>, boot: &Boot, at: Time) -> Plan {
    let Some(policy) = policy else {
        return Plan::People(
            "this version cannot read the policy, and so not whether the machine may be booted".to_owned(),
        );
    };
    let zone = Zone::of(&policy.settings.time_zone);
    let able = || Loader::find(boot).and(booted(boot).ok_or_else(|| "nothing says what was booted".to_owned()));
    match open(&policy.settings.maintenance.windows, Work::Reboot, zone.local(at)) {
        Opening::Unbound | Opening::Closed(None) => {
            Plan::People("no maintenance window of the site allows a reboot".to_owned())
        }
        Opening::Open => able().map_or_else(Plan::People, |_| Plan::Boot),
        Opening::Closed(Some(opens)) => {
            let when = format!("{} {} {}", opens.day.name(), opens.at, zone.called());
            able().map_or_else(Plan::People, |_| Plan::Wait(when))
        }
    }
}

/// Decides, before anything is activated, whether the candidate will be booted; gives the window for which it has to wait.
pub(super) fn decide(journal: &mut Journal, policy: Option<&Policy>) -> Result<Option<String>, JournalError> {
    let (boot, candidate) = (journal.request.boot.clone(), PathBuf::from(&journal.course.candidate));
    let from = booted(&boot).or_else(|| journal.course.previous.as_ref().map(PathBuf::from));
    journal.reboot_required = from.is_some_and(|from| differs(&from, &candidate));
    if !journal.reboot_required {
        // Of a try that was interrupted, when another system had been booted.
        if let Some(record) = Record::of(journal) {
            settle(journal, record, Stage::Dropped)?;
        }
        return Ok(None);
    }
    match plan(policy, &boot, now()) {
        Plan::Wait(opens) if journal.request.at_once => {
            let why =
                format!("the first release of all waits for no window, and the next that allows a reboot is {opens}");
            enter(journal, Stage::Pending, Some(why))?;
        }
        Plan::Wait(opens) => return Ok(Some(opens)),
        Plan::Boot => enter(journal, Stage::Planned, None)?,
        Plan::People(why) => enter(journal, Stage::Pending, Some(why))?,
    }
    Ok(None)
}

fn enter(journal: &Journal, stage: Stage, why: Option<String>) -> Result<(), JournalError> {
    let state_dir = &journal.request.state_dir;
    // Of an earlier switch too: the entry has the same name.
    let left = Record::load(state_dir).map_or_else(Some, |record| record.and_then(|record| record.left));
    Record { left, ..Record::new(journal, stage, why) }.write(state_dir)
}

/// What a driver finds that takes a switch up: nothing of a boot, or what the switch is to make of it.
pub(super) fn taken_up(journal: &Journal) -> Result<Answer, JournalError> {
    let undecided =
        matches!(journal.course.state, State::Verified | State::Imported | State::Testing | State::Probation);
    let Some(record) = Record::of(journal).filter(|_| undecided && journal.course.activated) else { return Ok(None) };
    let boot = &journal.request.boot;
    let candidate = booted_with(boot, &record.candidate);
    let event = if boot_id(boot) == record.boot_id { Event::TakenUp } else { Event::Started { candidate } };
    let (stage, _) = step(record.stage, event);
    // Also where only the boot is another one: what follows is of this boot.
    if stage != record.stage || matches!(event, Event::Started { .. }) {
        enter(journal, stage, record.why)?;
    }
    Ok(match (record.stage, stage) {
        (Stage::Ordered, Stage::Ordered) if journal.course.state == State::Probation => {
            Some((SwitchEvent::ReadyToBoot, "the machine was to boot and has not: it is told again".to_owned()))
        }
        (Stage::Preparing | Stage::Ordered, Stage::Booted) => {
            wait_for_start(boot, journal.request.activation_timeout.duration());
            Some((SwitchEvent::Booted, "the machine came up with the candidate".to_owned()))
        }
        (_, Stage::Missed) => {
            let found = booted(boot).map_or_else(|| "another system".to_owned(), |path| path.display().to_string());
            Some((
                SwitchEvent::NotBooted,
                format!("the machine did not come up with the candidate: {found} was booted"),
            ))
        }
        _ => None,
    })
}

/// Waits until systemd has started what it starts with the machine: what has had no chance yet proves nothing.
fn wait_for_start(boot: &Boot, patience: Duration) {
    let Some(systemctl) = command::find("systemctl").filter(|_| boot.root.join("run/systemd/system").is_dir()) else {
        return;
    };
    // Its exit code says that something failed, which probation sees for itself.
    let _ = command::run(&systemctl, &["is-system-running".as_ref(), "--wait".as_ref()], patience, 4096);
}

/// What follows a probation that passed: the switch is committed, or the candidate booted first.
pub(super) fn after_probation(journal: &Journal, note: String) -> Result<(SwitchEvent, String), JournalError> {
    let Some(record) = Record::of(journal) else { return Ok((SwitchEvent::Passed, note)) };
    let (stage, _) = step(record.stage, Event::Holds);
    match stage {
        Stage::Preparing => {}
        Stage::Proven => {
            enter(journal, stage, None)?;
            // The candidate's own entry needs the room that this one takes. What stays is taken back when the switch is over.
            let _ = take_back(journal);
            return Ok((SwitchEvent::Passed, format!("booted with it, {note}")));
        }
        _ => return Ok((SwitchEvent::Passed, note)),
    }
    enter(journal, stage, None)?;
    let request = &journal.request;
    let version = format!("{}-{}", request.epoch, request.serial);
    let prepare = || {
        let loader = Loader::find(&request.boot)?;
        loader.prepare(&request.toplevel, &version, request.activation_timeout.duration())?;
        loader.set_once()
    };
    let ready = still_allowed(journal).and_then(|()| alone(&request.state_dir, prepare));
    crate::crash_point!("switch.boot-set-once");
    match ready {
        Ok(()) => Ok((SwitchEvent::ReadyToBoot, format!("{note}; it is to be booted once"))),
        Err(why) => give_up(journal, &note, step(stage, Event::NotReady).0, why),
    }
}

/// The candidate held and cannot be booted here: it is kept, and people boot the machine.
fn give_up(journal: &Journal, note: &str, stage: Stage, why: String) -> Result<(SwitchEvent, String), JournalError> {
    let told = format!("{note}; it cannot be booted: {why}");
    let (state_dir, untried) = (&journal.request.state_dir, Some("it was not taken back yet".to_owned()));
    let record = Record { left: untried, ..Record::new(journal, stage, Some(why)) };
    record.write(state_dir)?;
    Record { left: take_back(journal), ..record }.write(state_dir)?;
    Ok((SwitchEvent::Passed, told))
}

/// Whether the windows allow a boot now: a switch that rested or was interrupted may have outlived the one that did.
fn still_allowed(journal: &Journal) -> Result<(), String> {
    let policy = probation::read_policy(&journal.request.policy);
    match plan(policy.as_ref().ok().and_then(NewPolicy::known), &journal.request.boot, now()) {
        Plan::Boot => Ok(()),
        Plan::Wait(opens) => Err(format!("the window that allowed it is over, and the next one is {opens}")),
        Plan::People(why) => Err(why),
    }
}

/// Orders the boot; the driver ends with it, and whoever drives after the start goes on.
pub(super) fn order(journal: &Journal) -> Result<Answer, JournalError> {
    enter(journal, Stage::Ordered, None)?;
    match still_allowed(journal).and_then(|()| reboot(&journal.request.boot)) {
        Ok(()) => Ok(None),
        Err(why) => {
            let stage = step(Stage::Ordered, Event::NotOrdered).0;
            give_up(journal, "probation passed", stage, why).map(Some)
        }
    }
}

fn reboot(boot: &Boot) -> Result<(), String> {
    let Some((name, arguments)) = boot.reboot.split_first() else { return Err("no program boots it".to_owned()) };
    let named = Path::new(name);
    let program = if named.is_absolute() { Some(named.to_owned()) } else { command::find(name) };
    let program = program.ok_or_else(|| format!("{name}: it is not installed"))?;
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    match command::run(&program, &arguments, ORDER, 4096) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("{}: {}: {said}", program.display(), output.status))
        }
        Err(e) => Err(e.to_string()),
    }
}

/// Touches what the boot loader reads while nobody else does.
fn alone(state_dir: &Path, touch: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let _hold = match Hold::of_loader(state_dir, OTHERS) {
        // Where there is no lock to be had, nobody else has one.
        Err(SwitchError::Lock { source, .. }) if trial::takes_no_lock(&source) => None,
        Err(SwitchError::Running(who)) => {
            return Err(format!("what an earlier switch told the boot loader is being taken back (process {who})"));
        }
        taken => Some(taken.map_err(|e| e.to_string())?),
    };
    touch()
}

/// Whether nobody takes back, or makes, what the boot loader is told.
pub fn nobody_clears(state_dir: &Path) -> bool {
    !matches!(Hold::of_loader(state_dir, Duration::ZERO), Err(SwitchError::Running(_)))
}

/// Takes back what the boot loader was told, as far as that is possible. Gives what may be left, and why.
fn take_back(journal: &Journal) -> Option<String> {
    left_of(alone(&journal.request.state_dir, || loader::clear(&journal.request.boot)))
}

fn left_of(cleared: Result<(), String>) -> Option<String> {
    let left = cleared.err();
    if let Some(why) = &left {
        tracing::warn!("what the boot loader was told cannot be taken back: {why}");
    }
    left
}

/// Takes back, once a switch is decided and what it decided is done, what the boot loader was told.
pub(super) fn release(journal: &Journal) -> Result<(), JournalError> {
    let record = match Record::load(&journal.request.state_dir) {
        Ok(Some(record)) if record.is_of(journal) => record,
        Ok(_) => return Ok(()),
        // It may have said that something is there.
        Err(why) => Record { left: Some(why), ..Record::new(journal, Stage::Dropped, None) },
    };
    let refused = journal.course.state != State::Committed;
    let stage = match record.stage {
        // What people have to know of the system that runs.
        Stage::Pending if refused => Stage::Dropped,
        stage if refused => step(stage, Event::Refused).0,
        stage => stage,
    };
    settle(journal, record, stage)
}

/// Ends a record: what may be on the loader's partition is taken back, and what remains to be done, or to be known, is kept.
fn settle(journal: &Journal, record: Record, stage: Stage) -> Result<(), JournalError> {
    let state_dir = &journal.request.state_dir;
    let entered = if stage == record.stage { record.clone() } else { Record::new(journal, stage, record.why.clone()) };
    if record.left.is_some() {
        let tried = Record { left: record.left, ..entered }.tried_now(state_dir)?;
        return conclude(state_dir, &tried, tried.clone(), take_back(journal));
    }
    let left = record.stage.touches_loader().then(|| take_back(journal)).flatten();
    conclude(state_dir, &record, entered, left)
}

/// Keeps what remains of a record that ends. What stands on the disk is `written`.
fn conclude(state_dir: &Path, written: &Record, entered: Record, left: Option<String>) -> Result<(), JournalError> {
    if left.is_none() && !matches!(entered.stage, Stage::Pending | Stage::Returning) {
        if let Err(e) = Record::remove(state_dir) {
            tracing::warn!("{}: {e}", record::FILE);
        }
        return Ok(());
    }
    let at = if left.is_some() { now() } else { entered.at };
    let next = Record { left, at, ..entered };
    if next == *written { Ok(()) } else { next.write(state_dir) }
}

/// What an earlier switch told the boot loader and could not take back, and why; none where nothing is left.
pub fn left(state_dir: &Path) -> Option<String> {
    Record::load(state_dir).ok().flatten()?.left
}

/// Whether it is time to try again to take that back.
pub(super) fn may_be_cleared(state_dir: &Path, at: Time) -> bool {
    let record = Record::load(state_dir).ok().flatten();
    let tried = record.filter(|record| record.left.is_some()).map(|record| record.at);
    // A time to come is one of a clock that was set back since.
    tried.is_some_and(|tried| !(0..TRY_AGAIN).contains(&at.millis_since(tried)))
}

/// Tries that, once a switch is over, unless somebody is at it. It may take long, and the journal's lock is given back meanwhile:
/// another switch may begin.
pub(super) fn clear_again(journal: &Journal, hold: Hold) -> Result<(), SwitchError> {
    let state_dir = &journal.request.state_dir;
    let Some(record) = Record::read(state_dir).filter(|record| record.left.is_some()) else { return Ok(()) };
    // Before the journal's is given back: what a switch that begins then tells the loader comes after this.
    let loader = match Hold::of_loader(state_dir, Duration::ZERO) {
        Err(SwitchError::Running(_)) => return Ok(()),
        taken => taken?,
    };
    let tried = record.tried_now(state_dir)?;
    drop(hold);
    let left = left_of(loader::clear(&journal.request.boot));
    drop(loader);
    let _hold = match Hold::take(state_dir, PATIENCE) {
        // The switch that has begun takes back what is noted as left, if it writes a record, or else that is tried again.
        Err(SwitchError::Running(_)) => return Ok(()),
        taken => taken?,
    };
    if Record::load(state_dir).is_ok_and(|found| found.as_ref() == Some(&tried)) {
        conclude(state_dir, &tried, tried.clone(), left)?;
    }
    Ok(())
}

/// What the site's windows call the work that a switch has to wait for.
pub fn window(journal: &Journal) -> Work {
    let people = Record::of(journal).is_some_and(|record| record.stage == Stage::Pending);
    if journal.reboot_required && !people { Work::Reboot } else { Work::Switch }
}

/// Boots the machine back into its default, once the switch from a candidate that was booted and refused is over.
pub(super) fn come_back(journal: &Journal) {
    let Some(record) = Record::of(journal).filter(|record| record.stage == Stage::Returning) else { return };
    if record.boot_id != boot_id(&journal.request.boot) {
        return;
    }
    if let Err(e) = reboot(&journal.request.boot) {
        tracing::error!("the machine runs the kernel of a release that was refused, and cannot be booted: {e}");
    }
}

/// Until when a machine that was told to boot is given time for it; nothing when it was not.
pub(super) fn going_down(journal: &Journal, at: Time) -> Option<Time> {
    let record = Record::of(journal).filter(|record| record.stage == Stage::Ordered)?;
    let until = record.at.plus_millis(i64::try_from(ORDERED_FOR.as_millis()).unwrap_or(i64::MAX));
    let ahead = until.millis_since(at);
    let waits = record.boot_id == boot_id(&journal.request.boot);
    (waits && (1..=until.millis_since(record.at)).contains(&ahead)).then_some(until)
}

#[cfg(test)]
mod tests;
