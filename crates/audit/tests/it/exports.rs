//! OSCAL, JUnit and SARIF of an eventful day: no reference leads nowhere unnoticed, and nothing is told as better than it is.

use proptest::prelude::*;
use serde_json::{Value, json};
use writ_audit::compare::model::{Comparison, IncidentStatus};
use writ_audit::compare::{Verdict, compare};
use writ_audit::report::oscal::plan::plan;
use writ_audit::report::oscal::poam::plan_of_action;
use writ_audit::report::oscal::references::{Ids, faults};
use writ_audit::report::oscal::results::results;
use writ_audit::report::oscal::{Document, Model};
use writ_audit::report::{junit, sarif};
use writ_trust::digest::Digest;

use crate::reports::eventful;
use crate::world::*;

fn tomorrow() -> writ_trust::time::Time {
    morning().plus_millis(DAY)
}

fn value<M: Model>(model: M) -> Value {
    serde_json::from_str(&Document::new(model).unwrap().text).unwrap()
}

/// A comparison, and the documents of it: plan, results, plan of action.
fn documents() -> (Comparison, Ids, [Value; 3]) {
    let world = eventful();
    let archive = world.archive();
    let c = compare(&archive, &site(), None, tomorrow()).unwrap();
    let report = archive.walk(&mut |_| {});
    let digests = archive.digests_of_links(&c);
    let past = archive.sites[&site()].releases.last().unwrap();
    let all = [
        value(plan(&archive, past, &report, tomorrow()).unwrap()),
        value(results(&c, &digests, tomorrow())),
        value(plan_of_action(&c, &digests, tomorrow()).unwrap()),
    ];
    let ids = Ids::of_controls(c.controls.iter().map(|control| control.control.as_str()));
    (c, ids, all)
}

/// The JSON pointers of every text that refers to something or defines it.
fn bound(value: &Value, member: &str, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| bound(value, name, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| bound(item, member, &format!("{at}/{i}"), found));
        }
        Value::String(text) => {
            let refers =
                member.ends_with("-uuid") || ["control-id", "target-id"].contains(&member) || text.starts_with('#');
            found.extend((refers || member == "uuid").then(|| at.to_owned()));
        }
        _ => {}
    }
}

