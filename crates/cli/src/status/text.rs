//! The report for people at a terminal: what matters first, one screen for a well appliance.

use std::collections::BTreeMap;

use anstyle::Style;
use writ_audit::words::{lasting, lasting_millis, of, when};
use writ_trust::time::Time;

use super::lines::Lines;
use super::report::{Cause, Control, Outcome, Queue, Receipts, Report, Standing, State, Story, Verdict};
use crate::doctor::appliance::MOST_AHEAD;
use crate::screen::{BOLD, DIM, GREEN, RED, YELLOW};

/// From how many on causes and controls are grouped by their family.
const GROUPED_FROM: usize = 10;
/// How many names a group tells.
const NAMED: usize = 4;
/// How many open incidents are told in full.
const OPEN_TOLD: usize = 3;
/// How many closed incidents have a line.
const CLOSED_TOLD: usize = 5;

/// Every outcome of checks, in the order in which they are counted.
pub const OUTCOMES: [Outcome; 7] = [
    Outcome::Fail,
    Outcome::NotAssessable,
    Outcome::NotRunYet,
    Outcome::Warn,
    Outcome::Pass,
    Outcome::NotApplicable,
    Outcome::NotObserved,
];

/// The report, in lines no wider than `width` where words allow it.
pub fn lines(report: &Report, width: usize) -> Lines {
    let mut lines = Lines::new(width);
    let title = report.title.as_deref().unwrap_or("no policy");
    let head = format!("{}/{}", report.site, report.appliance);
    lines.put((BOLD, &head), &format!("{title}, {}", when(report.at)));
    let (style, text) = verdict(report);
    lines.put((style, &text), "");
    causes(&mut lines, (RED, "✗"), report.needs().collect());
    causes(&mut lines, (YELLOW, "·"), report.in_hand().collect());
    lines.blank();
    facts(&mut lines, report);
    lines.blank();
    controls(&mut lines, report);
    incidents(&mut lines, report);
    lines
}

/// The whole in one line, without times: where it becomes another, something has changed.
pub fn summary(report: &Report) -> String {
    let names = |causes: Vec<&Cause>| {
        let mut names: Vec<String> =
            causes.iter().take(NAMED).map(|cause| format!("{} [{}]", cause.subject, cause.code)).collect();
        names.extend(causes.len().checked_sub(NAMED + 1).map(|more| format!("{} more", more + 1)));
        names.join(", ")
    };
    let (needs, in_hand) = (report.needs().count(), report.in_hand().count());
    let mut parts = vec![verdict(report).1];
    if needs > 0 {
        parts.push(names(report.needs().collect()));
    }
    if in_hand > 0 {
        parts.push(format!("in hand: {}", names(report.in_hand().collect())));
    }
    parts.push(report.release.as_ref().map_or("no release".to_owned(), |release| format!("release {}", release.point)));
    if let Some(switch) = &report.switch {
        parts.push(format!("switch to {}: {}", switch.release, switch.state));
    }
    let (fails, open) = (report.checks_that(Outcome::Fail), report.incidents.open.len());
    parts.push(format!(
        "{fails} of {} fail, {} open",
        of(report.checks.len() as u64, "check"),
        of(open as u64, "incident")
    ));
    parts.join("; ")
}

fn verdict(report: &Report) -> (Style, String) {
    let in_hand = report.in_hand().count() as u64;
    match report.state {
        State::Well => (GREEN, "well: nothing needs anybody".to_owned()),
        State::InHand => (YELLOW, format!("in hand: {}, and nothing needs a person now", of(in_hand, "thing"))),
        State::NeedsPerson => {
            let needs = report.needs().count();
            let verb = if needs == 1 { "needs" } else { "need" };
            (RED, format!("{} {verb} a person", of(needs as u64, "thing")))
        }
    }
}

