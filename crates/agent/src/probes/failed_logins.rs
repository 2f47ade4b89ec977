//! `failed_logins`: log-in attempts that failed, over a window, from /var/log/btmp (utmp(5)), what sshd, login, su and sudo
//! write to the journal, and the tallies of pam_faillock(8).
//!
//! Both btmp and the journal may hold the same failure, so the larger number counts and not the sum.

mod messages;
mod tally;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use self::messages::Failure;
use super::{
    Pace, Parameters, Pattern, Probe, ProbeContext, Unseen, Watch, count, field, identifier, journald, pam, reading,
    required, utmp,
};
use crate::command;

const TIME_LIMIT: Duration = Duration::from_secs(10);
const MAX_OUTPUT: usize = 8 * 1024 * 1024;
/// How many entries of the journal are read: the newest.
const MAX_ENTRIES: usize = 20_000;
/// So many failures are told also where there may be more: nobody expects as many.
const ALARMING: usize = 1_000;
/// How many names are shown.
const MAX_NAMES: usize = 1000;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "failed_logins",
    about: "log-in attempts that failed, over a window",
    parameters: &[required("window", Kind::Span, "how far to look back")],
    observation: &[
        field("recorded", Kind::Bool, "whether log-ins that succeed and that fail are written down at all"),
        field("failed_count", Kind::Int, "log-ins that failed"),
        field("failed_user_count", Kind::Int, "for how many accounts"),
        field("locked_count", Kind::Int, "how many accounts are locked because of it"),
        field("root_failed_count", Kind::Int, "how many of them tried to be root"),
        identifier("users", Kind::List, "for which accounts; at most 1000"),
    ],
};

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let now = context.now.unix_millis() / 1000;
    let since = now - parameters.span("window")?.seconds();
    let journal = journal(&context.root, since)?;
    observe(&context.root, journal.as_deref(), since, now)
}

/// Whoever tries passwords decides how often that is written: the journal's follower tells of it only now and then, and btmp, which
/// has no such follower, is not watched.
fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Journal(Pattern { programs: &messages::PROGRAMS, beginnings: &messages::BEGINNINGS })]
}

fn observe(root: &Path, journal: Option<&[u8]>, since: i64, now: i64) -> Result<Observation, Unseen> {
    let btmp = utmp::read(&root.join("var/log/btmp"))?;
    let logged = journal.map(messages::failures).unwrap_or_default();
    let by_file = btmp.iter().flatten().filter(|record| record.at >= since);
    let by_file = by_file.map(|record| Failure { user: record.user.clone(), attempts: 1 });
    let by_file: Vec<Failure> = by_file.collect();
    let total = |wanted: &dyn Fn(&Failure) -> bool| {
        let sum =
            |of: &[Failure]| of.iter().filter(|failure| wanted(failure)).map(|failure| failure.attempts).sum::<usize>();
        sum(&by_file).max(sum(&logged))
    };
    let users: BTreeSet<&str> =
        by_file.iter().chain(&logged).map(|failure| failure.user.as_str()).filter(|name| !name.is_empty()).collect();
    let kept = root.join("var/log/wtmp").is_file() && btmp.is_some();
    Ok(Observation::new()
        .with("recorded", kept || (journal.is_some() && journald::keeps(root)?))
        .with("failed_count", count(total(&|_| true)))
        .with("failed_user_count", count(users.len()))
        .with("root_failed_count", count(total(&|failure| failure.user == "root")))
        .with("locked_count", count(locked(root, now)?))
        .with("users", users.into_iter().take(MAX_NAMES).map(str::to_owned).collect::<Vec<_>>()))
}

/// What the journal holds of programs that let people in, one JSON object a line; none where there is no journal.
fn journal(root: &Path, since: i64) -> Result<Option<Vec<u8>>, Unseen> {
    let kept = ["var/log/journal", "run/log/journal"].map(|folder| root.join(folder)).into_iter().find(|f| f.is_dir());
    let (Some(folder), Some(program)) = (kept, command::find("journalctl")) else { return Ok(None) };
    let mut arguments: Vec<OsString> = ["--quiet", "--no-pager", "--reverse", "--output=json"].map(Into::into).into();
    arguments.push(format!("--lines={MAX_ENTRIES}").into());
    arguments.push(format!("--output-fields={}", messages::FIELDS.join(",")).into());
    arguments.push(format!("--since=@{since}").into());
    if root != Path::new("/") {
        let mut directory = OsString::from("--directory=");
        directory.push(folder);
        arguments.push(directory);
    }
    arguments.extend(messages::PROGRAMS.map(|name| OsString::from(format!("SYSLOG_IDENTIFIER={name}"))));
    let arguments: Vec<_> = arguments.iter().map(OsString::as_os_str).collect();
    let output =
        command::run(&program, &arguments, TIME_LIMIT, MAX_OUTPUT).map_err(|e| Unseen::Failed(e.to_string()))?;
    // It ends with 1 when there are no entries.
    let none = output.status.code() == Some(1) && output.stderr.is_empty();
    if !output.status.success() && !none {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Unseen::failed("journalctl", format!("{}: {said}", output.status)));
    }
    whole(output.stdout, output.truncated).map(Some)
}

/// What was read of a journal, where that is all of it, or so much that it alarms anyway: anybody may write to the journal, and
/// whoever fails to log in may bury that below lines of their own.
fn whole(entries: Vec<u8>, truncated: bool) -> Result<Vec<u8>, Unseen> {
    let lines = entries.iter().filter(|byte| **byte == b'\n').count();
    if (truncated || lines >= MAX_ENTRIES) && failures(&entries) < ALARMING {
        let reason = format!(
            "more is written in the name of programs that let people in than is looked through ({lines} entries)"
        );
        return Err(Unseen::failed("the journal", reason));
    }
    Ok(entries)
}

/// The failures that a journal tells of, one JSON object a line.
pub(super) fn failures(journal: &[u8]) -> usize {
    messages::failures(journal).len()
}

/// Whether a tally keeps its account out for ever, by the settings that pam_faillock has without any.
pub(super) fn is_locked(tally: &[u8]) -> bool {
    tally::Rule::of(&pam::settings::Settings::new()).locks(tally, 0)
}

/// How many accounts pam_faillock keeps out now.
fn locked(root: &Path, now: i64) -> Result<usize, Unseen> {
    let Some(settings) = pam::faillock(root)? else { return Ok(0) };
    let folder = settings.get("dir").map_or("run/faillock", |dir| dir.trim_start_matches('/'));
    let folder = root.join(folder);
    let rule = tally::Rule::of(&settings);
    let mut locked = 0;
    for name in reading::names(&folder)? {
        // What cannot be read locks nobody: pam_faillock could not read it either.
        let bytes = reading::read(&folder.join(name), tally::MAX_FILE).ok().flatten().unwrap_or_default();
        locked += usize::from(rule.locks(&bytes, now));
    }
    Ok(locked)
}

#[cfg(test)]
mod tests;