#[test]
fn every_reference_that_leads_nowhere_is_found() {
    let (_, ids, documents) = documents();
    let mut looked = 0;
    for document in documents {
        assert_eq!(faults(&document, &ids), []);
        let mut places = Vec::new();
        bound(&document, "", "", &mut places);
        for place in places {
            let mut broken = document.clone();
            let text = broken.pointer_mut(&place).unwrap();
            let is_definition = place.ends_with("/uuid");
            *text = match text.as_str() {
                Some(text) if text.starts_with('#') => json!("#707f48ac-9803-5122-8c58-6ae3dd2505e6"),
                Some(text) if text.len() == 36 && is_definition => json!(text.replacen('-', "_", 1)),
                Some(text) if text.len() == 36 => json!("707f48ac-9803-5122-8c58-6ae3dd2505e6"),
                _ => json!("c-164.399"),
            };
            assert_ne!(faults(&broken, &ids), [], "{place}");
            looked += 1;
        }
    }
    assert!(looked > 100, "{looked}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever two things are given one UUID: it is told.
    #[test]
    fn no_uuid_is_there_twice(which in 0..3usize, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let (_, ids, mut documents) = KEPT.clone();
        let document = &mut documents[which];
        let mut places = Vec::new();
        bound(document, "", "", &mut places);
        places.retain(|place| place.ends_with("/uuid"));
        let (a, b) = (a.get(&places).clone(), b.get(&places).clone());
        prop_assume!(a != b);
        *document.pointer_mut(&a).unwrap() = document.pointer(&b).unwrap().clone();
        prop_assert!(faults(document, &ids).iter().any(|fault| fault.what.ends_with("is there twice")));
    }
}

static KEPT: std::sync::LazyLock<(Comparison, Ids, [Value; 3])> = std::sync::LazyLock::new(documents);

/// State, reason and remarks of the first finding.
fn first_status(c: &Comparison) -> [String; 3] {
    let document = value(results(c, &Default::default(), tomorrow()));
    let status = &document["assessment-results"]["results"][0]["findings"][0]["target"]["status"];
    ["state", "reason", "remarks"].map(|name| status[name].as_str().unwrap().to_owned())
}

#[test]
fn only_what_is_demonstrated_without_any_doubt_is_satisfied() {
    let mut c = KEPT.0.clone();
    assert!(c.verification.ok && c.appliances.iter().all(|a| a.not_assessable.is_none()));
    for verdict in Verdict::ALL {
        c.controls[0].verdict = verdict;
        let [state, reason, remarks] = first_status(&c);
        assert_eq!(state == "satisfied", verdict == Verdict::Demonstrated, "{verdict}");
        assert_eq!((reason == "fail", remarks), (verdict == Verdict::Failed, verdict.to_string()));
    }
    c.controls[0].verdict = Verdict::Demonstrated;
    c.appliances[0].not_assessable = Some("its policy is missing".into());
    let expected = ["not-satisfied", "other", "demonstrated, but front-desk was not judged"];
    assert_eq!(first_status(&c), expected);
    assert!(!junit::render(&c).contains("name=\"164.310(a)(1) Facility access controls\" time=\"0\"><system-out>"));
    c.verification.ok = false;
    assert_eq!(first_status(&c)[2], "demonstrated, but the folder does not verify");
    c.verification.pinned = false;
    let document = value(results(&c, &Default::default(), tomorrow()));
    let remarks = document["assessment-results"]["metadata"]["remarks"].as_str().unwrap();
    for part in ["does NOT verify", "taken from the folder itself", "front-desk: its policy is missing"] {
        assert!(remarks.contains(part), "{remarks}");
    }
}

/// Neither what was judged, nor that it was judged.
#[test]
fn no_test_passes_where_the_folder_does_not_verify() {
    let mut c = KEPT.0.clone();
    let passed = |c: &Comparison| junit::render(c).matches("<system-out>").count();
    let before = passed(&c);
    c.appliances[0].not_assessable = Some("its policy is missing".into());
    assert!(passed(&c) < before);
    c.appliances[0].not_assessable = None;
    c.verification.ok = false;
    assert_eq!(passed(&c), 0, "{}", junit::render(&c));
    assert!(junit::render(&c).contains("judged, but the folder does not verify"));
}

#[test]
fn open_incidents_and_exceptions_are_planned_and_nothing_else() {
    let mut c = KEPT.0.clone();
    let items = |c: &Comparison| {
        let made = plan_of_action(c, &Default::default(), tomorrow()).map(value);
        let of = |plan: Value| plan["plan-of-action-and-milestones"]["poam-items"].as_array().unwrap().len();
        made.map(of).unwrap_or_default()
    };
    assert!(c.incidents.iter().all(|incident| incident.status == IncidentStatus::Resolved));
    assert_eq!(items(&c), 1, "the exception");
    c.incidents[0].status = IncidentStatus::Open;
    assert_eq!(items(&c), 2);
    c.incidents[0].status = IncidentStatus::Unresolved;
    assert_eq!(items(&c), 2);
    let mut later = c.incidents[0].clone();
    later.detected_at = later.detected_at.plus_millis(HOUR);
    later.status = IncidentStatus::Resolved;
    c.incidents.push(later);
    assert_eq!(items(&c), 1, "another incident of the check was resolved since");
    // An exception that ended is open for as long as what it lifted is not shown.
    c.exceptions[0].in_force = false;
    assert_eq!(items(&c), 1);
    c.checks.iter_mut().for_each(|check| check.verdict_without_exceptions = Verdict::Demonstrated);
    assert_eq!(items(&c), 0);
}

#[test]
fn documents_are_the_same_every_time_and_another_content_has_another_uuid() {
    let (first, second) = (documents().2, &KEPT.2);
    assert_eq!(&first, second);
    let (c, later) = (&KEPT.0, tomorrow().plus_millis(HOUR));
    let uuid = |now| value(results(c, &Default::default(), now))["assessment-results"]["uuid"].clone();
    assert_ne!(uuid(tomorrow()), uuid(later));
    // What a document is about has one UUID in all of them.
    let appliance = |document: &Value, at: &str| document.pointer(at).unwrap().clone();
    let [plan, results, poam] = second;
    let of_plan = appliance(plan, "/assessment-plan/local-definitions/components/0/uuid");
    assert_eq!(of_plan, appliance(results, "/assessment-results/results/0/local-definitions/components/0/uuid"));
    assert_eq!(of_plan, appliance(poam, "/plan-of-action-and-milestones/local-definitions/components/0/uuid"));
}

#[test]
fn bundles_are_named_with_the_digests_of_their_files() {
    let world = eventful();
    let archive = world.archive();
    let c = compare(&archive, &site(), None, tomorrow()).unwrap();
    let digests = archive.digests_of_links(&c);
    let linked: std::collections::BTreeSet<&String> =
        c.checks.iter().flat_map(|check| &check.evidence).map(|link| &link.path).collect();
    assert!(linked.len() > 3 && linked.iter().all(|path| digests.contains_key(*path)));
    for (path, digest) in &digests {
        assert_eq!(*digest, Digest::of(&std::fs::read(world.path().join(path)).unwrap()), "{path}");
    }
    // One that is gone by now is said to be.
    let gone = linked.into_iter().next().unwrap();
    std::fs::remove_file(world.path().join(gone)).unwrap();
    let digests = archive.digests_of_links(&c);
    assert!(!digests.contains_key(gone));
    let text = value(results(&c, &digests, tomorrow())).to_string();
    assert!(text.contains("its digest is not known"));
}

#[test]
fn what_evidence_quotes_is_text_in_every_form() {
    let c = &KEPT.0;
    let xml = junit::render(c);
    assert!(xml.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !xml.contains("<script"), "{xml}");
    let oscal = KEPT.2[1].to_string();
    assert!(oscal.contains(r"\\<script\\>alert(1)\\</script\\>"), "{oscal}");
    let document = sarif::findings(c, "");
    let results = document["runs"][0]["results"].as_array().unwrap();
    let suppressed = results.iter().find(|result| result["ruleId"] == "file.audit").unwrap();
    assert!(suppressed["suppressions"][0]["justification"].as_str().unwrap().contains("EX-001"), "{suppressed}");
}