fn causes(lines: &mut Lines, mark: (Style, &str), causes: Vec<&Cause>) {
    let mut groups: BTreeMap<(&str, &str), Vec<&Cause>> = BTreeMap::new();
    let grouped = causes.len() > GROUPED_FROM;
    for cause in &causes {
        let family = if grouped { family_of_check(&cause.subject) } else { &cause.subject };
        groups.entry((family, &cause.code)).or_default().push(cause);
    }
    // In the order in which doctor has them: the first of each group leads.
    let mut in_order: Vec<_> = groups.into_iter().collect();
    let place = |group: &[&Cause]| causes.iter().position(|cause| std::ptr::eq(*cause, group[0]));
    in_order.sort_by_key(|(_, group)| place(group));
    for ((family, code), group) in in_order {
        match &group[..] {
            [cause] => {
                lines.item(mark, &cause.subject, &format!("{} [{code}]", cause.what));
                lines.under("do:", &cause.next);
            }
            group => {
                let names = named(group.iter().map(|cause| cause.subject.as_str()));
                lines.item(
                    mark,
                    &format!("{family}.*"),
                    &format!("{}: {names} [{code}]", of(group.len() as u64, "check")),
                );
                lines.under("do:", &format!("`writ doctor` names each; the first: {}", group[0].next));
            }
        }
    }
}

/// Names, of which the first are told.
fn named<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut told: Vec<String> = names.take(NAMED).map(str::to_owned).collect();
    told.extend((more > 0).then(|| format!("{more} more")));
    told.join(", ")
}

/// `backup` of `backup.recent`.
fn family_of_check(check: &str) -> &str {
    check.split('.').next().unwrap_or(check)
}

/// `164.308` of `164.308(a)(1)`.
pub fn family_of_control(control: &str) -> &str {
    control.split('(').next().unwrap_or(control)
}

fn facts(lines: &mut Lines, report: &Report) {
    lines.row("release", &release(report));
    lines.row("enforcer", &enforcer(report));
    lines.row("courier", &courier(report));
    if report.switch.is_some() {
        lines.row("switch", &switch(report));
    }
    lines.row("evidence", &format!("{}; {}", queue(&report.queue), proof(&report.receipts)));
    lines.row("clock", &clock(report));
    lines.row("pauses", &pauses(report));
    lines.row("runbooks", &runbooks(report));
}

/// The release that is obeyed.
pub fn release(report: &Report) -> String {
    let Some(release) = &report.release else { return "none is obeyed".to_owned() };
    let issued = release.issued_at.map_or_else(String::new, |at| format!(", issued {}", when(at)));
    let ends = match release.expires_at {
        None => "; its documents cannot be read back".to_owned(),
        Some(at) if release.expired => format!("; it ENDED {} and is enforced on", report.ago(at)),
        Some(at) => format!("; good until {}", when(at)),
    };
    let policy = match &release.policy_of {
        Some(point) if *point != release.point => format!("; the policy of {point} is enforced"),
        Some(_) => String::new(),
        None => "; no policy is enforced".to_owned(),
    };
    format!("{}{issued}{ends}{policy}", release.point)
}

/// The enforcer.
pub fn enforcer(report: &Report) -> String {
    let heard = report.enforcer.heard_at.map_or("never heard".to_owned(), |at| format!("heard {}", report.ago(at)));
    match (report.enforcer.runs, report.enforcer.silent) {
        (true, false) if report.enforcer.polled.is_empty() => format!("runs, {heard}"),
        (true, false) => format!("runs, {heard}; by polling only: {}", report.enforcer.polled.join("; ")),
        (true, true) => format!("runs and is SILENT, {heard}: what stands here of checks is that old"),
        (false, _) => format!("does NOT run, {heard}: what stands here of checks is that old"),
    }
}

/// The courier, and when it last reached the depot.
pub fn courier(report: &Report) -> String {
    let Some(courier) = &report.courier else { return "none: releases come as a folder".to_owned() };
    let runs = if courier.runs { "runs" } else { "does NOT run" };
    let last = |what: &str, at: Option<Time>| match at {
        Some(at) => format!("{what} {}", report.ago(at)),
        None => format!("never {what}"),
    };
    let failing = match courier.failures {
        0 => String::new(),
        n => format!("; {} in a row", of(n, "failure")),
    };
    format!(
        "{runs}, {}, {}; depot {}{failing}",
        last("checked in", courier.checked_in_at),
        last("pulled", courier.synced_at),
        courier.depot
    )
}

/// The switch that is under way.
pub fn switch(report: &Report) -> String {
    let Some(switch) = &report.switch else { return "none".to_owned() };
    let trial = if switch.on_trial { ", on trial: nothing is healed meanwhile" } else { "" };
    format!("to {}: {} since {}{trial}; {}", switch.release, switch.state, when(switch.since), switch.note)
}

