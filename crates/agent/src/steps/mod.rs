//! Runbook steps: each does one thing to the machine.
//!
//! One file per step, all of the same shape: its `SCHEMA`, `run`, and `STEP` that joins them. A new one touches its own
//! file and the list below. A step's success only says that it was carried out: the re-scan decides whether it helped.

mod apart;
mod backup_run;
mod disk_clean;
mod exec;
mod file_restore;
mod generation_restore;
mod journal_vacuum;
mod nftables_load;
mod restore_test;
mod scan_run;
mod signatures_update;
mod switch;
mod sysctl_write;
mod systemd_reset_failed;
mod systemd_restart;
mod systemd_start;
mod systemd_stop;
mod time_step;
mod touch;
mod unit_run;
mod verify_wait;
mod window;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use writ_policy::check::Check;
use writ_policy::schema::{Kind, StepSchema};
use writ_trust::text::one_line;
use writ_trust::time::Time;

pub use self::apart::{GRACE, GivenUp};
pub use self::touch::Touch;
pub use self::window::window;
use crate::cancel::Cancel;
use crate::command::{self, CommandError};
use crate::dbus::BusError;
use crate::looks::place::Place;
pub use crate::parameters::Parameters;
use crate::secrets::redact::Cut;
use crate::secrets::{Held, Secrets};
use crate::switch::trial::Share;

/// Every step that this agent knows.
pub const STEPS: &[Step] = &[
    backup_run::STEP,
    disk_clean::STEP,
    exec::STEP,
    file_restore::STEP,
    generation_restore::STEP,
    journal_vacuum::STEP,
    nftables_load::STEP,
    restore_test::STEP,
    scan_run::STEP,
    signatures_update::STEP,
    switch::STEP,
    sysctl_write::STEP,
    systemd_reset_failed::STEP,
    systemd_restart::STEP,
    systemd_start::STEP,
    systemd_stop::STEP,
    time_step::STEP,
    verify_wait::STEP,
];

/// How much of an output a report keeps, in bytes.
pub const EXCERPT: usize = 4096;

/// One step type.
#[derive(Clone, Copy)]
pub struct Step {
    /// What it takes.
    pub schema: StepSchema,
    /// Does it.
    pub run: fn(&Parameters, &StepContext) -> Result<Done, StepError>,
    /// What it changes.
    pub touches: fn(&Parameters) -> Vec<Touch>,
}

/// What steps know besides their parameters.
#[derive(Debug, Clone)]
pub struct StepContext {
    /// The closure's programs by symbol.
    pub programs: Arc<BTreeMap<String, PathBuf>>,
    /// The agent's system profile, normally `/nix/var/nix/profiles/system`.
    pub profile: PathBuf,
    /// The system that the accepted release names for this appliance; none when it names none.
    pub expected_toplevel: Option<String>,
    /// The activation program, relative to a system: normally `bin/switch-to-configuration`.
    pub activation: PathBuf,
    /// How long the step may take.
    pub timeout: Duration,
    /// The time it is now.
    pub now: Time,
    /// The enforcer's folder of state, where a switch says that it is under way.
    pub state_dir: PathBuf,
    /// Checks of the policy, by id: those at least that the step names.
    pub checks: Arc<BTreeMap<String, Check>>,
    /// Where the step looks, if it does.
    pub place: Place,
    /// Said when the step is to end before its time.
    pub cancel: Cancel,
    /// The right to run it; given back when it has come back, however long that takes.
    pub share: Option<Arc<Share>>,
    /// What was given up before.
    pub given_up: GivenUp,
}

impl StepContext {
    /// Where a program of the closure is.
    fn program(&self, symbol: &str) -> Result<&Path, StepError> {
        self.programs.get(symbol).map(PathBuf::as_path).ok_or_else(|| {
            let known: Vec<_> = self.programs.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "it names none".into() } else { known.join(", ") };
            StepError::refused(format!("the closure names no program {:?}; known: {known}", one_line(symbol)))
        })
    }

    /// Where a program of this machine is.
    fn installed(&self, name: &str) -> Result<PathBuf, StepError> {
        command::find(name).ok_or_else(|| StepError::refused(format!("{name} is not installed on this machine")))
    }

    /// Runs a program of this machine to its end.
    fn run_installed(&self, name: &str, arguments: &[&OsStr]) -> Result<Done, StepError> {
        Ok(self.run_program(&self.installed(name)?, arguments, self.timeout)?.into())
    }

    /// Runs a program to its end, or until the step is told to end.
    fn run_program(
        &self,
        program: &Path,
        arguments: &[&OsStr],
        timeout: Duration,
    ) -> Result<command::Output, CommandError> {
        command::run_unless(Some(&self.cancel), program, arguments, timeout, EXCERPT)
    }

    /// The same with this as its standard input.
    fn run_program_with(
        &self,
        input: Option<&[u8]>,
        program: &Path,
        arguments: &[&OsStr],
    ) -> Result<command::Output, CommandError> {
        command::run_given(input, Some(&self.cancel), program, arguments, self.timeout, EXCERPT)
    }

    /// The value of a secret.
    fn secret(&self, name: &str) -> Held {
        self.place.secrets.value(name)
    }
}

/// What a step did.
#[derive(Debug, Default)]
pub struct Done {
    /// What it has to say, for the report's `stdout`.
    pub said: String,
    /// The end of the program that it ran, if any.
    pub output: Option<command::Output>,
}

impl Done {
    /// Done without running a program.
    fn saying(said: impl Into<String>) -> Self {
        Self { said: said.into(), output: None }
    }
}

