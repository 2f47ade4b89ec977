//! Finding and telling.

use writ_audit::Period;
use writ_audit::query::{Filter, query};
use writ_audit::show::find;
use writ_audit::story;
use writ_evidence::Kind;
use writ_evidence::records::{PlanRecord, Transcript};
use writ_policy::observation::Value;
use writ_trust::digest::Digest;

use crate::world::*;

#[test]
fn questions_are_answered() {
    let world = World::day();
    let ask = |filter: Filter| {
        let (rows, report) = query(&world.archive(), &filter);
        assert!(report.ok);
        rows
    };
    assert_eq!(ask(Filter::default()).len(), 28);
    let incident = ask(Filter { control: Some("164.312(c)(1)".into()), ..Filter::default() });
    assert_eq!(incident.len(), 2);
    let closed =
        ask(Filter { kinds: vec![Kind::IncidentClosed], resolution: vec!["auto".into()], ..Filter::default() });
    assert_eq!((closed[0].mttr_seconds, closed[0].sla_met), (Some(43), Some(true)));
    assert!(closed[0].summary.contains("was resolved by the appliance (L1)"));
    assert!(ask(Filter { sla_missed: true, ..Filter::default() }).is_empty());
    assert_eq!(ask(Filter { event_type: Some("file_drift".into()), ..Filter::default() }).len(), 2);
    assert_eq!(ask(Filter { check: Some("file.motd".into()), ..Filter::default() }).len(), 2);
    assert!(ask(Filter { appliance: Some("back-office".parse().unwrap()), ..Filter::default() }).is_empty());
    let id = closed[0].incident_id;
    assert_eq!(ask(Filter { incident: id, ..Filter::default() }).len(), 2);
    assert!(ask(Filter { incident: Some("INC-20200101-0001".parse().unwrap()), ..Filter::default() }).is_empty());
    let told = ask(Filter { text: Some("FILE.RESTORE: done".into()), ..Filter::default() });
    assert_eq!((told.len(), told[0].kind), (1, Kind::IncidentClosed));
    assert!(ask(Filter { text: Some("nothing of the sort".into()), ..Filter::default() }).is_empty());
    let period = Some(Period::parse("2026-11-23T07:00:00Z..2026-11-23T08:00:00Z", morning()).unwrap());
    assert_eq!(ask(Filter { period, ..Filter::default() }).len(), 4);
}

#[test]
fn one_bundle_is_found_and_told() {
    let world = World::day();
    let (found, _) = find(&world.archive(), "EB-20261123-0004".parse().unwrap(), None);
    let told = story::tell(&found[0].bundle).join(" ");
    for part in [
        "Rule L1-FILE-001 ran runbook RB-FILE-001 version 1.0.",
        "Step 1, restore: file.restore: done in 3 ms.",
        "file.motd passes.",
        "43 s after it was detected, within the 1 h that the site allows itself.",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(found[0].signature.starts_with("untrusted comment: "));
    // What does not verify is not shown.
    std::fs::write(world.file(4), "{}").unwrap();
    let (found, report) = find(&world.archive(), "EB-20261123-0004".parse().unwrap(), None);
    assert!(found.is_empty() && !report.ok);
}

/// A plan of several runbooks: those that a plan may name are among what may have run, others are not; and what a model was asked
/// for it is told by its name and its cost.
#[test]
fn plans_of_several_runbooks_and_what_models_cost_are_told() {
    let policy = policy_json(|policy| {
        let mut more = policy["runbooks"]["RB-FILE-001"].clone();
        more["steps"][0]["id"] = "again".into();
        policy["runbooks"]["RB-FILE-002"] = more.clone();
        more["steps"][0]["id"] = "foreign".into();
        more["verify"] = serde_json::json!(["file.tls"]);
        policy["runbooks"]["RB-TLS-001"] = more;
    });
    let world = |first: &str| {
        let mut world = World::empty();
        world.release(1, &policy, |_| {});
        world.started(morning());
        let (detected, end) = (morning().plus_millis(MINUTE), morning().plus_millis(2 * MINUTE));
        let opened = world.open("file.motd", detected);
        let mut plan = world.draft(Kind::Plan);
        plan.plan = Some(PlanRecord {
            incident_id: world.sealed[opened.1].bundle.incident.as_ref().unwrap().incident_id,
            planner: "writ-planner/0.1.0".into(),
            runbooks: vec![first.into(), "RB-FILE-001".into()],
            allowed: true,
            reason: "they are run, one after the other until the check holds".into(),
            transcript: Some(Transcript {
                model: "small:8b".into(),
                prompt: Digest::of(b"prompt"),
                asked: "why".into(),
                answered: "{}".into(),
                outcome: "chosen".into(),
                input_tokens: Some(900),
                output_tokens: None,
                cost_microdollars: 1_230,
                took_ms: 800,
            }),
        });
        world.seal(plan, detected);
        let runbook = &world.policy.as_ref().unwrap().runbooks[first];
        let hash = writ_evidence::incident::step_hash(&runbook.steps[0]);
        let mut closing = world.closing("file.motd", opened, detected, end);
        let mut before = closing.actions_taken[0].clone();
        before.script_hash = hash;
        closing.actions_taken.insert(0, before);
        closing.actions_taken[1].step = 2;
        let planned = Value::List(vec![format!("{first} did not help"), "RB-FILE-001 helped".into()]);
        let details = &mut closing.incident.as_mut().unwrap().details;
        details.extend([("planned".to_owned(), planned), ("model_calls".to_owned(), Value::Int(1))]);
        details.insert("model_microdollars".to_owned(), Value::Int(1_230));
        world.seal(closing, end);
        world
    };
    let good = world("RB-FILE-002");
    assert!(good.verify().ok, "{:?}", good.verify().problems);
    let told: Vec<String> = good.sealed.iter().flat_map(|sealed| story::tell(&sealed.bundle)).collect();
    let told = told.join(" ");
    for part in [
        "writ-planner/0.1.0 chose RB-FILE-002, RB-FILE-001 for ",
        "The model small:8b was asked (chosen): 900 tokens of question, an unknown number of tokens of answer, $0.00123",
        "Of what was planned, RB-FILE-002 did not help, RB-FILE-001 helped.",
        "A language model was asked once for it, for $0.00123.",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let bad = world("RB-TLS-001").verify();
    assert!(!bad.ok, "nobody could have planned that");
}
