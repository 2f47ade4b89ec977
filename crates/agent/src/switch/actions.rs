//! Carrying out what the machine asks for.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use writ_nix::gc_root;
use writ_nix::import::{ImportError, ImportRequest, Imported, import};
use writ_nix::profile::{remove_profile, set_profile};
use writ_nix::tool::Nix;
use writ_policy::closure::Closure;
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use super::journal::{Activation, Before, Journal};
use super::machine::{Action, Event, State};
use super::probation::{self, NewPolicy};
use super::{JournalError, boot, connection, enforcer, launch, trial};
use crate::command::{self, CommandError};

/// How much of an activation's output is kept, per stream, in bytes.
const OUTPUT_KEPT: usize = 2048;
/// How much of it is read.
const OUTPUT_READ: usize = 256 * 1024;
/// How long steps of runbooks have to end once a trial begins: the enforcer ends them when it sees the journal.
const STEPS_END_WITHIN: Duration = Duration::from_secs(15);
/// Added to the activation's time limit and the window before the rollback timer fires: the steps that are waited for, an
/// enforcer and a courier that come up again, the candidate's own enforcer, and looking at every check. A timer that fires
/// upon a driver that is about to decide undoes a release that is good.
const TIMER_SLACK: Duration = Duration::from_secs(600);

/// Nix, wherever this machine has it: a unit of systemd does not always have it in its `PATH`.
fn nix() -> Nix {
    let found = command::find("nix-store");
    Nix { bin_dir: found.and_then(|program| Some(program.parent()?.to_owned())), root: None }
}

/// What an action came to: an event and its reason, or nothing to tell.
pub type Answer = Option<(Event, String)>;

/// The present, by the system's clock.
pub fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Carries out one action, writing into the journal what it learnt. Only a journal that cannot be written is an error:
/// then nothing may go on.
pub fn perform(journal: &mut Journal, action: &Action) -> Result<Answer, JournalError> {
    match action {
        Action::Import => {
            // Said anew once everything is here.
            journal.reboot_required &= journal.before.is_some();
            Ok(Some(import_candidate(journal)))
        }
        Action::ObserveBefore => observe_before(journal),
        Action::ArmTimer => arm(journal).map(Some),
        Action::Activate(system) => {
            let_steps_end(&journal.request.state_dir);
            activate_candidate(journal, system).map(Some)
        }
        Action::Judge => match judge(journal)? {
            (Event::Passed, note) => boot::after_probation(journal, note).map(Some),
            failed => Ok(Some(failed)),
        },
        Action::Reboot => boot::order(journal),
        Action::ActivateAgain(system) => {
            let_steps_end(&journal.request.state_dir);
            Ok(failed(activate(journal, system, "test").map(drop)))
        }
        Action::Keep(system) => Ok(failed(keep(journal, system))),
        Action::Restore(system) => Ok(failed(restore(journal, system))),
        Action::RemoveProfile => {
            let removed = remove_profile(&journal.request.profile, &journal.course.candidate);
            Ok(failed(removed.map_err(|e| e.to_string())))
        }
        Action::Disarm => {
            if let Some(timer) = journal.timer.take() {
                launch::disarm(&timer);
            }
            Ok(None)
        }
        Action::ReleaseRoots => {
            release_roots(journal);
            boot::release(journal).map(|()| None)
        }
        Action::Finish => Ok(Some((Event::Settled, String::new()))),
    }
}

/// Waits until no step of a runbook runs: the journal says by now that none may begin. One that does not end does not hold
/// up a release, which may be what mends it.
fn let_steps_end(state_dir: &Path) {
    match trial::wait_for_steps(state_dir, STEPS_END_WITHIN) {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!("a step of a runbook runs on after {} s: activating beside it", STEPS_END_WITHIN.as_secs())
        }
        Err(e) => tracing::warn!("whether a step of a runbook runs cannot be told: {e}"),
    }
}

fn failed(result: Result<(), String>) -> Answer {
    result.err().map(|reason| (Event::NotSettled, reason))
}

fn root(journal: &Journal, name: &str) -> PathBuf {
    journal.request.gc_roots.join(name)
}

/// Why there is no import.
enum NotImported {
    /// The closure document cannot be right.
    Unfit(String),
    /// It says nothing against the release: the next try may find it otherwise.
    NotNow(String),
}

impl From<ImportError> for NotImported {
    fn from(error: ImportError) -> Self {
        use ImportError as E;
        match error {
            E::Document(_)
            | E::OtherStore { .. }
            | E::Extra { .. }
            | E::Superfluous { .. }
            | E::References { .. }
            | E::Registered { .. } => Self::Unfit(error.to_string()),
            _ => Self::NotNow(error.to_string()),
        }
    }
}

fn read_closure(journal: &Journal) -> Result<Closure, NotImported> {
    let bytes = probation::read_document(&journal.request.closure).map_err(NotImported::NotNow)?;
    let closure = Closure::parse(&bytes).map_err(|e| NotImported::Unfit(e.to_string()))?;
    if closure.toplevel == journal.course.candidate {
        return Ok(closure);
    }
    let (found, expected) = (&closure.toplevel, &journal.course.candidate);
    Err(NotImported::Unfit(format!("the closure document brings {found}, the release names {expected}")))
}

