//! The program as a daemon: woken by files and signals, stopped in an orderly way, and alive whatever happens to the depot.

use std::process::{Child, Command};

use super::depot::Answer;
use super::world::*;
use crate::support::until;

struct Running(Child);

impl Running {
    fn start(world: &World) -> Self {
        Self(world.command().env("WRIT_LOG", "debug").spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").arg(name).arg(self.0.id().to_string()).status().unwrap().success());
    }

    fn stop(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_waits_for_the_enforcer_and_then_carries_what_comes() {
    let world = World::new();
    world.publish_serial(1);
    let running = Running::start(&world);
    until("the courier to ask for the enforcer's word", || world.inbox("courier.pub").exists().then_some(()));
    until("the status", || world.path("state/status.json").exists().then_some(()));
    assert!(world.status()["not_vouched"].is_string());
    assert_eq!(world.depot().asked.len(), 0);
    world.vouch();
    until("the release", || world.has(1).then_some(()));
    world.bundles(1..=3);
    until("the delivery", || (world.receipts().len() == 3).then_some(()));
    world.publish_serial(2);
    until("the next release, told by a check-in", || world.has(2).then_some(()));
    until("the status", || (world.status()["release"] == "1-2").then_some(()));
    assert_eq!(running.stop(), Some(0));
}

/// A world in which nothing is done for the sake of time alone.
fn unhurried() -> World {
    let world = World::new();
    let text = std::fs::read_to_string(world.path("etc/sync.toml")).unwrap().replace("300ms", "1h");
    std::fs::write(world.path("etc/sync.toml"), text).unwrap();
    drop(world.courier());
    world
}

#[test]
fn a_restart_does_not_forget_when_things_last_worked() {
    let world = World::new();
    world.publish_serial(1);
    world.carry();
    let done_at = || {
        let status = world.status();
        let jobs = status["jobs"].as_object().unwrap();
        jobs.iter().map(|(job, of)| (job.clone(), of["done_at"].clone())).collect::<Vec<_>>()
    };
    let before = done_at();
    assert!(before.iter().any(|(_, at)| at.is_string()), "{before:?}");
    // The depot is gone when the next courier starts, so nothing comes to a good end.
    world.depot().lies(|_, answer| *answer = Answer::status(503));
    world.courier().write_status();
    assert_eq!(done_at(), before);
    assert!(!world.once().troubles.is_empty());
    let sync = |jobs: Vec<(String, serde_json::Value)>| jobs.into_iter().find(|(job, _)| job == "sync");
    assert_eq!(sync(done_at()), sync(before));
}

#[test]
fn evidence_is_sent_when_it_comes() {
    let world = unhurried();
    let running = Running::start(&world);
    until("the first pull", || (world.depot().asked_for("sync") == 1).then_some(()));
    for n in 1..=3 {
        world.bundles([n]);
        until("the delivery", || (world.receipts().len() as u64 == n).then_some(()));
    }
    // The enforcer makes its folder anew.
    std::fs::rename(world.path("spool/outbox"), world.path("spool/old")).unwrap();
    std::fs::create_dir(world.path("spool/outbox")).unwrap();
    running.signal("-HUP");
    until("a check-in", || (world.depot().asked_for("checkin") == 2).then_some(()));
    world.bundles([4]);
    until("the delivery", || world.depot().held.contains_key(&4).then_some(()));
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn a_word_that_is_being_renewed_is_read_again() {
    let world = World::new();
    let courier = world.courier();
    let other = writ_wire::Signed::by(b"{}".to_vec(), &secret(OWN), "t").unwrap();
    let presence = world.path("spool/presence");
    let document = std::fs::read(presence.join("courier.json")).unwrap();
    let ready = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        // Between its two renames an enforcer leaves the old document beside the new signature.
        std::fs::write(presence.join("courier.json.minisig"), &other.signatures[0].0).unwrap();
        let writer = scope.spawn(|| {
            ready.wait();
            let again = secret(OWN).sign(&document, "t", "u").unwrap().to_string();
            std::fs::write(presence.join("courier.json.minisig"), again).unwrap();
        });
        ready.wait();
        courier.vouched().unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn a_signal_asks_for_everything_now() {
    let world = unhurried();
    let running = Running::start(&world);
    until("the first check-in", || (world.depot().asked_for("checkin") == 1).then_some(()));
    until("the first pull", || (world.depot().asked_for("sync") == 1).then_some(()));
    world.publish_serial(1);
    running.signal("-HUP");
    until("the release", || world.has(1).then_some(()));
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn a_signal_at_the_very_start_does_not_end_it() {
    let world = World::new();
    let config = std::fs::read(world.path("etc/sync.toml")).unwrap();
    let pipe = world.path("etc/pipe.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ-sync"));
    let running = Running(command.arg("--config").arg(&pipe).env_remove("NOTIFY_SOCKET").spawn().unwrap());
    // Opens when the program does: it has not even read whose courier it is.
    let mut written = std::fs::File::options().write(true).open(&pipe).unwrap();
    running.signal("-HUP");
    std::io::Write::write_all(&mut written, &config).unwrap();
    drop(written);
    until("the status", || world.path("state/status.json").exists().then_some(()));
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn it_outlives_a_depot_that_answers_nothing_but_garbage() {
    let world = World::new();
    world.publish_serial(1);
    world.bundles(1..=2);
    let mut number = 0_u8;
    world.depot().lies(move |_, answer| {
        number = number.wrapping_add(1);
        *answer = match number % 4 {
            0 => Answer::status(500),
            1 => Answer::ok(vec![number; 10_000]),
            2 => Answer { cut: Some(3), ..Answer::ok(b"0123456789".to_vec()) },
            _ => Answer::ok(b"{}".to_vec()),
        };
    });
    drop(world.courier());
    let running = Running::start(&world);
    until("some lies", || (world.depot().asked.len() >= 6).then_some(()));
    let failing = || world.status()["jobs"]["sync"]["problem"].is_string();
    until("the status to say so", || failing().then_some(()));
    assert!(!world.has(1) && world.receipts().is_empty());
    world.depot().is_honest();
    running.signal("-HUP");
    until("the release", || world.has(1).then_some(()));
    until("the delivery", || (world.receipts().len() == 2).then_some(()));
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn a_closure_is_fetched_beside_everything_else() {
    let world = World::new();
    let paths = [world.store_path("system", b"system".repeat(1_000), true)];
    world.publish_closure(1, &paths);
    let (gate, opened) = std::sync::mpsc::channel::<()>();
    world.depot().lies(move |path, answer| {
        // Not there yet.
        if path.starts_with("/nar/") && opened.try_recv().is_err() {
            *answer = Answer::status(503);
        }
    });
    drop(world.courier());
    let running = Running::start(&world);
    until("the fetch to be tried", || (world.depot().asked_for("/nar/") > 0).then_some(()));
    world.bundles([1]);
    until("a delivery meanwhile", || (world.receipts() == [1]).then_some(()));
    let check_ins = world.depot().asked_for("checkin");
    until("check-ins meanwhile", || (world.depot().asked_for("checkin") > check_ins).then_some(()));
    assert!(!world.has(1));
    (0..100).for_each(|_| gate.send(()).unwrap());
    running.signal("-HUP");
    until("the release", || world.has(1).then_some(()));
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn a_second_one_is_told_that_there_is_one() {
    let world = World::new();
    let _first = world.courier();
    let second = world.command().output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another writ-sync"));
}

#[test]
fn its_help_teaches() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ-sync"));
    let help = String::from_utf8(command.arg("--help").output().unwrap().stdout).unwrap();
    for part in ["sync.toml", "--once", "SIGHUP", "Exit codes", "status.json"] {
        assert!(help.contains(part), "{part}");
    }
}
