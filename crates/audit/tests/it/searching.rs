//! The questions of auditors that ask for failures, and for what comes again.

use writ_audit::query::{Filter, query, recurring};
use writ_audit::report::rows_csv;
use writ_evidence::incident::{Outputs, ResolutionStatus, ResolutionType};
use writ_policy::outcome::Outcome;

use crate::world::*;

/// A week in which one check fails three times: healed, healed too late, and not healed.
pub fn troubled() -> World {
    let mut world = World::new();
    world.started(morning());
    for (day, lasting) in [(0, MINUTE), (1, 3 * HOUR)] {
        let drift = morning().plus_millis(day * DAY + HOUR);
        let opened = world.open("file.motd", drift);
        world.close("file.motd", opened, drift, drift.plus_millis(lasting));
    }
    let drift = morning().plus_millis(2 * DAY);
    let opened = world.open("file.motd", drift);
    let end = drift.plus_millis(10 * MINUTE);
    let mut draft = world.closing("file.motd", opened, drift, end);
    draft.verification[0].outcome = Outcome::Fail;
    draft.outputs = Some(Outputs { resolution_status: ResolutionStatus::Failed });
    draft.execution.as_mut().unwrap().resolution_type = ResolutionType::Manual;
    world.seal(draft, end);
    world
}

#[test]
fn failures_and_what_comes_again_are_found() {
    let world = troubled();
    let ask = |filter: Filter| {
        let (rows, report) = query(&world.archive(), &filter);
        assert!(report.ok, "{:#?}", report.problems);
        rows
    };
    let failed = ask(Filter { failed: true, ..Filter::default() });
    assert_eq!((failed.len(), failed[0].resolution_status, failed[0].resolution), (1, Some("failed"), Some("manual")));
    assert_eq!(ask(Filter { resolution: vec!["manual".into(), "partial".into()], ..Filter::default() }), failed);
    assert_eq!(ask(Filter { resolution: vec!["auto".into(), "manual".into()], ..Filter::default() }).len(), 3);
    let late = ask(Filter { sla_missed: true, ..Filter::default() });
    assert_eq!((late.len(), late[0].mttr_seconds, late[0].sla_target_seconds), (1, Some(10_800), Some(3600)));
    assert_eq!(ask(Filter { sla_met: true, ..Filter::default() }).len(), 2);
    assert_eq!(ask(Filter { runbook: Some("RB-FILE-001".into()), ..Filter::default() }).len(), 3);
    assert!(ask(Filter { runbook: Some("RB-OTHER".into()), ..Filter::default() }).is_empty());

    let all = ask(Filter::default());
    let again = recurring(&all);
    assert_eq!(again.len(), 1, "{again:#?}");
    assert_eq!((again[0].event_type.as_str(), again[0].machine.as_str()), ("file_drift", "front-desk"));
    assert_eq!((again[0].times, again[0].failed, again[0].sla_missed, again[0].incidents.len()), (3, 1, 1, 3));
    // One alone is nothing that came again, however many bundles tell of it.
    let first_day = all.iter().filter(|row| row.generated_at < morning().plus_millis(DAY)).cloned().collect::<Vec<_>>();
    assert_eq!((first_day.len(), recurring(&first_day)), (3, vec![]));
    assert!(recurring(&[]).is_empty());
}

#[test]
fn a_table_for_spreadsheets_has_a_line_for_each_bundle_and_no_formula() {
    let world = troubled();
    let (mut rows, _) = query(&world.archive(), &Filter { sla_missed: true, ..Filter::default() });
    rows[0].machine = Some("=cmd|'/c calc'!A1".into());
    rows[0].summary = "-2+3, \"said\"\nso".into();
    let text = rows_csv::rows(&rows);
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0].split(',').count(), 18);
    assert!(
        lines[1].contains(",'=cmd|'/c calc'!A1,") && lines[1].contains("\"'-2+3, \"\"said\"\"\\u{a}so\""),
        "{text}"
    );
    assert!(lines[1].contains(",L1,RB-FILE-001,10800,false,"), "{text}");
    let groups = recurring(&query(&world.archive(), &Filter::default()).0);
    let text = rows_csv::recurring(&groups);
    assert!(text.contains("clinic-001,front-desk,file_drift,front-desk,file.motd,3,"), "{text}");
}
