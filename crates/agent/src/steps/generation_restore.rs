//! `generation.restore`: makes the system profile, and the running system, what the accepted release names.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use writ_nix::profile::read_profile;
use writ_policy::schema::StepSchema;

use super::{Done, Parameters, Step, StepContext, StepError, Touch};
use crate::command::{self, Output};

const CURRENT_SYSTEM: &str = "/run/current-system";
/// There where systemd is this machine's init (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";
/// The transient unit that activates. One name: two activations at once would undo each other.
const UNIT: &str = "writ-generation-restore";

pub(super) const STEP: Step = Step { schema: SCHEMA, run, touches: |_| vec![Touch::System] };

const SCHEMA: StepSchema = StepSchema {
    name: "generation.restore",
    about: "makes the system profile, and the running system where it differs, what the accepted release names",
    parameters: &[],
};

fn run(_: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let deadline = Instant::now() + context.timeout;
    let left = || deadline.saturating_duration_since(Instant::now());
    let Some(toplevel) = context.expected_toplevel.as_deref() else {
        return Err(StepError::refused("the accepted release names no system for this appliance"));
    };
    if !Path::new(toplevel).is_absolute() || !Path::new(toplevel).is_dir() {
        return Err(StepError::refused(format!("{toplevel} is not on this machine; the next switch imports it")));
    }
    let said = match read_profile(&context.profile) {
        Ok(Some(found)) if found == toplevel => format!("{} is already {toplevel}", context.profile.display()),
        _ => {
            let set = set_profile(context, toplevel, left())?;
            if !set.status.success() {
                return Ok(Done { said: String::new(), output: Some(set) });
            }
            format!("{} is now {toplevel}", context.profile.display())
        }
    };
    if Path::new(CURRENT_SYSTEM).canonicalize().is_ok_and(|current| current == Path::new(toplevel)) {
        return Ok(Done::saying(said));
    }
    let activation = activation(toplevel, &context.activation)?;
    let (output, seen) = if Path::new(BOOTED).is_dir() {
        (activate_apart(context, &activation, left())?, format!("its output: journalctl -u {UNIT}.service\n"))
    } else {
        (context.run_program(&activation, &[OsStr::new("switch")], left())?, String::new())
    };
    Ok(Done { said: format!("{said}\n{seen}"), output: Some(output) })
}

/// Activates in a unit of its own. A child would be of this daemon's cgroup, and die half-way where the activation
/// restarts the daemon; its output goes to the journal, because a pipe would break with the daemon that reads it.
fn activate_apart(context: &StepContext, activation: &Path, timeout: Duration) -> Result<Output, StepError> {
    let systemd_run = context.installed("systemd-run")?;
    let words = apart(activation, timeout);
    let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    Ok(context.run_program(&systemd_run, &words, timeout)?)
}

/// The arguments of systemd-run(1), which ends with the exit code of what it ran. The unit's own limit holds where the
/// one who waits is gone.
fn apart(activation: &Path, timeout: Duration) -> Vec<OsString> {
    vec![
        "--wait".into(),
        "--collect".into(),
        "--no-ask-password".into(),
        // With `exec`, the start of a program that ends at once may count as failed, and its exit code is lost.
        "--service-type=simple".into(),
        format!("--unit={UNIT}.service").into(),
        "--description=Writ: activate the system of the accepted release".into(),
        format!("--property=RuntimeMaxSec={}s", timeout.as_secs().max(1)).into(),
        format!("--setenv=PATH={}", command::SEARCH_PATH).into(),
        "--setenv=LC_ALL=C.UTF-8".into(),
        activation.into(),
        "switch".into(),
    ]
}

/// A new generation of the profile. Nothing is built or fetched: the system is in the store.
fn set_profile(context: &StepContext, toplevel: &str, timeout: Duration) -> Result<Output, StepError> {
    let arguments = [
        OsStr::new("--option"),
        OsStr::new("substituters"),
        OsStr::new(""),
        OsStr::new("-p"),
        context.profile.as_os_str(),
        OsStr::new("--set"),
        OsStr::new(toplevel),
    ];
    let nix_env = context.installed("nix-env")?;
    let output = context.run_program(&nix_env, &arguments, timeout)?;
    let folder = context.profile.parent().unwrap_or(Path::new("/"));
    writ_durable::sync_directory(folder).map_err(StepError::io(folder.display()))?;
    Ok(output)
}

/// The activation program, which must lie within the system.
fn activation(toplevel: &str, relative: &Path) -> Result<PathBuf, StepError> {
    if relative.components().all(|part| matches!(part, Component::Normal(_))) {
        Ok(Path::new(toplevel).join(relative))
    } else {
        Err(StepError::refused(format!("the activation program {} is not a path within a system", relative.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_activates_outlives_the_daemon_and_has_its_limit() {
        let words = apart(Path::new("/nix/store/x/bin/switch-to-configuration"), Duration::from_millis(90_500));
        let has = |word: &str| words.iter().any(|w| w == word);
        assert!(has("--wait") && has("--property=RuntimeMaxSec=90s") && has("--unit=writ-generation-restore.service"));
        assert!(!has("--scope") && !has("--pipe"), "it would share what ends with the daemon: {words:?}");
        assert_eq!(words[words.len() - 2..], ["/nix/store/x/bin/switch-to-configuration", "switch"]);
        assert!(
            apart(Path::new("/x"), Duration::ZERO).iter().any(|w| w == "--property=RuntimeMaxSec=1s"),
            "0 has no limit"
        );
    }
}
