//! Hosts without systemd: the driver and the timer as detached processes.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use writ_agent::cancel::Cancel;
use writ_agent::looks::place::Place;
use writ_agent::steps::{self, GivenUp, StepContext, StepReport};
use writ_agent::switch::journal::{ProcessId, Timer};
use writ_agent::switch::{Resumed, State, resume, start};

use super::world::{World, now, until};
use crate::probes::context;

fn timer_of(world: &World) -> ProcessId {
    match world.journal().timer {
        Some(Timer::Process(id)) => id,
        other => panic!("not a process: {other:?}"),
    }
}

fn lives(id: ProcessId) -> bool {
    // A process that ended but that nobody has waited for has no command line any more.
    ProcessId::of(id.pid) == Some(id)
        && !std::fs::read(format!("/proc/{}/cmdline", id.pid)).unwrap_or_default().is_empty()
}

#[test]
fn a_switch_outlives_whoever_started_it_and_disarms_its_timer() {
    let world = World::new();
    let mut policy = world.policy();
    policy["settings"]["probation"]["window"] = "1s".into();
    start(&world.request(&policy), now()).unwrap();
    until("probation", || world.journal().course.state == State::Probation);
    let timer = timer_of(&world);
    assert!(lives(timer));
    // 20 s for the activation, a second of probation, and ten minutes for all else.
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", timer.pid)).unwrap();
    assert!(line.split('\0').skip_while(|word| *word != "--after").nth(1) == Some("621000ms"), "{line}");
    assert_eq!(resume(&world.state_dir()).unwrap(), Resumed::Running);
    until("over", || world.journal().is_over());
    world.assert_on_two();
    until("the timer is gone", || !lives(timer));
    until("the driver lets go", || resume(&world.state_dir()).unwrap() == Resumed::Nothing);
}

#[test]
fn the_timer_ends_a_driver_that_hangs_with_its_activation_and_goes_back() {
    let world = World::new();
    world.write("hang-test-two", "");
    world.ask(&world.policy());
    let mut driver = world.command("run").stdout(Stdio::null()).spawn().unwrap();
    until("the activation hangs", || world.read("log") == "test two");
    let out = world.command("rollback").args(["--after", "300ms"]).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(!driver.wait().unwrap().success());
    let journal = world.journal();
    assert_eq!(journal.course.state, State::RolledBack);
    assert!(journal.last_note().contains("timer"), "{}", journal.last_note());
    world.assert_on_one();
    let left = std::process::Command::new("pgrep").args(["-f", &world.two]).output().unwrap();
    assert!(left.stdout.is_empty(), "nothing of the activation is left");
}

#[test]
fn the_timer_goes_back_when_the_driver_is_gone_and_leaves_alone_what_is_decided() {
    let world = World::new();
    world.ask(&world.policy());
    // Killed in the middle of probation: the candidate runs, nobody judges it.
    let mut passage = 1;
    loop {
        assert!(world.run_killed_at(passage));
        if world.journal().course.state == State::Probation {
            break;
        }
        passage += 1;
        world.reset();
        world.ask(&world.policy());
    }
    assert_eq!(world.read("running"), "two");
    world.command("rollback").status().unwrap();
    assert_eq!(world.journal().course.state, State::RolledBack);
    world.assert_on_one();
    // Over is over.
    let told = world.journal();
    world.command("rollback").status().unwrap();
    assert_eq!(world.journal(), told);
}

#[test]
fn a_switch_whose_driver_died_is_taken_up() {
    let world = World::new();
    world.ask(&world.policy());
    assert!(world.run_killed_at(6));
    assert_eq!(resume(&world.state_dir()).unwrap(), Resumed::Launched);
    until("over", || world.journal().is_over());
    world.assert_on_two();
}

/// The step `switch` of a runbook.
fn step(world: &World) -> StepReport {
    let context = StepContext {
        programs: Arc::default(),
        profile: world.profile(),
        expected_toplevel: None,
        activation: "bin/switch-to-configuration".into(),
        state_dir: world.state_dir(),
        timeout: Duration::from_secs(120),
        now: now(),
        checks: Arc::default(),
        cancel: Cancel::new().unwrap(),
        share: None,
        given_up: GivenUp::default(),
        place: Place::of(&context()),
    };
    steps::run("switch", &serde_json::Map::new(), &context)
}

#[test]
fn a_step_has_a_switch_that_rests_tried_now_and_leaves_the_rest_to_it() {
    let world = World::new();
    assert!(step(&world).stdout.contains("no release waits"));
    let journal = world.ask(&world.policy());
    let text = std::fs::read_to_string(&journal.request.closure.path).unwrap();
    std::fs::write(&journal.request.closure.path, text.replace("busybox", "busybex")).unwrap();
    world.run();
    assert!(matches!(resume(&world.state_dir()).unwrap(), Resumed::Resting(_)));
    let report = step(&world);
    let why = report.error.unwrap();
    assert!(why.contains("release 1-2 waits on: not imported") && world.journal().course.waits == 2, "{why}");
    std::fs::write(&journal.request.closure.path, text).unwrap();
    let report = step(&world);
    assert!(report.ok && report.stdout.contains("the switch to release 1-2 goes on"), "{report:?}");
    until("committed", || world.journal().is_committed());
    world.assert_on_two();
    assert!(step(&world).stdout.contains("no release waits"));
}
