//! `writ-depot archive`, as far as one day shows it; the rest is with the auditor's tool.

use super::*;

#[test]
fn a_day_that_has_not_ended_has_no_archive() {
    let (dir, depot) = used();
    let (data, to) = (dir.path().join("data"), dir.path().join("archives"));
    let archive = |more: &[&str]| ran(command("archive", &data).arg("--to").arg(&to).args(more));
    assert!(archive(&[]).expect(0).stdout.contains("0 archives made"));
    assert!(archive(&["--day", "2999-01-01"]).expect(1).stderr.contains("has not ended yet"));
    assert!(archive(&["--day", "yesterday"]).expect(2).stderr.contains("is no day"));
    assert!(archive(&["--site", "clinic-009"]).expect(1).stderr.contains("no log of such a site"));
    assert!(archive(&["--day", "2020-01-01"]).expect(0).stdout.contains("0 archives made"));
    drop(depot);
}