fn import_candidate(journal: &Journal) -> (Event, String) {
    match try_import(journal) {
        Ok(done) => {
            let note = format!(
                "{} paths compared with the closure document, {} of them fetched, {} repaired",
                done.paths, done.fetched, done.repaired
            );
            (Event::Imported, note)
        }
        Err(NotImported::Unfit(reason)) => (Event::Unfit, format!("not imported: {reason}")),
        Err(NotImported::NotNow(reason)) => (Event::NotImported, format!("not imported: {reason}")),
    }
}

/// Keeps what is needed from the garbage collector, imports, compares.
fn try_import(journal: &Journal) -> Result<Imported, NotImported> {
    let request = &journal.request;
    let closure = read_closure(journal)?;
    probation::read_policy(&request.policy).map_err(NotImported::NotNow)?;
    keep_from_collector(journal).map_err(|e| NotImported::NotNow(format!("{}: {e}", request.gc_roots.display())))?;
    let wanted = ImportRequest {
        closure: &closure,
        cache: &request.cache_dir,
        trusted_keys: &request.cache_keys,
        gc_root: &root(journal, "candidate"),
        staging: &request.state_dir.join("staging"),
    };
    Ok(import(&nix(), &wanted)?)
}

/// The system to fall back to, and the program that would do it, must not be collected while the switch is open.
fn keep_from_collector(journal: &Journal) -> io::Result<()> {
    if let Some(previous) = &journal.course.previous {
        gc_root::add(&root(journal, "previous"), previous)?;
    }
    if let Some(binary) = journal.request.switch_binary.as_ref().and_then(|b| b.to_str())
        && let Some(rest) = binary.strip_prefix("/nix/store/")
        && let Some(name) = rest.split('/').next()
    {
        gc_root::add(&root(journal, "driver"), &format!("/nix/store/{name}"))?;
    }
    Ok(())
}

/// What nothing needs any more is left to the collector. Where going back failed, or there is nothing to go back to, the
/// candidate still runs: then its link stays.
fn release_roots(journal: &Journal) {
    let keep: &[&str] = match (journal.course.state, &journal.course.previous) {
        (State::RollbackFailed, _) => &["candidate", "previous", "driver"],
        (State::RolledBack, None) => &["candidate"],
        _ => &[],
    };
    for name in ["candidate", "previous", "driver"].iter().filter(|name| !keep.contains(name)) {
        let _ = gc_root::remove(&root(journal, name));
    }
}

fn new_policy(journal: &Journal) -> Result<NewPolicy, String> {
    probation::read_policy(&journal.request.policy)
}

/// Looks once, before the first activation; after an interruption the candidate may have changed the world already.
fn observe_before(journal: &mut Journal) -> Result<Answer, JournalError> {
    if journal.before.is_some() {
        return Ok(None);
    }
    let policy = new_policy(journal);
    let known = policy.as_ref().ok().and_then(NewPolicy::known);
    if let Some(opens) = boot::decide(journal, known)? {
        journal.write()?;
        let reason = format!("it needs a boot of the machine, which the site's windows allow next on {opens}");
        return Ok(Some((Event::NotImported, reason)));
    }
    let seen = policy.map(|policy| policy.observe(&journal.request.profile, journal.course.previous.as_deref(), now()));
    let mut before = seen.as_ref().map(probation::outcomes).unwrap_or_default();
    if enforcer::at_work(&journal.request.state_dir).is_some() {
        before.insert(enforcer::AT_WORK.to_owned(), Outcome::Pass);
    }
    if connection::in_touch(&journal.request.state_dir) {
        before.insert(connection::IN_TOUCH.to_owned(), Outcome::Pass);
    }
    journal.before = Some(before);
    journal.write().map(|()| None)
}

fn arm(journal: &mut Journal) -> Result<(Event, String), JournalError> {
    let window = match new_policy(journal) {
        Ok(policy) => policy.window(&journal.request.fallback_window),
        Err(reason) => return Ok((Event::NotImported, reason)),
    };
    if let Some(timer) = journal.timer.take() {
        launch::disarm(&timer);
    }
    let longest = journal.request.activation_timeout.duration() + window.duration() + TIMER_SLACK;
    match launch::arm(&journal.request, longest) {
        Ok(timer) => {
            journal.timer = Some(timer);
            journal.write()?;
            Ok((Event::Armed, format!("the rollback timer fires in {} s", longest.as_secs())))
        }
        Err(e) => Ok((Event::NotImported, format!("the rollback timer could not be armed: {e}"))),
    }
}

/// Runs a system's activation command.
fn activate(journal: &Journal, system: &str, verb: &str) -> Result<Activation, String> {
    let program = Path::new(system).join(&journal.request.activation);
    let began = Instant::now();
    let timeout = journal.request.activation_timeout.duration();
    let ended = command::run(&program, &[OsStr::new(verb)], timeout, OUTPUT_READ);
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match ended {
        Ok(output) => Ok(Activation {
            exit_code: output.status.code(),
            millis,
            output: format!("{}{}", tail(&output.stdout), tail(&output.stderr)),
        }),
        Err(e @ CommandError::TimedOut { .. }) => Err(format!("{} {verb}: {e}", program.display())),
        Err(e) => Err(e.to_string()),
    }
}

