//! A policy of a schema that this version does not know: the system that comes with it brings the agent that does. So the
//! appliance switches, keeps enforcing the policy it had, and says so.

use writ_evidence::Kind;
use writ_evidence::records::SwitchOutcome;

use crate::house::House;
use crate::house::systems::System;

/// The policy of a later version: nothing in it can be relied on but its schema.
const NEWER: &[u8] = br#"{"schema":"writ.policy.v9","everything":"is different"}"#;

#[test]
fn it_switches_to_the_system_and_keeps_its_policy() {
    let house = House::new();
    house.furnish(2);
    house.publish(&house.release_with(5, System { name: "five", ..System::default() }));
    let daemon = house.daemon();
    house.wait_for("release 1-5", || house.obeys().as_deref() == Some("1-5"));

    // The candidate's own enforcer is asked whether it can read the policy.
    let newer = r#"[ "$1" = check-policy ] && $b grep -q writ.policy.v9 "$2""#;
    let closure = house.system(System { name: "six", enforcer: newer, ..System::default() });
    let toplevel = closure.toplevel.to_string();
    house.publish(&house.release_of(6, NEWER, Some(closure)));
    house.wait_for("release 1-6", || house.obeys().as_deref() == Some("1-6"));
    assert_eq!(house.profile().as_deref(), Some(toplevel.as_str()), "{}", daemon.said());
    assert!(house.activations().iter().any(|a| a == "test six"), "{:?}", house.activations());
    let journal = house.journal().unwrap();
    let verdict = journal.verdict.as_ref().unwrap();
    assert!(verdict.passed && verdict.reasons.iter().any(|r| r.contains("writ.policy.v9")), "{verdict:?}");

    // The old policy is enforced on.
    house.break_file(1);
    house.wait_for("the file to be healed", || house.is_whole(1));
    house.wait_for("the incident to be closed", || house.chain().of(Kind::IncidentClosed).next().is_some());
    assert!(daemon.stop().success());

    let chain = house.chain();
    let switch = chain.of(Kind::Switch).filter_map(|b| b.switch.as_ref()).next_back().unwrap();
    assert_eq!((switch.to.serial.get(), switch.outcome), (6, SwitchOutcome::Committed));
    let refused: Vec<_> = chain.of(Kind::Refused).filter_map(|b| b.refused.as_ref()).collect();
    let [told] = refused[..] else { panic!("{} refused bundles, not one", refused.len()) };
    assert_eq!((told.what.as_str(), told.rule.as_str()), ("policy", "policy-schema"));
    assert!(told.message.contains("writ.policy.v9") && told.message.contains("stays in force"), "{}", told.message);
    let closed = chain.of(Kind::IncidentClosed).next_back().unwrap();
    assert_eq!(closed.release.unwrap().serial.get(), 6);
    assert_eq!(closed.execution.as_ref().unwrap().rule.as_deref(), Some("L1-FILE-1"));
}

/// A candidate whose own agent cannot read the policy either would leave the appliance without one.
#[test]
fn a_system_that_cannot_read_it_either_is_rolled_back() {
    let house = House::new();
    house.furnish(1);
    house.publish(&house.release_with(5, System { name: "five", ..System::default() }));
    let daemon = house.daemon();
    house.wait_for("release 1-5", || house.obeys().as_deref() == Some("1-5"));
    let before = house.profile();
    let closure = house.system(System { name: "six", enforcer: "exit 1", ..System::default() });
    house.publish(&house.release_of(6, NEWER, Some(closure)));
    house.wait_for("the end of the switch", || {
        house.chain().of(Kind::Switch).any(|b| b.switch.as_ref().is_some_and(|s| s.to.serial.get() == 6))
    });
    assert_eq!(house.obeys().as_deref(), Some("1-5"), "{}", daemon.said());
    assert_eq!(house.profile(), before);
    let chain = house.chain();
    let switch = chain.of(Kind::Switch).filter_map(|b| b.switch.as_ref()).next_back().unwrap();
    assert_eq!(switch.outcome, SwitchOutcome::RolledBack);
    assert!(switch.reason.as_ref().is_some_and(|r| r.contains("writ-enforce")), "{:?}", switch.reason);
}
