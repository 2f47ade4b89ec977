//! `sudo`: who may become somebody else, and how, from /etc/sudoers and what it includes (sudoers(5)), read as sudo's
//! own `cvtsudoers -f json` reads them.
//!
//! What the file grants to root alone is no grant: root needs none. Grants for other machines of a shared file count too,
//! because whether a name is that of this machine is the resolver's word.

mod cursor;
mod grammar;
mod lines;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_trust::time::Time;

use self::grammar::{Grant, Line, Member, Setting};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, identifier};

const FILE: &str = "/etc/sudoers";

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "sudo",
    about: "who may become root, and how",
    parameters: &[],
    observation: &[
        field("authenticates", Kind::Bool, "whether every grant asks for a password"),
        field("passwordless_count", Kind::Int, "grants that ask for none"),
        field("unlimited_count", Kind::Int, "grants without an end"),
        field("longest_grant_seconds", Kind::Int, "how long the longest grant with an end lasts; 0 without any"),
        field("logs", Kind::Bool, "whether every use is recorded, and every one that was refused"),
        field(
            "uses_pty",
            Kind::Bool,
            "whether commands run in a terminal of their own; absent without a setting: versions differ",
        ),
        field(
            "timestamp_seconds",
            Kind::Int,
            "for how long a password is remembered; 0 is not at all, negative is for ever; absent without a setting: builds differ",
        ),
        identifier("holders", Kind::List, "who has grants"),
        field("malformed_lines", Kind::Int, "lines that are no rules"),
    ],
};

fn run(_: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    match read(&context.root)? {
        Some(sudoers) => Ok(observe(&sudoers, context.now)),
        None => Err(Unseen::not_applicable(format!("sudo is not set up: {FILE} does not exist"))),
    }
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    [FILE, "/etc/sudoers.d"].map(|place| Watch::Path(PathBuf::from(place))).into()
}

/// All that sudoers says.
#[derive(Debug, Default)]
pub(super) struct Sudoers {
    defaults: Vec<(Option<String>, Vec<Setting>)>,
    aliases: BTreeMap<String, Vec<Member>>,
    grants: Vec<Grant>,
    malformed: usize,
}

/// Reads sudoers below a root; none when there is none.
pub(super) fn read(root: &Path) -> Result<Option<Sudoers>, Unseen> {
    Ok(lines::read(root, FILE)?.map(|lines| Sudoers::parse(&lines)))
}

/// What one file without includes comes to.
pub(super) fn observe_bytes(bytes: &[u8]) -> Observation {
    let lines = lines::logical(&String::from_utf8_lossy(bytes));
    observe(&Sudoers::parse(&lines), Time::from_unix_millis(0))
}

impl Sudoers {
    fn parse(lines: &[String]) -> Self {
        let mut sudoers = Self::default();
        for line in lines {
            match grammar::parse(line) {
                Some(Line::Defaults { scope, settings }) => sudoers.defaults.push((scope, settings)),
                Some(Line::Users(aliases)) => sudoers.aliases.extend(aliases),
                Some(Line::Alias) => {}
                Some(Line::Grants(grants)) => sudoers.grants.extend(grants),
                None => sudoers.malformed += 1,
            }
        }
        sudoers
    }

    /// The grants that are any: not to root alone, and not of what may not be run.
    fn granted(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(|grant| !grant.negated && !self.holders_of(grant).is_empty())
    }

    /// Who holds a grant, aliases resolved, without root.
    fn holders_of(&self, grant: &Grant) -> BTreeSet<String> {
        let mut holders = BTreeSet::new();
        self.resolve(&grant.users, &mut holders, &mut BTreeSet::new());
        holders.retain(|name| name != "root" && name != "#0");
        holders
    }

    /// Who holds any grant: names, `%group`, `%:group`, `+netgroup`, `#number`, `ALL`.
    pub(super) fn holders(&self) -> BTreeSet<String> {
        self.granted().flat_map(|grant| self.holders_of(grant)).collect()
    }

    /// An alias is followed once, so that aliases of one another end.
    fn resolve<'a>(&'a self, members: &'a [Member], into: &mut BTreeSet<String>, followed: &mut BTreeSet<&'a str>) {
        for member in members.iter().filter(|member| !member.negated) {
            match self.aliases.get(&member.name) {
                Some(behind) if followed.insert(&member.name) => self.resolve(behind, into, followed),
                Some(_) => {}
                None => drop(into.insert(member.name.clone())),
            }
        }
    }

    /// The last setting of this name that holds for all.
    fn setting(&self, name: &str) -> Option<&Setting> {
        let mut for_all = self.defaults.iter().filter(|(scope, _)| scope.is_none()).flat_map(|(_, settings)| settings);
        for_all.rfind(|setting| setting.name == name)
    }

    fn settings<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (Option<&'a str>, &'a Setting)> {
        self.defaults.iter().flat_map(move |(scope, settings)| {
            settings.iter().filter(move |s| s.name == name).map(move |setting| (scope.as_deref(), setting))
        })
    }

    /// Whether what is on without a setting is off for some; `none` is how a priority of syslog is.
    fn off_for_some(&self, name: &str) -> bool {
        let is_off = |setting: &Setting| setting.off || setting.value.as_deref() == Some("none");
        let for_all = self.setting(name).is_some_and(is_off);
        for_all || self.settings(name).any(|(scope, setting)| scope.is_some() && is_off(setting))
    }
}

