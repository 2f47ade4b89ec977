//! `process`: the processes of one name, from /proc (proc(5)).

use std::collections::BTreeSet;
use std::path::Path;

use procfs::process::Process;
use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;

use super::{
    Pace, Parameters, Probe, ProbeContext, Unseen, field, identifier, integer, read_proc, required, unannounced,
};
use crate::accounts::Names;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "process",
    about: "the processes of one name",
    parameters: &[required(
        "name",
        Kind::Text,
        "file name of the program, the process's own name, or that of its first argument",
    )
    .form(Form::FileName)],
    observation: &[
        field("count", Kind::Int, "how many run"),
        field("oldest_age_seconds", Kind::Int, "how long the oldest has run; absent when none does"),
        identifier("users", Kind::List, "whose they are"),
    ],
};

fn run(parameters: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    let name = parameters.text("name")?;
    if name.is_empty() || name.contains('/') {
        return Err(Unseen::failed("parameter name", "expected a file name such as \"sshd\""));
    }
    let uptime = uptime_seconds(&read_proc("/proc/uptime")?)?;
    let processes = procfs::process::all_processes().map_err(|e| Unseen::failed("/proc", e))?;
    // A process that ends while it is looked at is none.
    let facts: Vec<_> = processes.filter_map(|process| facts(&process.ok()?, name, uptime)).collect();
    let names = Names::users();
    let users: BTreeSet<_> = facts.iter().map(|(uid, _)| names.name(*uid)).collect();
    let mut seen = Observation::new()
        .with("count", i64::try_from(facts.len()).unwrap_or(i64::MAX))
        .with("users", users.into_iter().collect::<Vec<_>>());
    if let Some(oldest) = facts.iter().map(|(_, age)| *age).max() {
        seen.set("oldest_age_seconds", integer(oldest));
    }
    Ok(seen)
}

/// User and age in seconds of a process of this name; none for others, and for those that have ended already.
fn facts(process: &Process, name: &str, uptime: u64) -> Option<(u32, u64)> {
    let stat = process.stat().ok()?;
    if stat.state == 'Z' || stat.state == 'X' {
        return None;
    }
    let matches = stat.comm == name
        || process.exe().is_ok_and(|exe| program_name(&exe) == Some(name))
        || process.cmdline().is_ok_and(|args| args.first().is_some_and(|a| program_name(Path::new(a)) == Some(name)));
    let started = stat.starttime / procfs::ticks_per_second().max(1);
    matches.then(|| Some((process.uid().ok()?, uptime.saturating_sub(started)))).flatten()
}

/// The file name of a program; the kernel marks one whose file was replaced since.
fn program_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    Some(name.strip_suffix(" (deleted)").unwrap_or(name))
}

pub(super) fn uptime_seconds(bytes: &[u8]) -> Result<u64, Unseen> {
    let text = String::from_utf8_lossy(bytes);
    let whole = text.split(['.', ' ', '\n']).next().and_then(|n| n.parse().ok());
    whole.ok_or_else(|| Unseen::failed("/proc/uptime", "it does not begin with a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uptime_is_its_first_number() {
        assert_eq!(uptime_seconds(b"350735.47 234388.90\n").unwrap(), 350_735);
        for bad in [&b""[..], b" 1", b"-1.0", b"x", b"\xff", b"99999999999999999999999.0"] {
            assert!(uptime_seconds(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_replaced_program_keeps_its_name() {
        assert_eq!(program_name(Path::new("/usr/sbin/sshd (deleted)")), Some("sshd"));
        for none in ["", "/", "..", "/a/.."] {
            assert_eq!(program_name(Path::new(none)), None, "{none}");
        }
    }
}
