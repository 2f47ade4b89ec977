//! `systemd_timer`: a job that a timer starts, by the properties of the timer and of the unit that it starts
//! (org.freedesktop.systemd1(5)). Failures in a row are counted from one look to the next: after a start of the enforcer
//! a run that failed is the first.

use std::collections::BTreeMap;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_trust::time::Time;

use super::systemd_unit::{ACTIVE_STATES, LOAD_STATES, SYSTEMD};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, required};
use crate::dbus::{self, BusError, TimerState};

/// How many timers are remembered.
const MOST_TIMERS: usize = 200;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "systemd_timer",
    about: "a job that a timer starts",
    parameters: &[required("unit", Kind::Text, "the timer, for instance \"writ-backup.timer\"")],
    observation: &[
        field("load_state", Kind::Text, "whether its configuration could be read").known(LOAD_STATES, SYSTEMD),
        field("active_state", Kind::Text, "whether it is started").known(ACTIVE_STATES, SYSTEMD),
        field("service", Kind::Text, "the unit that it starts"),
        field("last_trigger_age_seconds", Kind::Int, "time since it last started it; absent before the first time"),
        field("next_trigger_in_seconds", Kind::Int, "time until it starts it next; absent when it never will"),
        field("last_result", Kind::Text, "how that ended, for instance success, exit-code or timeout"),
        field("last_duration_seconds", Kind::Int, "how long it took"),
        field("consecutive_failure_count", Kind::Int, "runs in a row that failed; 0 after one that succeeded"),
    ],
};

/// The last run of each timer's job that was seen, and how many in a row had failed by then.
#[derive(Debug, Default)]
pub struct TimerHistory {
    runs: BTreeMap<String, (u64, i64)>,
}

impl TimerHistory {
    /// How many runs in a row have failed, this one included.
    fn failures(&mut self, timer: &str, ended_at: u64, failed: bool) -> i64 {
        let last = self.runs.get(timer).copied();
        let failures = match last {
            _ if !failed => 0,
            Some((at, failures)) if at == ended_at => failures.max(1),
            Some((_, failures)) => failures.saturating_add(1),
            None => 1,
        };
        if last.is_some() || self.runs.len() < MOST_TIMERS {
            self.runs.insert(timer.to_owned(), (ended_at, failures));
        }
        failures
    }
}

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let timer = timer(parameters)?;
    let state = context.bus.timer_state(&timer).map_err(|e| match e {
        BusError::NoSystemd => Unseen::NotApplicable(e.to_string()),
        other => Unseen::failed(&timer, other),
    })?;
    Ok(observe(&timer, state, context))
}

fn observe(timer: &str, state: TimerState, context: &mut ProbeContext) -> Observation {
    let now = context.now;
    let failed = !state.result.is_empty() && state.result != "success";
    let failures = context.timers.failures(timer, state.ended_at_us, failed);
    let mut seen = Observation::new()
        .with("load_state", state.load_state)
        .with("active_state", state.active_state)
        .with("service", state.service)
        .with("consecutive_failure_count", failures);
    if let Some(at) = moment(state.last_trigger_us) {
        seen.set("last_trigger_age_seconds", now.millis_since(at).max(0) / 1000);
    }
    if let Some(at) = moment(state.next_elapse_us) {
        seen.set("next_trigger_in_seconds", at.millis_since(now).max(0) / 1000);
    }
    if state.began_at_us > 0 {
        seen.set("last_result", state.result);
    }
    if let Some(took) = state.ended_at_us.checked_sub(state.began_at_us).filter(|_| state.began_at_us > 0) {
        seen.set("last_duration_seconds", super::integer(took / 1_000_000));
    }
    seen
}

/// A time in microseconds since 1970; 0 and the largest number are systemd's words for never.
fn moment(microseconds: u64) -> Option<Time> {
    (microseconds > 0 && microseconds < u64::MAX)
        .then(|| Time::from_unix_millis(i64::try_from(microseconds / 1000).unwrap_or(i64::MAX)))
}

fn timer(parameters: &Parameters) -> Result<String, Unseen> {
    let name = parameters.text("unit")?;
    let full = if name.ends_with(".timer") { name.to_owned() } else { format!("{name}.timer") };
    dbus::unit_name(&full).map_err(|e| Unseen::failed("parameter unit", e))
}

fn watch(parameters: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    timer(parameters).ok().into_iter().map(Watch::Unit).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn state(ended_at_us: u64, result: &str) -> TimerState {
        TimerState {
            load_state: "loaded".into(),
            active_state: "active".into(),
            service: "writ-backup.service".into(),
            last_trigger_us: ended_at_us.saturating_sub(60_000_000),
            next_elapse_us: u64::MAX,
            began_at_us: ended_at_us.saturating_sub(60_000_000),
            ended_at_us,
            result: result.into(),
        }
    }

    #[test]
    fn failures_in_a_row_are_counted_by_run() {
        let now: Time = "2026-11-27T12:00:00Z".parse().unwrap();
        let mut context = ProbeContext::new(now, Instant::now(), "/nowhere".into(), None);
        let at = u64::try_from(now.unix_millis()).unwrap() * 1000 - 3_600_000_000;
        let mut look = |ended, result: &str| {
            let seen = observe("writ-backup.timer", state(ended, result), &mut context);
            assert_eq!(SCHEMA.unpromised(&seen), []);
            seen
        };
        let first = look(at, "exit-code");
        assert_eq!(first.get("consecutive_failure_count"), Some(&1.into()));
        assert_eq!(first.get("last_duration_seconds"), Some(&60.into()));
        assert_eq!(first.get("last_trigger_age_seconds"), Some(&3_660.into()));
        assert_eq!(first.get("next_trigger_in_seconds"), None);
        let failures = |seen: &Observation| seen.get("consecutive_failure_count").cloned();
        assert_eq!(failures(&look(at, "exit-code")), Some(1.into()), "the same run");
        assert_eq!(failures(&look(at + 1, "timeout")), Some(2.into()));
        assert_eq!(failures(&look(at + 2, "success")), Some(0.into()));
        assert_eq!(failures(&look(at + 3, "signal")), Some(1.into()));
        let never = look(0, "success");
        assert_eq!((never.get("last_result"), never.get("last_duration_seconds")), (None, None));
        assert_eq!(never.get("last_trigger_age_seconds"), None);
    }
}
