//! Probes: each turns one part of the world into an observation.
//!
//! One file per probe, all of the same shape: its `SCHEMA`, `run`, `watch`, and `PROBE` that joins them. A new one
//! touches its own file and the list below. Those of which there is only the schema yet are [`announced`]; those that another
//! process looks with, over the network, are [`NETWORK`].

mod account_activity;
pub mod announced;
mod apparmor;
mod audit;
mod authorised_keys;
mod backups;
mod boot;
mod borg;
mod chrony;
mod clamav;
pub mod context;
mod cpu;
mod crypto_policy;
mod disk;
mod disk_health;
mod failed_logins;
mod file;
mod file_scan;
mod idle_policy;
mod journald;
mod kernel_command_line;
mod kernel_module;
mod listening_ports;
pub(crate) mod log_forwarding;
mod luks;
mod manifest;
mod memory;
mod mount;
mod nftables;
mod nix_config;
mod nix_generation;
mod nix_store;
mod pam;
mod parsers;
mod patches;
mod postgresql;
mod privileged_groups;
mod process;
pub(crate) mod reading;
mod removable_media;
mod restic;
pub(crate) mod restore_test;
mod secure_boot;
mod sessions;
mod socket;
mod ssh_host_keys;
mod sshd;
mod sudo;
pub(crate) mod sysctl;
mod systemd_conf;
mod systemd_timer;
mod systemd_unit;
mod tls_certificate;
mod users;
mod utmp;
mod wireguard;
mod writ;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use writ_policy::check::ProbeCall;
use writ_policy::observation::{Observation, Value};
use writ_policy::outcome::Probed;
use writ_policy::schema::{Class, FieldSchema, Kind, ParameterSchema, ProbeSchema, Registry};
use writ_policy::values::Values;
use writ_trust::json::MAX_INTEGER;
use writ_trust::text::one_line;

pub use self::announced::{ANNOUNCED, NOT_OBSERVED};
pub use self::context::ProbeContext;
pub use self::cpu::CpuHistory;
pub use self::parsers::{Parser, parsers};
pub use self::writ::WritFacts;
use crate::network;
pub use crate::parameters::Parameters;
use crate::secrets::Secrets;

/// Every probe that this agent can look with.
pub const PROBES: &[Probe] = &[
    account_activity::PROBE,
    apparmor::PROBE,
    audit::PROBE,
    authorised_keys::PROBE,
    boot::PROBE,
    borg::PROBE,
    chrony::PROBE,
    clamav::PROBE,
    cpu::PROBE,
    crypto_policy::PROBE,
    disk::PROBE,
    disk_health::PROBE,
    failed_logins::PROBE,
    file::PROBE,
    file_scan::PROBE,
    idle_policy::PROBE,
    journald::PROBE,
    kernel_command_line::PROBE,
    kernel_module::PROBE,
    listening_ports::PROBE,
    log_forwarding::PROBE,
    luks::PROBE,
    manifest::PROBE,
    memory::PROBE,
    mount::PROBE,
    nftables::PROBE,
    nix_config::PROBE,
    nix_generation::PROBE,
    nix_store::PROBE,
    pam::PROBE,
    patches::PROBE,
    postgresql::PROBE,
    privileged_groups::PROBE,
    process::PROBE,
    removable_media::PROBE,
    restic::PROBE,
    restore_test::PROBE,
    secure_boot::PROBE,
    sessions::PROBE,
    ssh_host_keys::PROBE,
    sshd::PROBE,
    sudo::PROBE,
    sysctl::PROBE,
    systemd_timer::PROBE,
    systemd_unit::PROBE,
    tls_certificate::PROBE,
    users::PROBE,
    wireguard::PROBE,
    writ::PROBE,
];

/// Every probe that `writ-probe` looks with over the network ([`crate::network`]), and the enforcer never does.
pub const NETWORK: &[ProbeSchema] =
    &[network::name::SCHEMA, network::ntp::SCHEMA, network::reachable::SCHEMA, network::tls_endpoint::SCHEMA];

/// One probe.
#[derive(Clone, Copy)]
pub struct Probe {
    /// What it takes and shows.
    pub schema: ProbeSchema,
    /// Looks once.
    pub run: fn(&Parameters, &mut ProbeContext) -> Result<Observation, Unseen>,
    /// What tells at once that the next look may differ; empty when only looking again does.
    pub watch: fn(&Parameters, &ProbeContext) -> Vec<Watch>,
    /// How long a look may take.
    pub pace: Pace,
}

/// How long a look of a probe may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A few milliseconds: it reads what the kernel, a file or D-Bus tells, and starts no program.
    Quick,
    /// Longer: it starts a program, or reads what grows with the machine (a journal, a file system).
    Slow,
}