impl From<command::Output> for Done {
    fn from(output: command::Output) -> Self {
        Self { said: String::new(), output: Some(output) }
    }
}

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It must not, or cannot, be done as asked.
    #[error("{0}")]
    Refused(String),
    /// The system said no.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A program did not come to its end.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// systemd said no.
    #[error(transparent)]
    Bus(#[from] BusError),
}

impl StepError {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    fn io(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what: what.to_string(), source }
    }
}

impl From<String> for StepError {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}

/// What a step came to, as evidence keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepReport {
    /// Whether it was carried out; a program that it ran must have ended with 0.
    pub ok: bool,
    /// The exit code of the program that it ran, if any; none when a signal ended it.
    pub exit_code: Option<i32>,
    /// The beginning of what was said, at most [`EXCERPT`] bytes.
    pub stdout: String,
    /// The beginning of what was complained, at most [`EXCERPT`] bytes.
    pub stderr: String,
    /// Why it was not carried out, in one line.
    pub error: Option<String>,
}

/// The step of this name.
pub fn named(name: &str) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.schema.name == name)
}

/// What a step changes; nothing where it would be refused.
pub fn touches(step: &str, parameters: &Map<String, Value>) -> Vec<Touch> {
    let Some(known) = named(step) else { return Vec::new() };
    let checked = Parameters::checked(parameters, known.schema.parameters);
    checked.map(|parameters| (known.touches)(&parameters)).unwrap_or_default()
}

/// The programs of the closure that a step's parameters name, by their symbols.
pub fn programs<'a>(step: &str, parameters: &'a Map<String, Value>) -> Vec<&'a str> {
    let declared = named(step).map(|known| known.schema.parameters).unwrap_or_default();
    let programs = declared.iter().filter(|declared| declared.kind == Kind::Program);
    programs.filter_map(|declared| parameters.get(declared.name)?.get("program")?.as_str()).collect()
}

/// Does one step. Whatever the policy asks, and whatever the machine does, this returns within the timeout and [`GRACE`]; what
/// has not come back by then is given up.
pub fn run(step: &str, parameters: &Map<String, Value>, context: &StepContext) -> StepReport {
    let Some(known) = named(step) else {
        let names: Vec<_> = STEPS.iter().map(|step| step.schema.name).collect();
        let unknown = format!("unknown step {:?}; known: {}", one_line(step), names.join(", "));
        return StepReport { error: Some(unknown), ..StepReport::default() };
    };
    apart::run(known, parameters, context)
}

/// Does one step on this thread.
fn once(known: &Step, parameters: &Map<String, Value>, context: &StepContext) -> StepReport {
    let secrets = &context.place.secrets;
    let done = match secrets.locked(parameters.values()) {
        Some(why) => Err(StepError::Refused(why)),
        None => Parameters::checked(parameters, known.schema.parameters)
            .map_err(StepError::Refused)
            .and_then(|parameters| (known.run)(&parameters, context)),
    };
    report(known.schema.name, done, secrets)
}

/// The report, without the secrets that are known: a program that gets one may print it.
fn report(step: &str, done: Result<Done, StepError>, secrets: &Secrets) -> StepReport {
    let told = |text: String| Some(one_line(secrets.redact(&text)));
    // What was read of an output ends where the excerpt does, wherever that is.
    let excerpt = |bytes: &[u8]| {
        let cut = if bytes.len() >= EXCERPT { Cut::BACK } else { Cut::default() };
        excerpt(&secrets.redact_bytes(bytes, cut))
    };
    let (said, output) = match done {
        Ok(Done { said, output }) => (said, output),
        Err(error) => {
            let (out, err) = match &error {
                StepError::Command(
                    CommandError::TimedOut { stdout, stderr, .. } | CommandError::Cancelled { stdout, stderr, .. },
                ) => (excerpt(stdout), excerpt(stderr)),
                _ => Default::default(),
            };
            return StepReport {
                stdout: out,
                stderr: err,
                error: told(format!("{step}: {error}")),
                ..StepReport::default()
            };
        }
    };
    let Some(output) = output else {
        return StepReport { ok: true, stdout: excerpt(said.as_bytes()), ..StepReport::default() };
    };
    let error =
        (!output.status.success()).then(|| one_line(format!("{step}: the program ended with {}", output.status)));
    let said = [said.as_bytes(), &output.stdout].concat();
    StepReport {
        ok: error.is_none(),
        exit_code: output.status.code(),
        stdout: excerpt(&said),
        stderr: excerpt(&output.stderr),
        error,
    }
}

/// The beginning of an output as text; bytes that are no UTF-8 are replaced.
fn excerpt(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT)]).into_owned();
    let end = (0..=EXCERPT.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    text.truncate(end);
    text
}

#[cfg(test)]
impl StepContext {
    /// One that knows of nothing.
    fn of_test() -> Self {
        let profile = PathBuf::from("/nowhere/profile");
        let eyes =
            crate::probes::ProbeContext::new(crate::clock::now(), std::time::Instant::now(), profile.clone(), None);
        Self {
            programs: Arc::default(),
            profile,
            place: Place::of(&eyes),
            expected_toplevel: None,
            activation: PathBuf::from("bin/switch-to-configuration"),
            timeout: Duration::from_secs(60),
            now: crate::clock::now(),
            state_dir: PathBuf::from("/nowhere/state"),
            checks: Arc::default(),
            cancel: Cancel::new().expect("a descriptor is left"),
            share: None,
            given_up: GivenUp::default(),
        }
    }
}
