//! What the checks of the example clinic come to in a container: what a well-kept machine has is furnished, so that nothing
//! fails there but what a container really lacks.

use std::collections::BTreeMap;

use serde_json::Value;
use writ_scenarios::outbox;

use crate::clinic::Clinic;

/// What a container of this machine's own /usr lacks.
const LACKING: &[&str] = &[];

/// What there is no way to see in a container: hardware, and a clock of one's own.
const OUT_OF_SIGHT: &[&str] = &[
    "audit.clock",
    "capacity.disk-health",
    "encryption.data",
    "encryption.recovery-slot",
    "encryption.swap",
    "workstation.boot-locked",
];

/// What takes longer to know than the enforcer has been up, what only a courier tells, and what only a NixOS system says of
/// itself.
const NOT_YET: &[&str] = &[
    "audit.forwarding",
    "capacity.cpu",
    "capacity.cpu-trend",
    "patches.system-age",
    "review.evidence-delivered",
    "review.log-lag",
    "system.checkin",
    "system.rule-sync",
];

#[test]
fn nothing_fails_but_what_a_container_lacks() {
    let clinic = Clinic::shared();
    let appliance = clinic.front_desk("looks");
    let snapshot = |f: &outbox::Found| f.json["posture"]["snapshot"].is_object();
    let told = appliance.await_bundle(0, "a snapshot of all checks", snapshot).unwrap();
    let seen: BTreeMap<String, Value> =
        serde_json::from_value(told.json["posture"]["snapshot"]["checks"].clone()).unwrap();
    let of = |outcome: &str| -> BTreeMap<&str, &Value> {
        let wanted = seen.iter().filter(|(_, one)| one["outcome"] == outcome);
        wanted.map(|(id, one)| (id.as_str(), &one["reasons"])).collect()
    };
    let failing = of("fail");
    let unexpected: Vec<_> = failing.iter().filter(|(id, _)| !LACKING.contains(id)).collect();
    let blind = of("not-assessable");
    let reasons = |id: &&str| blind.get(*id).map(|reasons| reasons.to_string()).unwrap_or_default();
    assert!(unexpected.is_empty(), "{unexpected:#?}\nnot assessable: {blind:#?}");
    for id in OUT_OF_SIGHT {
        assert!(reasons(id).contains("container"), "{id}: {}", reasons(id));
    }
    let others: Vec<_> = blind
        .keys()
        .filter(|id| !OUT_OF_SIGHT.contains(id) && !NOT_YET.contains(id) && !reasons(id).contains("not observed: "))
        .map(|id| (id, reasons(id)))
        .collect();
    assert!(others.is_empty(), "{others:#?}");

    // The restore that was tried before is told once, as evidence of its own.
    let tried = |f: &outbox::Found| f.text(&["kind"]) == "restore-test";
    let bundle = appliance.await_bundle(0, "the restore test", tried).unwrap();
    assert_eq!(bundle.text(&["restore_test", "check"]), "backup.restorable");
    assert_eq!(bundle.json["restore_test"]["files_compared"], 50);
    appliance.run("systemctl", &["restart", "writ-enforce.service"]).unwrap();
    let again = |f: &outbox::Found| f.text(&["kind"]) == "started";
    appliance.await_bundle(bundle.sequence, "the next start", again).unwrap();
    let all = outbox::read(&appliance.outbox()).unwrap();
    assert_eq!(all.iter().filter(|f| tried(f)).count(), 1);
}
