//! A store path of the candidate that is lost between its import and its activation: a fault of the disk, or somebody who
//! collects garbage by force.

use std::fs;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use writ_agent::switch::State;
use writ_evidence::Kind;
use writ_evidence::records::SwitchOutcome;
use writ_scenarios::run;

use super::points::{at_the_start_of_a_switch, driver, recovered};
use crate::house::House;

/// A driver that has stopped itself once everything was imported and compared, before the activation.
fn stopped_after_the_import(house: &House) -> Child {
    let imported = |at: u64| {
        let mut command = driver(house);
        command.env("WRIT_STOP_AT", at.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        run::wait("the driver to stop", crate::house::daemon::PATIENCE, || {
            Ok((is_stopped(&child) || child.try_wait()?.is_some()).then_some(()))
        })
        .unwrap();
        if house.journal().unwrap().course.state == State::Testing {
            return Some(child);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        super::points::restore(house);
        None
    };
    (1..30).find_map(imported).expect("no point between the import and the activation")
}

fn is_stopped(child: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
}

/// Removes the script that the candidate's activation is, whatever refers to it.
fn lose(house: &House) {
    let system = house.journal().unwrap().course.candidate;
    let script = fs::canonicalize(format!("{system}/bin/switch-to-configuration")).unwrap();
    let mut remove = Command::new("rm");
    run::checked(remove.arg("-rf").arg(&script)).unwrap();
    assert!(!script.exists());
}

#[test]
fn a_lost_path_is_fetched_again_or_the_candidate_is_refused() {
    let house = at_the_start_of_a_switch(House::new());
    // Noticed by who takes the switch up: every path is compared again.
    let mut child = stopped_after_the_import(&house);
    lose(&house);
    child.kill().unwrap();
    child.wait().unwrap();
    recovered(&house, 0, "a path lost, and the driver killed");
    assert!(house.profile().is_some_and(|system| system.ends_with("system-five")));

    // By the driver itself it is noticed only when it activates: then nothing is kept.
    super::points::restore(&house);
    let mut child = stopped_after_the_import(&house);
    lose(&house);
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    child.wait().unwrap();
    let journal = house.journal().unwrap();
    assert!(journal.is_over() && journal.course.state == State::RolledBack, "{journal:#?}");
    assert!(journal.last_note().contains("could not be activated"), "{}", journal.last_note());
    house.once();
    let chain = house.chain();
    let told: Vec<_> = chain.of(Kind::Switch).map(|bundle| bundle.switch.as_ref().unwrap().outcome).collect();
    assert_eq!(told, [SwitchOutcome::RolledBack]);
    assert!(house.profile().is_none() && house.obeys().is_none(), "there was no system before");
}
