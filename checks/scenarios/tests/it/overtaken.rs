//! Releases that come faster than they can be switched to.

use std::process::Command;
use std::time::{Duration, Instant};

use writ_evidence::Kind;
use writ_trust::floor::Floor;
use writ_trust::json::canonical;

use crate::house::House;
use crate::house::systems::System;

/// A release that is accepted while another is still on trial waits for its turn; nothing of it is lost.
#[test]
fn a_release_accepted_during_a_switch_has_its_turn() {
    let house = House::new();
    house.furnish(1);
    let mut policy = house.policy();
    policy["settings"]["probation"]["window"] = serde_json::json!("2s");
    let policy = canonical(&policy);
    let [five, six] = ["five", "six"].map(|name| house.system(System { name, ..System::default() }));
    house.publish(&house.release_of(5, &policy, Some(five)));
    let daemon = house.daemon();
    house.wait_for("release 1-5 to be on trial", || house.journal().is_some_and(|j| j.suspends_healing()));
    house.publish(&house.release_of(6, &policy, Some(six)));
    let accepted = || Floor::parse(&house.state("floor")).unwrap().release.is_some_and(|r| r.serial.get() == 6);
    house.wait_for("release 1-6 to be accepted", accepted);
    assert!(house.obeys().is_none(), "release 1-5 was decided before: this shows nothing");
    house.wait_for("release 1-6 to be obeyed", || house.obeys().as_deref() == Some("1-6"));
    assert!(daemon.stop().success());
    let chain = house.chain();
    let switches: Vec<u64> = chain.of(Kind::Switch).map(|b| b.switch.as_ref().unwrap().to.serial.get()).collect();
    assert_eq!(switches, [5, 6]);
}

/// The switch may end between any two looks of the enforcer at its journal: it is told once, and what broke meanwhile heals.
#[test]
fn a_switch_that_ends_between_two_looks_is_told_once_and_healing_goes_on() {
    let house = House::new();
    house.furnish(1);
    let mut policy = house.policy();
    policy["settings"]["probation"]["window"] = serde_json::json!("1s");
    let policy = canonical(&policy);
    house.publish(&house.release_of(5, &policy, Some(house.system(System { name: "five", ..System::default() }))));
    let enforcer = house.enforcer();
    let mut slow = Command::new("strace");
    slow.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat", "-e", "inject=openat:delay_enter=400000"]);
    slow.arg("-P").arg(house.path("state/switch.json")).arg(enforcer.get_program()).args(enforcer.get_args());
    let daemon = house.spawn(slow);
    // Something comes in all the time, so that the enforcer looks at what it may advance to as well.
    let come_in = || std::fs::write(house.place("1-5").join("restless"), "").unwrap();
    // Looked at without the rest that waiting takes elsewhere: the enforcer's look is four tenths of a second late, no more.
    let began = Instant::now();
    while !house.journal().is_some_and(|j| j.is_committed()) {
        assert!(began.elapsed() < Duration::from_secs(180), "the trial has no end");
        come_in();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(house.obeys().is_none(), "the enforcer knew it at once: this shows nothing");
    house.break_file(0);
    house.wait_for("healing", || house.is_whole(0));
    house.wait_for("release 1-5 to be obeyed", || house.obeys().as_deref() == Some("1-5"));
    assert!(daemon.stop().success());
    let switches = house.chain().of(Kind::Switch).count();
    assert_eq!(switches, 1);
}
