//! What the operating standards map to what (HC), held against the policy that this repository's baseline comes to.

use std::path::Path;

use writ_audit::compare::model::ControlFinding;
use writ_audit::compare::{Comparison, Verdict, compare};
use writ_policy::policy::Policy;

use crate::world::*;

/// What one id asks for: the controls that must be there, something of which there is in their checks and duties, and the
/// procedures that they must name.
struct Row {
    id: &'static str,
    controls: &'static [&'static str],
    through: &'static [&'static str],
    procedures: &'static [&'static str],
}

const fn row(
    id: &'static str,
    controls: &'static [&'static str],
    through: &'static [&'static str],
    procedures: &'static [&'static str],
) -> Row {
    Row { id, controls, through, procedures }
}

/// By entry of the rule. Where the standards cite another entry than the rule has, it is the rule's: docs/hipaa.md says which.
const CONTROLS: [Row; 19] = [
    row(
        "HC-01",
        &["164.312(a)(1)", "164.312(a)(2)(i)", "164.312(a)(2)(iii)"],
        &["access.ssh", "access.firewall", "accounts.unique", "logoff.session"],
        &[],
    ),
    row("HC-02", &["164.312(b)"], &["audit.journal-retention", "review.logs"], &["SOP-013", "OP-002"]),
    row("HC-03", &["164.312(c)(1)", "164.312(c)(2)"], &["integrity.store", "integrity.database"], &[]),
    row("HC-04", &["164.312(e)(1)", "164.312(e)(2)(ii)"], &["transmission.tunnel", "transmission.certificate"], &[]),
    row("HC-05", &["164.308(a)(7)(i)", "164.308(a)(7)(ii)(B)"], &["contingency.plan"], &["SOP-003"]),
    row("HC-06", &["164.308(a)(5)(i)", "164.308(a)(6)(ii)"], &["training.annual", "incidents.report"], &[]),
    row("HC-07", &["164.308(a)(1)(ii)(D)"], &["review.evidence-delivered", "review.activity"], &[]),
    row("HC-08", &["164.308(a)(5)(ii)(B)"], &["malware.signatures", "patches.critical"], &[]),
    row("HC-09", &["164.308(a)(7)(ii)(A)"], &["backup.recent", "backup.integrity"], &[]),
    row("HC-10", &["164.310(d)(1)"], &["devices.usb-storage"], &[]),
    row("HC-11", &["164.310(d)(2)(iv)"], &["backup.offsite"], &[]),
    row("HC-12", &["164.312(a)(2)(i)"], &["accounts.unique"], &[]),
    row("HC-13", &["164.312(a)(2)(iv)"], &["encryption.data"], &[]),
    row("HC-14", &["164.316(b)(1)", "164.316(a)"], &["documents.register"], &["SOP-001", "SOP-013"]),
    row("HC-15", &["164.308(a)(1)(i)"], &["documents.policies"], &["SOP-001", "SOP-002", "SOP-003"]),
    row(
        "HC-16",
        &["164.308(a)(1)(ii)(B)", "164.308(a)(2)"],
        &["risk.treatment", "official.appointment"],
        &["SOP-012", "SOP-014"],
    ),
    row(
        "HC-17",
        &["164.308(a)(6)(i)", "164.308(a)(6)(ii)"],
        &["incidents.overdue", "incidents.drill"],
        &["SOP-002", "EMERG-002"],
    ),
    row("HC-18", &["164.308(a)(8)"], &["evaluation.annual"], &["SOP-011", "SOP-013"]),
    row("HC-19", &["164.316(b)(2)(i)", "164.316(b)(2)(iii)"], &["documents.archive"], &[]),
];

/// By group of the trust services criteria: the procedure that docs/hipaa.md must give for it.
const CRITERIA: [(&str, &str, &str); 7] = [
    ("HC-20", "CC1", "all of them"),
    ("HC-21", "CC2", "SOP-004"),
    ("HC-22", "CC5", "SOP-001 daily operations, SOP-002"),
    ("HC-23", "CC6", "OP-005"),
    ("HC-24", "CC7", "SOP-001, OP-001, OP-002"),
    ("HC-25", "CC8", "SOP-012 baselines, SOP-014"),
    ("HC-26", "CC9", "SOP-003 disaster recovery, EMERG-001"),
];

