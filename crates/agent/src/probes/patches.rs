//! `patches`: known flaws in what is installed, by age of the advisory: the paths of the running system's closure, as
//! nix-store(1) lists them, against the advisories that come with the system (`writ.advisories.v1`).
//!
//! Writ brings no advisories. Whoever builds the systems lays them into the closure; without them all is unknown that rests
//! on them, and what is unknown never passes.

mod advisories;
mod version;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::time::Time;

use self::advisories::{Advisories, Advisory, Severity};
use super::reading::below;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, optional, reading};
use crate::command;
use crate::config::Boot;
use crate::switch::boot;

const FOLDER: &str = "/etc/writ/advisories";
const CURRENT_SYSTEM: &str = "/run/current-system";
/// The most files of advisories.
const MAX_FILES: usize = 16;
/// What nix-store may print: some hundred thousand paths.
const MAX_PATHS: usize = 16 * 1024 * 1024;
const LIMIT: Duration = Duration::from_secs(20);
const DAY: i64 = 24 * 60 * 60 * 1000;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "patches",
    about: "known flaws in what is installed, by age of the advisory",
    parameters: &[optional(
        "advisories",
        Kind::Text,
        "folder of advisory data (writ.advisories.v1) in the closure; default: /etc/writ/advisories",
    )
    .form(Form::AbsolutePath)],
    observation: &[
        field(
            "advisories_age_seconds",
            Kind::Int,
            "age of the advisory data; this and all counts are absent without any",
        ),
        field("system_age_seconds", Kind::Int, "age of the package set that the system was built from"),
        field("critical_count", Kind::Int, "open critical flaws"),
        field("critical_oldest_age_seconds", Kind::Int, "age of the oldest advisory among them; 0 when none is open"),
        field("important_count", Kind::Int, "open important flaws"),
        field("important_oldest_age_seconds", Kind::Int, "age of the oldest advisory among them; 0 when none is open"),
        field(
            "optional_oldest_age_seconds",
            Kind::Int,
            "age of the oldest advisory of any other open flaw; 0 when none is open",
        ),
        field("exploited_count", Kind::Int, "open flaws that are known to be exploited"),
        field("exploited_oldest_age_seconds", Kind::Int, "age of the oldest advisory among them; 0 when none is open"),
        field("reboot_pending", Kind::Bool, "whether the booted system lacks what the current one has repaired"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let folder = folder(parameters)?;
    let known = load(&below(&context.root, &folder.to_string_lossy()))?;
    let running = below(&context.root, CURRENT_SYSTEM);
    // Where no system says that it runs, it is that of the profile.
    let system = if running.exists() { running } else { context.profile.clone() };
    let mut seen = Observation::new();
    if let Ok(Some(text)) = reading::read(&system.join("nixos-version"), 4096)
        && let Some(built_from) = version::date(&String::from_utf8_lossy(&text))
    {
        seen.set("system_age_seconds", age(built_from, context.now));
    }
    let machine = Boot { root: context.root.clone(), ..Boot::default() };
    if let Some(booted) = boot::booted(&machine)
        && system.exists()
    {
        seen.set("reboot_pending", boot::differs(&booted, &system));
    }
    if known.is_empty() {
        let nothing =
            || Unseen::failed(folder.display(), "there are no advisories; Writ brings none, your releases do");
        let anything = seen.iter().next().is_some();
        return if anything { Ok(seen) } else { Err(nothing()) };
    }
    let system = system.canonicalize().map_err(|e| Unseen::failed(system.display(), e))?;
    judge(&known, &paths(&system)?, context.now, &mut seen);
    Ok(seen)
}

fn folder<'a>(parameters: &Parameters<'a>) -> Result<&'a Path, String> {
    Ok(parameters.optional_path("advisories")?.unwrap_or(Path::new(FOLDER)))
}

fn watch(parameters: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    let folder = folder(parameters).map(Path::to_owned);
    folder.into_iter().chain([PathBuf::from(CURRENT_SYSTEM)]).map(Watch::Path).collect()
}