/// Evidence on its way.
pub fn queue(queue: &Queue) -> String {
    let mut parts = Vec::new();
    let room = queue.undelivered_bytes.map_or_else(String::new, |bytes| format!(" ({})", size(bytes)));
    parts.push(match queue.undelivered {
        Some(0) => "everything is delivered".to_owned(),
        Some(n) => format!("{} for the depot{room}", of(n, "bundle")),
        None => format!("nobody delivers it{room}"),
    });
    if queue.refused > 0 {
        parts.push(format!("{} not taken or not readable", of(queue.refused, "bundle")));
    }
    if queue.not_in_outbox > 0 {
        parts.push(format!("{} not in the outbox yet", of(queue.not_in_outbox, "bundle")));
    }
    if queue.over_budget_bytes > 0 {
        parts.push(format!("{} OVER the outbox's budget", size(queue.over_budget_bytes)));
    }
    if let Some(trouble) = &queue.disk_trouble {
        parts.push(format!("the disk takes none: {trouble}"));
    }
    parts.join("; ")
}

/// What receipts prove.
pub fn proof(receipts: &Receipts) -> String {
    match (&receipts.proven[..], receipts.newest) {
        (_, None) => "none was written yet".to_owned(),
        ([], Some(newest)) => format!("no receipts here, the newest bundle is number {newest}"),
        ([.., (first, last)], Some(newest)) => {
            let gaps = if receipts.proven.len() > 1 { ", with gaps before" } else { "" };
            format!("receipts for {first} to {last} of {newest}{gaps}")
        }
    }
}

/// The clock.
pub fn clock(report: &Report) -> String {
    let clock = &report.clock;
    let offset = match clock.offset_ms {
        None => "nobody has compared it with the depot's".to_owned(),
        Some(0) => "the same as the depot's".to_owned(),
        Some(ms) => {
            let way = if ms > 0 { "behind" } else { "ahead of" };
            format!("{} {way} the depot's", lasting_millis(ms.unsigned_abs()))
        }
    };
    let signed = match clock.behind_signed_ms {
        0 => String::new(),
        ms => format!("; {} BEHIND a time that people signed", lasting_millis(ms.unsigned_abs())),
    };
    let zone = clock.time_zone.as_deref().map_or_else(String::new, |zone| format!("; the site is in {zone}"));
    format!("{offset}{signed}; times here are UTC{zone}")
}

/// Healing that people suspended.
pub fn pauses(report: &Report) -> String {
    if report.pauses.is_empty() {
        return "none".to_owned();
    }
    let one = |pause: &super::report::Pause| {
        let checks = if pause.checks.is_empty() { "every check".to_owned() } else { pause.checks.join(", ") };
        format!("{checks} until {}, by {} with {}: {}", when(pause.until), pause.by, pause.reference, pause.reason)
    };
    report.pauses.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Runbooks that run or wait.
pub fn runbooks(report: &Report) -> String {
    let all = |what: &str, asked: &[super::report::Asked]| match asked.is_empty() {
        true => None,
        false => {
            let each: Vec<String> = asked.iter().map(|one| format!("{} for {}", one.rule, one.check)).collect();
            Some(format!("{what}: {}", each.join(", ")))
        }
    };
    let parts = [all("running", &report.runbooks.running), all("in line", &report.runbooks.waiting)];
    let told: Vec<String> = parts.into_iter().flatten().collect();
    if told.is_empty() { "none runs".to_owned() } else { told.join("; ") }
}

fn controls(lines: &mut Lines, report: &Report) {
    let counted = Verdict::ALL.iter().map(|verdict| (report.controls_that(*verdict), *verdict)).filter(|(n, _)| *n > 0);
    let counted: Vec<String> = counted.map(|(n, verdict)| format!("{n} {verdict}")).collect();
    let text = match counted.is_empty() {
        true => "none are known".to_owned(),
        false => format!("of {}: {}", report.controls.len(), counted.join(", ")),
    };
    lines.row("controls", &text);
    for verdict in [Verdict::Failed, Verdict::NotLookedAt, Verdict::NotAssessable] {
        let these: Vec<&Control> = report.controls.iter().filter(|control| control.verdict == verdict).collect();
        if verdict != Verdict::Failed || these.len() > GROUPED_FROM {
            for (family, group) in grouped(&these) {
                let names = named(group.iter().map(|control| control.id.as_str()));
                lines.item((YELLOW, "·"), &format!("{family}: {} {verdict}", group.len()), &names);
            }
            continue;
        }
        for control in these {
            let why = named(control.not_holding.iter().map(String::as_str));
            lines.item((RED, "✗"), &control.id, &format!("{}: {verdict} ({why})", control.title));
        }
    }
    let counted = OUTCOMES.map(|outcome| (report.checks_that(outcome), outcome)).into_iter().filter(|(n, _)| *n > 0);
    let counted: Vec<String> = counted.map(|(n, outcome)| format!("{n} {}", counted_as(outcome))).collect();
    if !counted.is_empty() {
        lines.row("checks", &format!("of {}: {}", report.checks.len(), counted.join(", ")));
    }
}

/// What several checks came to.
pub fn counted_as(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "hold",
        Outcome::Warn => "hold with a warning",
        Outcome::Fail => "fail",
        Outcome::NotApplicable => "do not apply",
        Outcome::NotAssessable => "cannot be judged",
        Outcome::NotRunYet => "have not run yet",
        Outcome::NotObserved => "are not observed by this version",
    }
}

