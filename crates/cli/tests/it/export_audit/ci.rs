//! What pipelines read: JUnit's XML and SARIF.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{alter, copied, export, program, said};
use crate::check::formats::refused_by_the_schema;

/// Reads a report with PyPI's junitparser, counts the cases by what they came to, and holds the report's own counts to that.
const PARSE: &str = "
import json, sys
from junitparser import JUnitXml
report = JUnitXml.fromfile(sys.argv[1])
cases = {}
for suite in report:
    own = {'Failure': 0, 'Error': 0, 'Skipped': 0}
    for case in suite:
        outcome = [type(r).__name__ for r in case.result]
        assert len(outcome) <= 1, case.name
        for one in outcome:
            own[one] += 1
        cases[suite.name + ': ' + case.name] = [outcome[0] if outcome else 'Passed', case.result[0].message if outcome else '']
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (len(list(suite)), *own.values()), suite.name
assert report.tests == len(cases)
print(json.dumps(cases))
";

/// The cases of a report, `suite: name`, each with what it came to and the message.
fn cases(file: &Path) -> Value {
    let output = program("oscal", "python").args(["-c", PARSE]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn junit_is_read_by_others_and_only_what_is_demonstrated_passes() {
    let copy = copied();
    let made = export(copy.path(), &["junit", "--out", "reports"]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let cases = cases(&copy.path().join("reports/junit.xml"));
    for (case, outcome) in [
        ("evidence: the folder verifies", "Passed"),
        ("evidence: front-desk is judged", "Passed"),
        ("controls: 164.312(c)(1) Integrity", "Passed"),
        ("controls: 164.312(a)(1) Access control", "Skipped"),
        ("controls: 164.312(b) Audit controls", "Skipped"),
        ("controls: 164.310(a)(1) Facility access", "Skipped"),
        ("controls: 164.310(d)(1) Media", "Skipped"),
        ("controls: 164.312(e)(1) Transmission", "Failure"),
        ("checks of front-desk: file.absent: Nothing <b>is</b> & [stays](x) *there* \"so\"", "Failure"),
        ("checks of front-desk: file.motd: A file stays as it is", "Passed"),
        ("checks of front-desk: file.lifted: A file stays as it is", "Skipped"),
    ] {
        assert_eq!(cases[case][0], outcome, "{case}: {cases:#}");
    }
    assert_eq!(cases.as_object().unwrap().len(), 11);

    alter(copy.path());
    let made = export(copy.path(), &["junit", "--out", "reports"]);
    assert_eq!(made.status.code(), Some(1), "{}", said(&made));
    let cases = self::cases(&copy.path().join("reports/junit.xml"));
    assert_eq!(cases["evidence: the folder verifies"][0], "Failure");
    let mut passed = cases.as_object().unwrap().iter().filter(|(_, case)| case[0] == "Passed");
    assert_eq!(passed.next(), None, "nothing of what does not verify passes");
}

#[test]
fn sarif_is_valid_and_points_at_what_was_asked_for() {
    let copy = copied();
    let made = export(copy.path(), &["sarif", "--prefix", "our policy/", "--out", "reports"]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    let sound: Value = serde_json::from_slice(&fs::read(copy.path().join("reports/audit.sarif")).unwrap()).unwrap();
    alter(copy.path());
    let made = export(copy.path(), &["sarif"]);
    assert_eq!(made.status.code(), Some(1), "{}", said(&made));
    let altered: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(refused_by_the_schema(&[sound.clone(), altered.clone()]), Vec::<String>::new());

    let run = &sound["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    assert_eq!(run["automationDetails"]["id"], "writ-audit/clinic-001/");
    let results = run["results"].as_array().unwrap();
    let told: Vec<(&str, &str, bool)> = results
        .iter()
        .map(|r| (r["ruleId"].as_str().unwrap(), r["level"].as_str().unwrap(), r["suppressions"].is_array()))
        .collect();
    assert_eq!(told, [("file.absent", "error", false), ("file.lifted", "error", true)]);
    for result in results {
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        let at = &result["locations"][0]["physicalLocation"];
        assert_eq!(at["artifactLocation"]["uri"], "our%20policy/baselines/test.nix");
        assert_eq!(at["region"]["startLine"], 1);
        assert_eq!(result["partialFingerprints"]["writFinding/v1"].as_str().unwrap().len(), 64);
    }
    let notifications = altered["runs"][0]["invocations"][0]["toolExecutionNotifications"].to_string();
    assert!(notifications.contains("altered at evidence/"), "{notifications}");
}
