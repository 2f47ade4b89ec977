//! What is printed of samples, proofs, restore tests, attestations and checklists is what their schemas say.

use serde_json::{Value, json};

use super::reports::held;
use crate::audited::Desk;

#[test]
fn what_is_printed_of_samples_and_checklists_is_valid() {
    let mut desk = Desk::new();
    desk.world.write_log();
    let said = |desk: &Desk, code: i32, arguments: &[&str]| -> Value {
        desk.says(code, &[arguments, &["--json"]].concat()).json()
    };
    let drawn = said(&desk, 0, &["sample", "2", "audit"]);
    let quarters = ["sample", "1", "audit", "--per-quarter", "--failed-and-successful", "--period", "2026"];
    held("sample-v1", &[&drawn, &said(&desk, 0, &quarters)], 60);
    let copy = ["restore-test", "--copy", "audit", "--period", "2026-11", "--now", "2026-11-25T05:00:00Z"];
    let whole = said(&desk, 0, &copy);
    let own = ["attest", "audit", "--site", "clinic-001", "--key", "sam.key", "--now", "2026-11-24T06:40:00Z"];
    let attested = said(&desk, 0, &[&own[..], &["--duty", "restore.test", "--statement", "Read back"]].concat());
    held("attested-v1", &[&attested], 8);
    let proof = |id: &str| desk.says(0, &["show", "audit", id, "--proof"]).json();
    held("proof-v1", &[&proof("EB-20261123-0004"), &proof("EB-20261123-0001")], 30);
    let of_a_person = proof(attested["bundle_id"].as_str().unwrap());
    assert_eq!(of_a_person["signed_by"]["named"], json!({ "by": "trust-root", "version": 1, "name": "Sam Okafor" }));
    assert_eq!(super::judge::judged("proof-v1", &[of_a_person]), [true]);
    let list = |rhythm: &str| said(&desk, 1, &["checklist", rhythm, "audit", "--now", "2026-11-24T06:50:00Z"]);
    held("checklist-v1", &[&list("monthly"), &list("daily")], 60);
    // What came again, and a bundle that does not verify.
    let opened = desk.world.open("file.motd", crate::world::at("2026-11-24T06:45:00Z"));
    assert!(opened.0 > 1);
    desk.world.write_log();
    let again = said(&desk, 0, &["query", "audit", "--recurring"]);
    assert_eq!(again[0]["times"], 2, "{again}");
    held("recurring-v1", &[&again, &json!([])], 12);
    std::fs::write(desk.world.file(3), "{}").unwrap();
    let damaged = said(&desk, 1, &[&copy[..], &["--sample", "29"]].concat());
    held("restore-tested-v1", &[&whole, &damaged], 30);
}