fn tail(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(OUTPUT_KEPT)..]).into_owned()
}

fn exit_text(code: Option<i32>) -> String {
    code.map_or("it was killed".to_owned(), |code| format!("exit code {code}"))
}

fn activate_candidate(journal: &mut Journal, system: &str) -> Result<(Event, String), JournalError> {
    let result = activate(journal, system, "test");
    Ok(match result {
        Ok(activation) => {
            let note = format!("activated with `test`: {}", exit_text(activation.exit_code));
            journal.activation = Some(activation);
            (Event::Activated, note)
        }
        Err(reason) => (Event::NotActivated, format!("the candidate could not be activated: {reason}")),
    })
}

/// Waits for the window, looks again, and judges.
fn judge(journal: &mut Journal) -> Result<(Event, String), JournalError> {
    let policy = match new_policy(journal) {
        Ok(policy) => policy,
        Err(reason) => return Ok((Event::Failed, reason)),
    };
    let window = policy.window(&journal.request.fallback_window).duration();
    let before = journal.held_before();
    let lost = lost(&before, &journal.request.state_dir, window);
    let after = policy.observe(&journal.request.profile, journal.course.previous.as_deref(), now());
    let own = || read_closure(journal).ok().and_then(|c| probation::ask_own_enforcer(&c, &journal.request.policy.path));
    let mut verdict = probation::judge(&policy, &before.checks, &after, journal.activation.as_ref(), own);
    verdict.passed &= lost.is_empty();
    verdict.reasons.extend(lost.into_iter().map(str::to_owned));
    let (event, note) = match verdict.passed {
        true => (Event::Passed, format!("probation passed: {} of {0} checks hold", verdict.required.len())),
        false => (Event::Failed, format!("probation failed: {}", verdict.reasons.join("; "))),
    };
    let note = if verdict.passed && verdict.required.is_empty() {
        format!("probation passed: {}", verdict.reasons.join("; "))
    } else {
        note
    };
    journal.verdict = Some(verdict);
    Ok((event, note))
}

/// Waits for the window, and tells what was there before the candidate and is not any more, checks aside.
fn lost(before: &Before, state_dir: &Path, window: Duration) -> Vec<&'static str> {
    let (mut lost, check_in) = (Vec::new(), connection::last(state_dir));
    if !before.enforcer_at_work {
        std::thread::sleep(window);
    } else if !enforcer::keeps_working(state_dir, window) {
        lost.push("the enforcer, which was at work before, does not keep running");
    }
    if before.in_touch && !connection::comes_back(state_dir, check_in) {
        lost.push("the courier, which reached the depot before, does not any more");
    }
    lost
}

/// Makes the candidate the profile, then the boot default.
fn keep(journal: &Journal, system: &str) -> Result<(), String> {
    set_profile(&nix(), &journal.request.profile, system).map_err(|e| e.to_string())?;
    crate::crash_point!("switch.profile-set");
    let boot = activate(journal, system, "boot")?;
    match boot.exit_code {
        Some(0) => Ok(()),
        code => Err(format!("`boot` of the candidate: {}: {}", exit_text(code), boot.output.trim())),
    }
}

/// Makes the recorded previous system the profile and the running one again. The profile first: whatever else fails, the
/// next boot is into what was there before.
fn restore(journal: &Journal, system: &str) -> Result<(), String> {
    let profile = set_profile(&nix(), &journal.request.profile, system).map_err(|e| e.to_string());
    crate::crash_point!("switch.profile-restored");
    let activation = activate(journal, system, "switch")?;
    profile?;
    match activation.exit_code {
        Some(0) => Ok(()),
        // An exit code informs; what held before the switch decides.
        _ if holds_again(journal) => Ok(()),
        code => Err(format!("`switch` of {system}: {}: {}", exit_text(code), activation.output.trim())),
    }
}

fn holds_again(journal: &Journal) -> bool {
    let before = journal.held_before().checks;
    let held: Vec<&String> = before.iter().filter(|(_, outcome)| outcome.holds()).map(|(id, _)| id).collect();
    let Ok(policy) = new_policy(journal) else { return false };
    let seen = policy.observe(&journal.request.profile, journal.course.previous.as_deref(), now());
    !held.is_empty() && held.iter().all(|id| seen.get(*id).is_some_and(|j| j.outcome.holds()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rollback_timer_leaves_time_to_look_at_every_check() {
        let courier = Duration::from_millis(connection::within(connection::MOST_RARELY).unsigned_abs());
        let enforcers = 2 * enforcer::COMES_UP_WITHIN + enforcer::LONGEST_MORE + probation::CHECK_POLICY_TIMEOUT;
        let left = TIMER_SLACK.checked_sub(STEPS_END_WITHIN + enforcers + courier);
        assert!(left.is_some_and(|left| left >= Duration::from_secs(300)), "{left:?}");
    }
}