fn observe(sudoers: &Sudoers, now: Time) -> Observation {
    let open = sudoers.setting("authenticate").is_some_and(|setting| setting.off);
    // Who belongs to that group is never asked.
    let exempt = sudoers.settings("exempt_group").any(|(_, setting)| setting.value.is_some());
    let scoped = sudoers.settings("authenticate").filter(|(scope, setting)| scope.is_some() && setting.off).count();
    let passwordless =
        sudoers.granted().filter(|grant| !grant.password.unwrap_or(!open)).count() + scoped + usize::from(exempt);
    let ends: Vec<i64> = sudoers.granted().filter_map(|grant| lasts(grant, now)).collect();
    let unlimited = sudoers.granted().filter(|grant| lasts(grant, now).is_none()).count();
    let on = |name: &&str| !sudoers.off_for_some(name);
    let recorded = ["syslog", "syslog_goodpri", "syslog_badpri"].iter().all(on) || logs_to_file(sudoers);
    let logs = recorded && ["log_allowed", "log_denied"].iter().all(on);
    let mut seen = Observation::new()
        .with("authenticates", passwordless == 0)
        .with("passwordless_count", count(passwordless))
        .with("unlimited_count", count(unlimited))
        .with("longest_grant_seconds", ends.into_iter().max().unwrap_or(0))
        .with("logs", logs)
        .with("holders", sudoers.holders().into_iter().collect::<Vec<_>>())
        .with("malformed_lines", count(sudoers.malformed));
    if let Some(setting) = sudoers.setting("use_pty") {
        let off = setting.off || sudoers.off_for_some("use_pty");
        seen.set("uses_pty", !off);
    }
    if let Some(seconds) = remembered(sudoers) {
        seen.set("timestamp_seconds", seconds);
    }
    seen
}

fn logs_to_file(sudoers: &Sudoers) -> bool {
    sudoers.setting("logfile").is_some_and(|setting| !setting.off) && !sudoers.off_for_some("logfile")
}

/// For how long a grant lasts from its beginning, or from now; none without an end. One that cannot be read has none.
fn lasts(grant: &Grant, now: Time) -> Option<i64> {
    let end = moment(grant.not_after.as_deref()?)?;
    let begin = grant.not_before.as_deref().and_then(moment).unwrap_or(now);
    Some(end.millis_since(begin).max(0) / 1000)
}

/// `yyyymmddHH[MM[SS]]` with `Z` or an offset (RFC 4517, generalised time). Without one it is the machine's own time, of
/// which this reads the digits as UTC: off by hours at most.
fn moment(text: &str) -> Option<Time> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (stamp, zone) = text.split_at(digits);
    let part = |from: usize| stamp.get(from..from + 2).unwrap_or("00");
    if !matches!(digits, 10 | 12 | 14) {
        return None;
    }
    let (date, hour) = (format!("{}-{}-{}", &stamp[..4], part(4), part(6)), part(8));
    let time: Time = format!("{date}T{hour}:{}:{}Z", part(10), part(12)).parse().ok()?;
    let zone = zone.trim_start_matches(|c: char| c == '.' || c == ',' || c.is_ascii_digit());
    match zone.as_bytes() {
        [] | b"Z" => Some(time),
        [sign @ (b'+' | b'-'), offset @ ..] if matches!(offset.len(), 2 | 4) => {
            let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok();
            let minutes = number(&offset[..2])? * 60 + number(offset.get(2..4).unwrap_or(b"0"))?;
            let millis = minutes * 60_000;
            Some(time.plus_millis(if *sign == b'+' { -millis } else { millis }))
        }
        _ => None,
    }
}

/// For how long a password is remembered: the longest that any line sets, negative for ever.
fn remembered(sudoers: &Sudoers) -> Option<i64> {
    // Minutes with a fraction.
    let seconds = |setting: &Setting| match setting.off {
        true => Some(0),
        false => {
            let minutes: f64 = setting.value.as_deref()?.parse().ok()?;
            #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
            (minutes.abs() < 1e9).then(|| if minutes < 0.0 { -1 } else { (minutes * 60.0).ceil() as i64 })
        }
    };
    let for_all = seconds(sudoers.setting("timestamp_timeout")?)?;
    let scoped = sudoers.settings("timestamp_timeout").filter(|(scope, _)| scope.is_some());
    let all: Vec<i64> = scoped.filter_map(|(_, setting)| seconds(setting)).chain([for_all]).collect();
    all.iter().find(|seconds| **seconds < 0).or_else(|| all.iter().max()).copied()
}

#[cfg(test)]
mod tests;
