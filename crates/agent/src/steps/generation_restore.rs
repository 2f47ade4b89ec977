//! `generation.restore`: makes the system profile, and the running system, what the accepted release names.

use std::ffi::OsStr;
use std::path::{Component, Path};
use std::time::{Duration, Instant};

use writ_nix::profile::read_profile;
use writ_policy::schema::StepSchema;

use super::{Done, EXCERPT, Parameters, Step, StepContext, StepError};
use crate::command::{self, Output};

const CURRENT_SYSTEM: &str = "/run/current-system";

pub(super) const STEP: Step = Step { schema: SCHEMA, run };

const SCHEMA: StepSchema = StepSchema {
    name: "generation.restore",
    about: "makes the system profile, and the running system where it differs, what the accepted release names",
    parameters: &[],
};

fn run(_: &Parameters, context: &StepContext) -> Result<Done, StepError> {
    let deadline = Instant::now() + context.timeout;
    let left = || deadline.saturating_duration_since(Instant::now());
    let Some(toplevel) = context.expected_toplevel else {
        return Err(StepError::refused("the accepted release names no system for this appliance"));
    };
    if !Path::new(toplevel).is_absolute() || !Path::new(toplevel).is_dir() {
        return Err(StepError::refused(format!("{toplevel} is not on this machine; the next switch imports it")));
    }
    let said = match read_profile(context.profile) {
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
    let activation = activation(toplevel, context.activation)?;
    let output = command::run(&activation, &[OsStr::new("switch")], left(), EXCERPT)?;
    Ok(Done { said: format!("{said}\n"), output: Some(output) })
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
    let output = command::run(&nix_env, &arguments, timeout, EXCERPT)?;
    let folder = context.profile.parent().unwrap_or(Path::new("/"));
    writ_durable::sync_directory(folder).map_err(StepError::io(folder.display()))?;
    Ok(output)
}

/// The activation program, which must lie within the system.
fn activation(toplevel: &str, relative: &Path) -> Result<std::path::PathBuf, StepError> {
    if relative.components().all(|part| matches!(part, Component::Normal(_))) {
        Ok(Path::new(toplevel).join(relative))
    } else {
        Err(StepError::refused(format!("the activation program {} is not a path within a system", relative.display())))
    }
}