/// Every file of advisories. One that cannot be read leaves nothing of the others: what it knows of may be worse.
fn load(folder: &Path) -> Result<Vec<Advisories>, Unseen> {
    let names: Vec<String> = reading::names(folder)?.into_iter().filter(|name| name.ends_with(".json")).collect();
    if names.len() > MAX_FILES {
        return Err(Unseen::failed(folder.display(), format!("it has more than {MAX_FILES} files of advisories")));
    }
    let read = |name: String| {
        let path = folder.join(name);
        let bytes =
            reading::read(&path, writ_trust::json::MAX_DOCUMENT).map_err(|e| Unseen::failed(path.display(), e))?;
        Advisories::parse(&bytes.unwrap_or_default()).map_err(|reason| Unseen::failed(path.display(), reason))
    };
    names.into_iter().map(read).collect()
}

/// Name and version of every path of a system's closure that has a version.
fn paths(system: &Path) -> Result<Vec<(String, String)>, Unseen> {
    let program = command::find("nix-store").ok_or_else(|| Unseen::failed("nix-store", "it is not installed"))?;
    let arguments: [&OsStr; 3] = ["--query".as_ref(), "--requisites".as_ref(), system.as_os_str()];
    match command::run(&program, &arguments, LIMIT, MAX_PATHS) {
        Ok(output) if output.truncated => {
            Err(Unseen::failed("nix-store", format!("the closure has more paths than fit into {MAX_PATHS} bytes")))
        }
        Ok(output) if output.status.success() => Ok(of_closure(&output.stdout)),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Unseen::failed("nix-store", format!("{}: {said}", output.status)))
        }
        Err(e) => Err(Unseen::failed("nix-store", e)),
    }
}

fn of_closure(bytes: &[u8]) -> Vec<(String, String)> {
    String::from_utf8_lossy(bytes).lines().filter_map(version::of_path).collect()
}

/// What the parsers come to, for any bytes: as advisories, and as a list of paths.
pub(super) fn observe_bytes(bytes: &[u8]) -> Result<Observation, String> {
    let known = Advisories::parse(bytes)?;
    let mut seen = Observation::new();
    judge(&[known], &of_closure(bytes), Time::from_unix_millis(DAY), &mut seen);
    Ok(seen)
}

fn age(since: Time, now: Time) -> i64 {
    (now.millis_since(since) / 1000).max(0)
}

fn judge(known: &[Advisories], installed: &[(String, String)], now: Time, seen: &mut Observation) {
    let oldest_issue = known.iter().map(|advisories| age(advisories.issued_at, now)).max().unwrap_or(0);
    seen.set("advisories_age_seconds", oldest_issue);
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in installed {
        versions.entry(name).or_default().push(version);
    }
    let has =
        |flaw: &&Advisory| versions.get(flaw.package.as_str()).is_some_and(|all| all.iter().any(|v| flaw.is_in(v)));
    let open: Vec<_> = known.iter().flat_map(|advisories| &advisories.advisories).filter(has).collect();
    let oldest = |ages: &[i64]| ages.iter().max().copied().unwrap_or(0);
    let of = |severity: Severity| -> Vec<i64> {
        open.iter().filter(|flaw| flaw.severity == severity).map(|flaw| age(flaw.published_at, now)).collect()
    };
    let exploited: Vec<i64> =
        open.iter().filter(|flaw| flaw.exploited).map(|flaw| age(flaw.published_at, now)).collect();
    let (critical, important) = (of(Severity::Critical), of(Severity::Important));
    seen.set("critical_count", count(critical.len()));
    seen.set("critical_oldest_age_seconds", oldest(&critical));
    seen.set("important_count", count(important.len()));
    seen.set("important_oldest_age_seconds", oldest(&important));
    seen.set("optional_oldest_age_seconds", oldest(&of(Severity::Optional)));
    seen.set("exploited_count", count(exploited.len()));
    seen.set("exploited_oldest_age_seconds", oldest(&exploited));
}

#[cfg(test)]
mod tests;
