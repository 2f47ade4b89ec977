//! What the auditor of the pages was given: three days of one appliance, with a drift that it healed, one that people had to end
//! too late, a change of the baseline and an accepted risk.

use std::path::Path;

use serde_json::json;
use writ_evidence::incident::{Escalation, ResolutionType, Tier};
use writ_evidence::records::SwitchOutcome;
use writ_policy::outcome::Outcome;
use writ_scenarios::flake::copy;
use writ_trust::json as strict;
use writ_trust::time::Time;

use crate::log_world::{Log, ORIGIN, logged_root};
use crate::world::{HOUR, MINUTE, World, at, exception, policy_json};

/// The check that drifts.
const CHECK: &str = "file.motd";
/// The check whose risk somebody accepted.
const EXCEPTED: &str = "file.tls";
const FIRST: &str = "2026-11-22T06:00:00Z";
const HEALED: &str = "2026-11-23T07:30:00Z";
const RELEASED: &str = "2026-11-24T01:10:00Z";
const LATE: &str = "2026-11-24T13:10:00Z";
const ENDED: &str = "2026-11-24T15:15:00Z";
const LAST: &str = "2026-11-25T06:00:00Z";

/// Lays `audit/` and `root-you-were-given.json` into a folder.
pub fn lay(to: &Path) {
    let world = lived();
    copy(world.path(), &to.join("audit")).unwrap();
    std::fs::write(to.join("root-you-were-given.json"), strict::canonical(&world.root)).unwrap();
}

fn lived() -> World {
    let mut world = World::under(logged_root(1, &[ORIGIN]));
    let mut log = Log::new(1, ORIGIN);
    log.now = at("2026-11-25T06:05:00Z");
    world.begin_log(log);
    let risk = |policy: &mut serde_json::Value| {
        policy["exceptions"] = json!({ "EX-001": exception(EXCEPTED, "2027-01-01T00:00:00Z") });
    };
    world.release(1, &policy_json(risk), |_| {});
    world.started(at(FIRST));
    let mut opened = None;
    let mut hour = at(FIRST);
    while hour < at(LAST) {
        let end = hour.plus_millis(HOUR);
        let within = |time: &str| hour <= at(time) && at(time) < end;
        if within(HEALED) {
            let opened = world.open(CHECK, at(HEALED));
            world.close(CHECK, opened, at(HEALED), at(HEALED).plus_millis(42_500));
        }
        if within(RELEASED) {
            release(&mut world);
        }
        if within(LATE) {
            opened = Some(world.open(CHECK, at(LATE)));
        }
        if let Some(opened) = opened.take_if(|_| within(ENDED)) {
            by_people(&mut world, opened);
        }
        hour_of(&mut world, hour, end);
        hour = end;
    }
    world.snapshot(at(LAST));
    world.write_log();
    world
}

/// An hour of posture: the key that somebody accepted to be open is, and from the late drift until its end its check fails.
fn hour_of(world: &mut World, from: Time, to: Time) {
    let failing = at(LATE) < to && from < at(ENDED);
    let over = at(ENDED) < to;
    world.vector(from, to, |check, entry| {
        if check == EXCEPTED {
            (entry.outcome, entry.failed) = (Outcome::Fail, entry.runs);
            entry.reasons = vec!["mode eq \"0644\", seen \"0666\"".to_owned()];
        }
        if failing && check == CHECK {
            entry.failed = 6;
            if !over {
                entry.outcome = Outcome::Fail;
                entry.reasons = vec!["mode eq \"0644\", seen \"0666\"".to_owned()];
            }
        }
    });
}

/// The second release: audit rules are looked at every ten minutes instead of every five.
fn release(world: &mut World) {
    let policy = policy_json(|policy| {
        policy["exceptions"] = json!({ "EX-001": exception(EXCEPTED, "2027-01-01T00:00:00Z") });
        policy["checks"]["file.audit"]["every"] = json!("10m");
    });
    world.release(2, &policy, |release| release["issued_at"] = json!("2026-11-24T01:00:00Z"));
    let asked = world.release.unwrap();
    world.switched(2, SwitchOutcome::Committed, asked, at(RELEASED));
}

/// The rule did not help, and people ended it after the hour that the site allows itself.
fn by_people(world: &mut World, opened: (u64, usize)) {
    let mut draft = world.closing(CHECK, opened, at(LATE), at(ENDED));
    draft.runbook = None;
    draft.actions_taken.clear();
    let execution = draft.execution.as_mut().unwrap();
    execution.resolution_type = ResolutionType::Manual;
    execution.tier = Some(Tier::L3);
    execution.rule = None;
    execution.attempts = 0;
    execution.escalations = vec![Escalation {
        to: Tier::L3,
        at: at(LATE).plus_millis(MINUTE),
        reason: "the circuit breaker stopped the rule".to_owned(),
        notified: vec!["primary on-call: Kim Lee".to_owned()],
    }];
    world.seal(draft, at(ENDED));
}