/// The probe that looks at the enforcer itself, which gathers what there is to see.
pub const ITSELF: &str = writ::PROBE.schema.name;

/// Whether what a probe sees rests on its earlier looks too, so that a single one says nothing.
pub fn looks_back(name: &str) -> bool {
    [&cpu::PROBE, &file_scan::PROBE, &manifest::PROBE].iter().any(|probe| probe.schema.name == name)
}

/// What tells that an observation may have changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watch {
    /// Changes of this path, of its entries when it is a directory, and its coming and going in its parent (inotify).
    Path(PathBuf),
    /// Changes of this systemd unit (D-Bus).
    Unit(String),
    /// Sessions that begin and end (D-Bus, of logind).
    Sessions,
    /// Changes of links, addresses and routes (rtnetlink).
    Addresses,
    /// Changes of the packet filter (netlink, of nftables).
    Firewall,
    /// Mounts that come, go and change (proc_pid_mountinfo(5)).
    Mounts,
    /// Devices that come and go (netlink, uevents of the kernel).
    Devices,
    /// The clock was set (timerfd).
    Clock,
    /// A line of the journal.
    Journal(Pattern),
    /// Nothing: there are so many paths more than are watched, for this reason, and they are polled.
    Polled(u64, &'static str),
}

/// Lines of the journal by how they begin. Whoever may write to the journal can write such a line: it says nothing but "look
/// again".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    /// By what name programs write them (SYSLOG_IDENTIFIER of systemd.journal-fields(7)).
    pub programs: &'static [&'static str],
    /// How they begin, literally.
    pub beginnings: &'static [&'static str],
}

impl Pattern {
    /// Whether a line begins in one of these ways.
    pub fn fits(&self, line: &[u8]) -> bool {
        self.beginnings.iter().any(|beginning| line.starts_with(beginning.as_bytes()))
    }
}

/// Why a probe saw nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// There is nothing to look at on this machine, for this reason.
    #[error("not applicable: {0}")]
    NotApplicable(String),
    /// It could not look, for this reason.
    #[error("{0}")]
    Failed(String),
}

impl Unseen {
    /// There is nothing to look at on this machine, for this reason.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self::NotApplicable(reason.into())
    }

    /// It could not look at `what`, for this reason.
    pub fn failed(what: impl std::fmt::Display, reason: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {reason}"))
    }
}

impl From<String> for Unseen {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

/// The schemas of every probe and every runbook step: what `writ check` judges a policy by.
pub fn registry() -> Registry {
    Registry {
        probes: schemas().map(|schema| (schema.name, *schema)).collect(),
        steps: crate::steps::STEPS.iter().map(|step| (step.schema.name, step.schema)).collect(),
        announced: ANNOUNCED.iter().map(|schema| schema.name).collect(),
        network: NETWORK.iter().map(|schema| schema.name).collect(),
    }
}

/// The schema of every probe, also of those that are only announced.
fn schemas() -> impl Iterator<Item = &'static ProbeSchema> {
    PROBES.iter().map(|probe| &probe.schema).chain(NETWORK).chain(ANNOUNCED)
}

/// Whether `writ-probe` looks with the probe of this name, over the network.
pub fn is_network(name: &str) -> bool {
    NETWORK.iter().any(|schema| schema.name == name)
}

/// The schema of the probe of this name, also of one that is only announced.
pub fn schema_of(name: &str) -> Option<&'static ProbeSchema> {
    schemas().find(|schema| schema.name == name)
}

/// The probe of this name, if the enforcer can look with it.
pub fn named(name: &str) -> Option<&'static Probe> {
    PROBES.iter().find(|probe| probe.schema.name == name)
}

/// Looks once. Whatever the policy asks and whatever the world holds, this returns; a reason is always one line, and
/// begins with [`NOT_OBSERVED`] where this version has no way to look. Nothing that comes back holds a known secret.
pub fn run(call: &ProbeCall, context: &mut ProbeContext) -> Probed {
    let Some(probe) = named(&call.name) else { return Probed::Failed(unobserved(call)) };
    if let Some(why) = context.secrets.locked(call.parameters.values()) {
        return Probed::Failed(one_line(format!("{}: {why}", call.name)));
    }
    redacted(look(probe, call, context), &context.secrets)
}

fn look(probe: &Probe, call: &ProbeCall, context: &mut ProbeContext) -> Probed {
    let looked = Parameters::checked(&call.parameters, probe.schema.parameters)
        .map_err(Unseen::Failed)
        .and_then(|parameters| (probe.run)(&parameters, context));
    match looked {
        Ok(observation) => Probed::Seen(observation),
        Err(Unseen::NotApplicable(reason)) => Probed::NotApplicable(one_line(reason)),
        Err(Unseen::Failed(reason)) => Probed::Failed(one_line(format!("{}: {reason}", call.name))),
    }
}