fn grouped<'a>(controls: &[&'a Control]) -> BTreeMap<&'a str, Vec<&'a Control>> {
    let mut groups: BTreeMap<&str, Vec<&Control>> = BTreeMap::new();
    for control in controls {
        groups.entry(family_of_control(&control.id)).or_default().push(control);
    }
    groups
}

fn incidents(lines: &mut Lines, report: &Report) {
    let incidents = &report.incidents;
    let (open, closed) = (incidents.open.len(), incidents.closed.len());
    let last = match closed {
        0 => "none closed lately".to_owned(),
        1 => "the last one that was closed:".to_owned(),
        n => format!("the last {n} that were closed:"),
    };
    lines.row("incidents", &format!("{open} open; {last}"));
    for story in incidents.closed.iter().take(CLOSED_TOLD) {
        lines.item((DIM, "·"), &story.check, &closed_in_short(report, story));
    }
    for story in incidents.open.iter().take(OPEN_TOLD) {
        lines.blank();
        lines.put((BOLD, &format!("{} {}", story.incident_id, story.check)), story.standing.as_str());
        for sentence in &story.told {
            lines.under("", sentence);
        }
        if let Some(next) = &story.next {
            lines.under("do:", next);
        }
    }
    if open > OPEN_TOLD {
        lines.under("", &format!("{} more open: `writ status --json` tells them", open - OPEN_TOLD));
    }
    if let Some(left_out) = &incidents.left_out {
        lines.put((DIM, &format!("left out: {left_out}")), "");
    }
}

/// A closed incident in a line.
fn closed_in_short(report: &Report, story: &Story) -> String {
    let Some(closed_at) = story.closed_at else { return String::new() };
    let took = u64::try_from(closed_at.millis_since(story.detected_at)).unwrap_or(0);
    let times = match story.attempts {
        0 => " without a runbook".to_owned(),
        1 => String::new(),
        n => format!(" in {n} attempts"),
    };
    let standing = match story.standing {
        Standing::Resolved if story.attempts > 0 => "healed",
        standing => standing.as_str(),
    };
    format!("{standing}{times} after {}, {}", lasting_millis(took), report.ago(closed_at))
}

/// Bytes for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..=1023 => format!("{bytes} B"),
        1024..=1_048_575 => format!("{} KiB", bytes / 1024),
        1_048_576..=1_073_741_823 => format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20),
        _ => format!("{}.{} GiB", bytes >> 30, ((bytes % (1 << 30)) * 10) >> 30),
    }
}

impl Report {
    /// How long ago something was, for people. What lies further ahead than clocks differ was at no time that is known.
    pub fn ago(&self, then: Time) -> String {
        match then.millis_since(self.at) {
            ahead if ahead > MOST_AHEAD => format!("at a time to come ({})", when(then)),
            ahead => format!("{} ago", lasting(u64::try_from(-ahead / 1000).unwrap_or(0))),
        }
    }
}
