//! What the reviews of a month and of a quarter ask for, in figures.

use writ_audit::compare::{Comparison, compare};
use writ_audit::costs::Costs;
use writ_audit::learn::{Decisions, Figures, Library};
use writ_audit::report::openmetrics;
use writ_audit::report::terminal::{self, Look};
use writ_evidence::incident::{ResolutionStatus, ResolutionType, Tier};
use writ_policy::outcome::Outcome;
use writ_trust::time::Time;

use crate::world::*;

fn judge(world: &World, now: Time) -> Comparison {
    compare(&world.archive(), &site(), None, now).unwrap()
}

/// A day with four incidents of one check: two that the rule resolved, one of them late, one that people resolved after it, one
/// that was given up; and another that is open.
fn busy() -> World {
    let mut world = World::new();
    world.started(morning());
    let at = |minutes: i64| morning().plus_millis(minutes * MINUTE);
    let mut one = |from: i64, to: i64, tier: Tier, status: ResolutionStatus| {
        let opened = world.open("file.motd", at(from));
        let mut draft = world.closing("file.motd", opened, at(from), at(to));
        let execution = draft.execution.as_mut().unwrap();
        execution.tier = Some(tier);
        execution.attempts = 3;
        if tier == Tier::L3 {
            execution.resolution_type = ResolutionType::Manual;
        }
        if status == ResolutionStatus::Failed {
            draft.verification[0].outcome = Outcome::Fail;
            draft.verification[0].reasons = vec!["mode eq \"0644\", seen \"0666\"".to_owned()];
        }
        draft.outputs.as_mut().unwrap().resolution_status = status;
        world.seal(draft, at(to));
    };
    one(10, 12, Tier::L1, ResolutionStatus::Success);
    one(20, 200, Tier::L1, ResolutionStatus::Success);
    one(210, 214, Tier::L3, ResolutionStatus::Success);
    one(220, 226, Tier::L3, ResolutionStatus::Failed);
    world.open("file.motd", at(300));
    world
}

#[test]
fn incidents_come_to_shares_and_means() {
    let world = busy();
    let c = judge(&world, morning().plus_millis(310 * MINUTE));
    let f = &c.figures;
    assert!(c.verification.ok, "{:#?}", c.verification.problems);
    assert_eq!((f.closed, f.unresolved), (4, 1));
    assert_eq!(f.l1_percent, Some(50), "two of four");
    assert_eq!(f.mttr_seconds, Some((120 + 10_800 + 240) / 3), "of those that were resolved");
    // One was late; of the open one nothing is known yet.
    assert_eq!(f.sla_met_percent, Some(75));
    let rules: Vec<_> = f.rules.iter().map(|r| (r.rule.as_str(), r.tried, r.resolved, r.percent)).collect();
    assert_eq!(rules, [("L1-FILE-001", 4, 2, 50)]);
    let bytes = world.sealed.iter().map(|b| (b.bytes.len() + b.signature_text.len()) as u64).sum::<u64>();
    assert_eq!((f.bundles, f.bytes), (world.sealed.len() as u64, bytes));
}

#[test]
fn growth_is_told_against_the_time_before() {
    let world = busy();
    // The second half of a day against its first.
    let half = 150 * MINUTE;
    let period = writ_audit::Period { from: morning().plus_millis(half), to: morning().plus_millis(2 * half) };
    let c = compare(&world.archive(), &site(), Some(period), morning().plus_millis(3 * half)).unwrap();
    let whole = writ_audit::Period { from: morning(), to: morning().plus_millis(2 * half) };
    let all = compare(&world.archive(), &site(), Some(whole), morning().plus_millis(3 * half)).unwrap();
    assert!(c.figures.bytes > 0 && c.figures.bytes_before > 0);
    assert_eq!(c.figures.bytes + c.figures.bytes_before, all.figures.bytes);
}

#[test]
fn each_machine_has_its_score() {
    let c = judge(&World::day(), morning().plus_millis(DAY));
    let [target] = &c.figures.targets[..] else { panic!("{:?}", c.figures.targets) };
    assert_eq!((target.appliance.as_str(), target.target.as_str()), ("front-desk", "self"));
    assert!(target.of > 0 && target.met <= target.of);
    assert_eq!(target.percent, (target.met * 100).checked_div(target.of));
}

/// The figures of a comparison where nothing was learned.
fn exported(comparison: &Comparison) -> String {
    let world = World::new();
    let archive = world.archive();
    let (library, _) = Library::gather(&archive, None, &Figures::default(), &Decisions::default());
    openmetrics::text(&openmetrics::Figures { comparison, library: &library, costs: &Costs::default() })
}

#[test]
fn prometheus_is_given_what_there_is_and_nothing_else() {
    let busy = exported(&judge(&busy(), morning().plus_millis(310 * MINUTE)));
    for line in [
        "writ_audit_verified{site=\"clinic-001\"} 1\n",
        "writ_l1_resolution_percent{site=\"clinic-001\"} 50\n",
        "writ_sla_met_percent{site=\"clinic-001\"} 75\n",
        "writ_mttr_seconds{site=\"clinic-001\"} 3720\n",
        "writ_incidents_any_ended{site=\"clinic-001\"} 1\n",
        "writ_incidents_unresolved{site=\"clinic-001\"} 1\n",
        "writ_rule_success_percent{site=\"clinic-001\",rule=\"L1-FILE-001\"} 50\n",
        "writ_target_score_percent{site=\"clinic-001\",appliance=\"front-desk\",target=\"self\"} ",
        "# TYPE writ_evidence_bytes gauge\n",
    ] {
        assert!(busy.contains(line), "{line}{busy}");
    }
    assert!(busy.ends_with("# EOF\n"));
    let mut quiet = World::new();
    quiet.started(morning());
    quiet.snapshot(morning());
    let comparison = judge(&quiet, morning().plus_millis(HOUR));
    let text = exported(&comparison);
    assert!(text.contains("writ_incidents_any_ended{site=\"clinic-001\"} 0\n"), "{text}");
    for lacking in ["writ_l1_resolution_percent", "writ_mttr_seconds", "writ_rule_success_percent"] {
        assert!(!text.contains(lacking), "{lacking} of nothing: {text}");
    }
    let shown = terminal::comparison(&comparison, Look { colour: false, width: Some(120) });
    assert!(
        shown.contains("0 incidents ended, 0 unresolved; by rules -, within the SLA -, mean time to repair -"),
        "{shown}"
    );
}