/// What was seen without the secrets that are known, wherever a text of the world held one.
fn redacted(probed: Probed, secrets: &Secrets) -> Probed {
    match probed {
        Probed::Seen(mut seen) => {
            let texts: Vec<(String, Value)> =
                seen.iter().filter_map(|(n, v)| Some((n.to_owned(), clean(v, secrets)?))).collect();
            texts.into_iter().for_each(|(name, value)| seen.set(&name, value));
            Probed::Seen(seen)
        }
        Probed::NotApplicable(reason) => Probed::NotApplicable(secrets.redact(&reason).into_owned()),
        Probed::Failed(reason) => Probed::Failed(secrets.redact(&reason).into_owned()),
    }
}

/// The value without secrets; none where it has none.
fn clean(value: &Value, secrets: &Secrets) -> Option<Value> {
    let clean = |text: &str| match secrets.redact(text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(text) => Some(text),
    };
    match value {
        Value::Text(text) => clean(text).map(Value::Text),
        Value::List(items) => {
            let any = items.iter().any(|item| clean(item).is_some());
            any.then(|| Value::List(items.iter().map(|item| secrets.redact(item).into_owned()).collect()))
        }
        Value::Bool(_) | Value::Int(_) => None,
    }
}

/// Why nothing looks. Parameters are judged first, so that a call which will never be right says so today.
fn unobserved(call: &ProbeCall) -> String {
    match NETWORK.iter().chain(ANNOUNCED).find(|schema| schema.name == call.name) {
        Some(schema) => match Parameters::checked(&call.parameters, schema.parameters) {
            Ok(_) if is_network(schema.name) => format!("{NOT_OBSERVED}only writ-probe looks over the network"),
            Ok(_) => announced::reason(schema.name),
            Err(problem) => one_line(format!("{}: {problem}", schema.name)),
        },
        None => {
            let known: Vec<_> = registry().probes.into_keys().collect();
            let (name, known) = (one_line(&call.name), known.join(", "));
            format!("{NOT_OBSERVED}this version knows no probe `{name}`; known: {known}")
        }
    }
}

/// What tells at once that the next look may differ; empty for a call that no probe would take.
pub fn watch(call: &ProbeCall, context: &ProbeContext) -> Vec<Watch> {
    named(&call.name)
        .and_then(|probe| {
            let parameters = Parameters::checked(&call.parameters, probe.schema.parameters).ok()?;
            Some((probe.watch)(&parameters, context))
        })
        .unwrap_or_default()
}

/// A parameter that must be given.
pub(crate) const fn required(name: &'static str, kind: Kind, about: &'static str) -> ParameterSchema {
    ParameterSchema { name, kind, required: true, values: Values::Any, about }
}

/// A parameter that may be left out.
pub(crate) const fn optional(name: &'static str, kind: Kind, about: &'static str) -> ParameterSchema {
    ParameterSchema { name, kind, required: false, values: Values::Any, about }
}

/// An observation field that may leave the appliance as it is.
pub(crate) const fn field(name: &'static str, kind: Kind, about: &'static str) -> FieldSchema {
    FieldSchema { name, kind, class: Class::Plain, values: Values::Any, about }
}

/// An observation field that names a person or a machine.
pub(crate) const fn identifier(name: &'static str, kind: Kind, about: &'static str) -> FieldSchema {
    FieldSchema { name, kind, class: Class::Identifier, values: Values::Any, about }
}

/// An observation field of free text: scrubbed before it is kept, and no predicate may use it.
pub(crate) const fn text(name: &'static str, kind: Kind, about: &'static str) -> FieldSchema {
    FieldSchema { name, kind, class: Class::Text, values: Values::Any, about }
}

/// A count or a size as documents hold it: at most 2^53.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(MAX_INTEGER).min(MAX_INTEGER)
}

/// How many there are, as documents hold it.
pub(crate) fn count(number: usize) -> i64 {
    integer(number as u64)
}

/// How many percent of the whole a part is, rounded down, at most 100; none of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> Option<i64> {
    let percent = (u128::from(part) * 100).checked_div(u128::from(whole))?;
    Some(i64::try_from(percent.min(100)).unwrap_or(100))
}

/// The bytes of a file of /proc.
pub(crate) fn read_proc(path: &str) -> Result<Vec<u8>, Unseen> {
    const MAX_PROC_FILE: usize = 32 * 1024 * 1024;
    writ_durable::read_bounded(Path::new(path), MAX_PROC_FILE).map_err(|e| Unseen::failed(path, e))
}

/// For probes of what nothing announces.
pub(crate) fn unannounced(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    Vec::new()
}
