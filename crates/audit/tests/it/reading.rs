//! Finding and telling.

use writ_audit::Period;
use writ_audit::query::{Filter, query};
use writ_audit::show::find;
use writ_audit::story;
use writ_evidence::Kind;

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
