//! Maintenance windows: a switch to another system waits for one, by the windows of the release itself.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use writ_agent::clock::{Clock, Simulated};
use writ_agent::config::Config;
use writ_agent::enforce::driver::{Driver, Units};
use writ_agent::enforce::engine::Engine;
use writ_agent::switch::read_journal;
use writ_evidence::Kind;
use writ_evidence::records::SwitchOutcome;
use writ_nix::closure::closure_of;
use writ_nix::tool::Nix;
use writ_policy::policy::Policy;
use writ_trust::time::Time;

use crate::support::{Site, now, until};

#[allow(dead_code, clippy::duplicate_mod, reason = "shared with the tests of the switch alone")]
#[path = "switch/world.rs"]
mod world;

use world::World;

/// Two hours from now, for an hour, every day, in UTC.
fn window_later() -> (Time, Value) {
    let at = |hours: i64| now().plus_millis(hours * 3_600_000);
    let time = |at: Time| at.to_string()[11..16].to_owned();
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let minute = at(2).plus_millis(-at(2).unix_millis().rem_euclid(60_000));
    (minute, json!({ "days": days, "from": time(at(2)), "to": time(at(3)), "allows": ["switch"] }))
}

/// The site's policy with these windows.
fn policy(site: &Site, windows: &[Value]) -> Value {
    let policy = Policy::parse(&Site::policy_bytes(&site.policy())).unwrap();
    let mut policy = serde_json::to_value(&policy).unwrap();
    policy["settings"]["time_zone"] = json!("Etc/UTC");
    policy["settings"]["maintenance"]["windows"] = json!(windows);
    policy
}

fn publish(site: &Site, serial: u64, policy: &Value, toplevel: &str) {
    let mut release = site.release(serial);
    release.closure = Some(serde_json::to_value(closure_of(&Nix::default(), Path::new(toplevel)).unwrap()).unwrap());
    release.policy_schema = writ_policy::policy::SCHEMA;
    let bytes = site.release_bytes(&release, &Site::policy_bytes(policy));
    site.put(&format!("1-{serial}"), &bytes, &site.release_key);
}

/// A site that obeys release 1 with generation one, which it was switched to although its window was closed.
fn site(world: &World) -> (Site, Time, Value) {
    let site = Site::new();
    let at = |path: &Path| path.display().to_string();
    let more = format!("gc_roots = {:?}\nfallback_window = \"50ms\"\n", at(&world.path("roots")));
    site.configure_profile(&world.profile(), &more);
    let (opens, window) = window_later();
    publish(&site, 1, &policy(&site, std::slice::from_ref(&window)), &world.one);
    (site, opens, window)
}

fn switches(site: &Site) -> Vec<(u64, SwitchOutcome)> {
    let bundles = site.of_kind(Kind::Switch).into_iter();
    bundles.map(|b| b.switch.unwrap()).map(|s| (s.to.serial.get(), s.outcome)).collect()
}

/// What evidence says of releases that wait.
fn waits(site: &Site) -> Vec<String> {
    let refused = site.of_kind(Kind::Refused).into_iter().filter_map(|bundle| bundle.refused);
    refused.filter(|refused| refused.rule == "maintenance-window").map(|refused| refused.message).collect()
}

#[test]
fn another_system_waits_for_the_window_a_policy_does_not_and_a_release_may_say_that_it_is_now() {
    let world = World::new();
    let (site, opens, window) = site(&world);
    site.once_is(0);
    let closed = policy(&site, std::slice::from_ref(&window));
    publish(&site, 2, &closed, &world.two);
    site.once_is(0);
    site.once_is(0);
    assert_eq!(switches(&site), [(1, SwitchOutcome::Committed)], "the first one waits for nothing");
    let status = site.status();
    assert_eq!((&status["window"]["release"], &status["window"]["until"]), (&json!("1-2"), &json!(opens)));
    let told = waits(&site);
    assert_eq!(told.len(), 1, "once, restarts or not: {told:?}");
    assert!(told[0].contains("release 1-2") && told[0].contains("Etc/UTC"), "{told:?}");
    let plan = site.command().arg("--plan").output().unwrap();
    assert!(String::from_utf8_lossy(&plan.stdout).starts_with("release 1-1, 0 checks"));

    let mut policy_only = closed.clone();
    policy_only["settings"]["title"] = json!("Another title");
    publish(&site, 3, &policy_only, &world.one);
    site.once_is(0);
    assert_eq!(switches(&site)[1..], [(3, SwitchOutcome::Committed)], "nothing is switched to by it");
    assert_eq!(site.status()["window"], Value::Null);

    publish(&site, 4, &policy(&site, &[]), &world.two);
    site.once_is(0);
    assert_eq!(switches(&site)[2..], [(4, SwitchOutcome::Committed)], "an emergency release opens its own window");
    assert_eq!((world.profile_target().as_ref(), waits(&site).len()), (Some(&world.two), 1));
}

#[test]
fn a_release_that_waits_is_switched_to_when_its_window_opens() {
    let world = World::new();
    let (site, opens, window) = site(&world);
    site.once_is(0);
    publish(&site, 2, &policy(&site, &[window]), &world.two);
    // It is looked for beside the running program.
    let beside = std::env::current_exe().unwrap().with_file_name("writ-switch");
    let _ = symlink(env!("CARGO_BIN_EXE_writ-switch"), beside);
    let simulated = Simulated::starting(now());
    let config = Config::read(&site.path("etc/enforce.toml")).unwrap();
    let mut engine = Engine::open_at(config, Clock::Simulated(simulated.clone())).unwrap();
    engine.start(false);
    let clock = Clock::Simulated(simulated.clone());
    let mut driver = Driver::new(engine, Box::new(|_| ()), Units::default());
    let act = |driver: &mut Driver| assert!(driver.act(&mut std::iter::empty()));
    act(&mut driver);
    while clock.now() < opens {
        assert!(!driver.engine().switch_under_way(), "at {}", clock.now());
        let next = driver.next().saturating_duration_since(clock.instant()).max(Duration::from_millis(1));
        // What is due less than a minute from the opening is looked at in steps of its own.
        let left = Duration::from_millis(opens.millis_since(clock.now()).unsigned_abs());
        simulated.advance(next.clamp(Duration::from_secs(1), Duration::from_secs(300)).min(left));
        act(&mut driver);
        driver.quiet();
    }
    act(&mut driver);
    assert!(driver.engine().switch_under_way(), "the window is open");
    let journal = until("over", || read_journal(&site.path("state")).unwrap().filter(|journal| journal.is_over()));
    assert!(journal.is_committed(), "{}", journal.last_note());
    driver.engine().poll_switch();
    driver.quiet();
    assert_eq!(switches(&site)[1..], [(2, SwitchOutcome::Committed)]);
}