fn repository(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)).unwrap()
}

/// What Nix makes of `hosts/clinic-001/front-desk`; another test holds it against that.
fn policy() -> Policy {
    Policy::parse(&repository("checks/golden/policy.json")).unwrap()
}

/// That policy, released, and held against the little evidence of an appliance that has just started.
fn compared() -> Comparison {
    let mut world = World::empty();
    world.release(1, &repository("checks/golden/policy.json"), |_| {});
    world.started(morning());
    let c = compare(&world.archive(), &site(), None, morning().plus_millis(HOUR)).unwrap();
    assert!(c.verification.ok, "{:#?}", c.verification.problems);
    c
}

#[test]
fn each_safeguard_of_the_standards_is_a_control_with_what_shows_it() {
    let (policy, c) = (policy(), compared());
    for Row { id, controls, through, procedures } in &CONTROLS {
        let found: Vec<&ControlFinding> =
            c.controls.iter().filter(|f| controls.contains(&f.control.as_str())).collect();
        assert_eq!(found.len(), controls.len(), "{id}: {controls:?}");
        let of = |part: fn(&writ_policy::control::Control) -> &Vec<String>| -> Vec<&String> {
            controls.iter().flat_map(|control| part(&policy.controls[*control])).collect()
        };
        let (checks, duties) = (of(|c| &c.checks), of(|c| &c.duties));
        for part in *through {
            assert!(checks.iter().chain(&duties).any(|name| *name == part), "{id}: {part} is not in {controls:?}");
        }
        let named: Vec<&String> = found.iter().filter_map(|f| f.maps.get("sop")).flatten().collect();
        for procedure in *procedures {
            assert!(named.iter().any(|name| *name == procedure), "{id}: {procedure} is not among {named:?}");
        }
        for control in *controls {
            assert!(c.matrix.iter().any(|row| row.framework == "hipaa" && row.id == *control), "{id}: {control}");
        }
    }
    // HC-19 asks for six years.
    let six_years = 6 * 365 * 86_400;
    let kept = &policy.settings.retention;
    assert!(kept.evidence.seconds() >= six_years, "{}", kept.evidence);
    // HC-29: the agreement itself is a matter of lawyers; that there is one, of the practice.
    let agreements = policy.controls.iter().filter(|(_, c)| c.duties.iter().any(|duty| duty == "associates.register"));
    assert!(agreements.count() > 0);
}

#[test]
fn each_group_of_criteria_has_controls_and_the_matrix_says_what_they_come_to() {
    let c = compared();
    let page = String::from_utf8(repository("docs/hipaa.md")).unwrap();
    for (id, group, procedures) in CRITERIA {
        let rows: Vec<_> =
            c.matrix.iter().filter(|row| row.framework == "soc2" && row.id.starts_with(&format!("{group}."))).collect();
        assert!(!rows.is_empty(), "{id}: no control is mapped to {group}");
        let told = page.lines().find(|line| line.starts_with(&format!("| {group} "))).unwrap();
        assert!(told.contains(procedures), "{id}: {told}");
        // Hardly anything was looked at, and no row makes more of it.
        for row in rows {
            let least = [Verdict::NoEvidence, Verdict::Procedural];
            assert!(least.contains(&row.verdict), "{id} {}: {}", row.id, row.verdict);
        }
    }
    let frameworks: std::collections::BTreeSet<&str> = c.matrix.iter().map(|row| row.framework.as_str()).collect();
    assert_eq!(frameworks.into_iter().collect::<Vec<_>>(), ["hipaa", "nist-800-53", "soc2"]);
    assert_eq!(c.matrix.iter().filter(|row| row.framework == "hipaa").count(), 65);
}

/// HC-27.
#[test]
fn every_rule_serves_controls_that_there_are() {
    let policy = policy();
    assert!(policy.rules.len() > 10);
    for (id, rule) in &policy.rules {
        assert!(!rule.controls.is_empty(), "{id} serves nothing");
        for control in &rule.controls {
            assert!(policy.controls.contains_key(control), "{id}: {control}");
        }
    }
    for id in policy.checks.keys() {
        assert!(policy.controls.values().any(|control| control.checks.contains(id)), "{id} supports nothing");
    }
}
