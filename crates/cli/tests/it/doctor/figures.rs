//! The same in figures.

use super::all_done;
use super::house::{House, run};

fn figure<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name}: {text}")).rsplit(' ').next().unwrap()
}

#[test]
fn what_is_exported_and_what_a_dead_enforcer_leaves() {
    let mut house = House::new();
    let policy = house.policy();
    let mut enforcer = house.enforcing(&policy);
    house.courier(&all_done(), |status| status.waiting = 3);
    house.break_it();
    run(&mut enforcer, &policy);
    let text = house.doctor(&["--format", "openmetrics"]).stdout;
    for (name, value) in [
        ("writ_enforcer_up", "1"),
        ("writ_incidents_overdue", "0"),
        ("writ_sync_failures", "0"),
        ("writ_evidence_waiting", "3"),
        ("writ_outbox_budget_bytes", "536870912"),
    ] {
        assert_eq!(figure(&text, name), value, "{text}");
    }
    assert!(figure(&text, "writ_release_expires_seconds").parse::<i64>().unwrap() > 170 * 86_400, "{text}");
    let failing = "writ_check_outcome{check=\"file.motd\",severity=\"high\",outcome=\"fail\",announced=\"false\"} 1";
    assert!(text.contains(failing) && text.contains("writ_incidents_open{severity=\"high\"} 1"), "{text}");
    assert!(text.ends_with("# EOF\n") && !text.contains("clinic-001") && !text.contains("writ_log_"), "{text}");
    crate::alerts::judge_figures(&text);
    drop(enforcer);
    let text = house.doctor(&["--format", "openmetrics"]).stdout;
    assert_eq!(figure(&text, "writ_enforcer_up"), "0");
    assert!(!text.contains("outcome=\"fail\"") && text.contains("outcome=\"not-assessable\""), "{text}");
}

#[test]
fn what_never_happened_is_infinitely_old() {
    let house = House::new();
    house.furnish_courier(super::house::SITE, "spool");
    let said = house.doctor(&["--format", "openmetrics"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    for name in ["writ_checkin_age_seconds", "writ_sync_failures", "writ_enforcer_status_age_seconds"] {
        assert_eq!(figure(&said.stdout, name), "+Inf", "{}", said.stdout);
    }
    assert!(!said.stdout.contains("writ_check_outcome") && !said.stdout.contains("writ_incidents"), "{}", said.stdout);
}
