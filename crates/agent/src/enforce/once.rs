//! One full scan: `--once` heals what it finds, `--plan` only says what it would do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde::Serialize;
use writ_evidence::id::IncidentId;
use writ_policy::declared::Severity;
use writ_policy::outcome::Outcome;
use writ_policy::settings::Review;
use writ_trust::text::one_line;

use super::engine::Engine;
use super::incident::By;
use super::preview::{Choices, Foreseen, Held};
use super::scan::exception;
use super::state::incident_key;

/// How long `--once` waits for a switch that it started or found.
const SWITCH_AT_MOST: Duration = Duration::from_secs(20 * 60);

/// What one scan came to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The release that is obeyed, `<epoch>-<serial>`.
    pub release: Option<String>,
    /// The release whose policy is enforced, when it is another.
    pub policy_of: Option<String>,
    /// With `--plan`: what would be taken up.
    pub would_adopt: Option<String>,
    /// What was refused, one line each.
    pub refused: Vec<String>,
    /// Every check.
    pub checks: Vec<Line>,
    /// How long the scan took, in milliseconds.
    pub took_ms: u64,
}

/// What one check came to.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its id.
    pub check: String,
    /// Its title.
    pub title: String,
    /// Its severity.
    pub severity: Severity,
    /// The outcome, after healing.
    pub outcome: Outcome,
    /// Why it is not `pass`.
    pub reasons: Vec<String>,
    /// The exception that lifts it.
    pub exception: Option<String>,
    /// An incident that was opened and closed by this scan.
    pub healed: Option<IncidentId>,
    /// An incident that is open.
    pub open: Option<IncidentId>,
    /// With `--plan`: what would be done about it.
    #[serde(flatten)]
    pub foreseen: Foreseen,
}

impl Report {
    /// Whether every check that counts holds; not applicable and excepted ones do not count, what could not be assessed
    /// does.
    pub fn all_hold(&self) -> bool {
        let counts = |line: &&Line| line.exception.is_none() && line.outcome != Outcome::NotApplicable;
        self.checks.iter().filter(counts).all(|line| line.outcome.holds())
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let release = self.release.as_deref().unwrap_or("none");
        let _ = writeln!(out, "release {release}, {} checks, {} ms", self.checks.len(), self.took_ms);
        if let Some(policy) = &self.policy_of {
            let _ = writeln!(out, "the policy enforced is that of release {policy}");
        }
        if let Some(would) = &self.would_adopt {
            let _ = writeln!(out, "{would}");
        }
        for refused in &self.refused {
            let _ = writeln!(out, "refused: {refused}");
        }
        let width = self.checks.iter().map(|line| line.check.len()).max().unwrap_or(0);
        for line in &self.checks {
            let note = match (&line.exception, line.healed, line.open) {
                (Some(exception), ..) => format!("  excepted by {exception}"),
                (_, Some(id), _) => format!("  healed, {id}"),
                (.., Some(id)) => format!("  open, {id}"),
                _ => String::new(),
            };
            let _ = writeln!(out, "{:<14}  {:<width$}  {}{note}", line.outcome.as_str(), line.check, line.title);
            if line.outcome != Outcome::Pass {
                for reason in &line.reasons {
                    let _ = writeln!(out, "{:<14}  {:<width$}    {}", "", "", one_line(reason));
                }
            }
            for told in foreseen(&line.foreseen) {
                let _ = writeln!(out, "{:<14}  {:<width$}    {told}", "", "");
            }
        }
        out
    }
}

/// Scans once, heals what it may, and gives the report.
pub fn run(mut engine: Engine) -> Report {
    engine.start(true);
    engine.reconcile_tickets();
    let refused_before = engine.state.refusals.len();
    engine.poll_releases();
    wait_for_switch(&mut engine);
    engine.lay_out_asks();
    let began = Instant::now();
    let opened_before = engine.state.incident_number;
    let checks: Vec<String> = engine.policy().map(|p| p.checks.keys().cloned().collect()).unwrap_or_default();
    for check in &checks {
        engine.check(check);
    }
    wait_for_plans(&mut engine);
    for _ in 0..16 {
        engine.check_again();
    }
    engine.tick();
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut report = report(&engine, took_ms);
    let healed = |engine: &Engine, check: &str| {
        engine.healed.iter().rev().find(|(c, id)| c == check && id.number > opened_before).map(|(_, id)| *id)
    };
    for line in &mut report.checks {
        line.healed = healed(&engine, &line.check);
    }
    report.refused =
        engine.state.refusals.iter().skip(refused_before).map(|r| format!("{} (rule {})", r.what, r.rule)).collect();
    while engine.keep_house() {}
    engine.beat();
    engine.write_status();
    engine.stop();
    report
}

/// Looks once and says what would be done. Changes nothing and writes nothing.
pub fn plan(mut engine: Engine) -> Report {
    let (refused, would_adopt) = engine.preview_releases();
    engine.recall_daemon(would_adopt.is_some());
    let (began, mut foreseen) = (Instant::now(), BTreeMap::new());
    let checks: Vec<String> = engine.policy().map(|p| p.checks.keys().cloned().collect()).unwrap_or_default();
    for check in checks {
        if let Some(scan) = engine.scan(&check) {
            engine.book.take(&check, &scan.run);
            foreseen.insert(check.clone(), engine.foresee(&check, &scan));
            engine.state.outcomes.insert(check, scan.run.outcome);
        }
    }
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut report = report(&engine, took_ms);
    for line in &mut report.checks {
        line.foreseen = foreseen.remove(&line.check).unwrap_or_default();
    }
    report.refused = refused;
    report.would_adopt = would_adopt;
    report
}

/// What would be done about one check, in lines for people.
fn foreseen(foreseen: &Foreseen) -> Vec<String> {
    let Foreseen { would_run, would_escalate, would_plan, would_tell, held } = foreseen;
    let mut lines: Vec<String> = would_tell.iter().map(|why| format!("people would be told at once: {why}")).collect();
    lines.extend(held.as_ref().map(|Held { why, until }| {
        let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
        format!("nothing would be done now: {why}{until}")
    }));
    lines.extend(would_escalate.as_ref().map(|people| format!("would go to people: {}", people.why)));
    if let Some(planned) = would_run {
        let window = planned.window.as_ref().map(|opens| format!(", in the maintenance window: {opens}"));
        let by = By::of(&planned.rule);
        lines.push(format!("would run {} of {by}{}:", planned.runbook, window.unwrap_or_default()));
        lines.extend(planned.steps.iter().map(|step| format!("  {step}")));
        if !planned.lacks.is_empty() {
            lines.push(format!("  it would fail: the closure names no program {}", planned.lacks.join(", ")));
        }
    }
    if let Some(Choices { runbooks, review }) = would_plan {
        let among = runbooks.join(", ");
        let looks = match review {
            Review::Before => "it would be proposed to people, and not run",
            Review::After => "people look at it after it ran",
            Review::Never => "it would run",
        };
        let when = if would_run.is_some() { "if that does not help, a" } else { "a" };
        lines.push(format!("{when} planner would choose among {among}; {looks}"));
    }
    lines
}

fn report(engine: &Engine, took_ms: u64) -> Report {
    let running = engine.running.as_ref();
    let release = running.map(|r| r.generation.point());
    let policy_of = running.and_then(|r| r.policy.as_ref()).map(|(point, _)| *point);
    let line = |(id, check): (&String, &writ_policy::check::Check)| {
        let last = engine.book.last(id);
        let open = engine.state.incidents.get(&incident_key(id, &check.target)).map(|i| i.id);
        Line {
            check: id.clone(),
            title: check.title.clone(),
            severity: check.severity,
            outcome: last.map_or(Outcome::NotAssessable, |seen| seen.outcome),
            reasons: last.map_or_else(|| vec!["it did not run".to_owned()], |seen| seen.reasons.clone()),
            exception: engine.policy().and_then(|policy| exception(policy, id, engine.clock.now())),
            healed: None,
            open,
            foreseen: Foreseen::default(),
        }
    };
    Report {
        release: release.map(|point| point.to_string()),
        policy_of: policy_of.filter(|point| Some(*point) != release).map(|point| point.to_string()),
        would_adopt: None,
        refused: Vec::new(),
        checks: engine.policy().map(|p| p.checks.iter().map(line).collect()).unwrap_or_default(),
        took_ms,
    }
}

/// Whoever is to choose answers, or does not, within the time that an answer is waited for.
fn wait_for_plans(engine: &mut Engine) {
    while engine.is_planning() {
        std::thread::sleep(Duration::from_millis(20));
        engine.tend_plans();
        engine.check_again();
    }
}

/// A switch that is under way decides which policy is scanned by: wait for its end, or until it rests.
fn wait_for_switch(engine: &mut Engine) {
    let deadline = Instant::now() + SWITCH_AT_MOST;
    while engine.switch_under_way() && !engine.switch_rests() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
        engine.poll_switch();
    }
}
