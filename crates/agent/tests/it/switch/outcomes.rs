use std::fs;
use std::path::Path;

use serde_json::json;
use writ_agent::switch::journal::Judge;
use writ_agent::switch::{Journal, Resumed, State, SwitchError, acknowledge, resume, start, supersede};
use writ_nix::cache_key::CacheKey;
use writ_nix::closure::closure_of;
use writ_nix::publish::publish;
use writ_nix::tool::Nix;
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::numbers::Serial;

use super::world::{World, now};

fn states(journal: &Journal) -> Vec<State> {
    journal.history.iter().map(|step| step.state).collect()
}

#[test]
fn a_good_generation_is_kept() {
    let world = World::new();
    world.ask(&world.policy());
    let journal = world.run();
    assert!(journal.is_committed(), "{journal:#?}");
    world.assert_on_two();
    let way = [State::Verified, State::Verified, State::Imported, State::Testing, State::Probation, State::Committed];
    assert_eq!(states(&journal), way);
    assert_eq!(world.read("log"), "test two\nboot two");
    let verdict = journal.verdict.unwrap();
    assert_eq!((verdict.judged_by, verdict.required), (Judge::ReScan, vec!["state.ok".to_owned()]));
    assert_eq!(journal.before.unwrap()["never.holds"], Outcome::Fail, "what failed before is not held against it");
    assert_eq!(journal.timer, None);
}

#[test]
fn a_generation_that_breaks_what_held_is_rolled_back_whatever_its_exit_code() {
    let world = World::new();
    world.write("break-two", "");
    world.ask(&world.policy());
    let journal = world.run();
    assert_eq!(journal.course.state, State::RolledBack);
    assert!(journal.is_over() && !journal.is_committed());
    world.assert_on_one();
    assert_eq!(world.read("log"), "test two\nswitch one");
    assert!(journal.last_note().contains("state.ok"), "{}", journal.last_note());
    assert_eq!(journal.activation.unwrap().exit_code, Some(0));
}

#[test]
fn an_exit_code_alone_rolls_nothing_back() {
    let world = World::new();
    world.write("exit-test-two", "");
    world.ask(&world.policy());
    let journal = world.run();
    assert!(journal.is_committed());
    assert_eq!(journal.activation.unwrap().exit_code, Some(7));
    world.assert_on_two();
}

#[test]
fn a_check_named_for_probation_counts_even_if_it_failed_before() {
    let world = World::new();
    let mut policy = world.policy();
    policy["settings"]["probation"]["checks"] = json!(["never.holds"]);
    world.ask(&policy);
    let journal = world.run();
    assert_eq!(journal.course.state, State::RolledBack);
    assert_eq!(journal.verdict.unwrap().required, ["never.holds"]);
    world.assert_on_one();
}

#[test]
fn a_check_that_this_version_cannot_look_at_is_not_held_against_a_generation() {
    let world = World::new();
    let mut policy = world.policy();
    let mut check = policy["checks"]["state.ok"].clone();
    check["probe"] = json!({ "nix_store": {} });
    check["expect"] = json!({ "corrupt_count": { "eq": 0 } });
    policy["checks"]["store.whole"] = check;
    world.ask(&policy);
    let journal = world.run();
    assert!(journal.is_committed(), "{journal:#?}");
    let verdict = journal.verdict.unwrap();
    assert_eq!((verdict.judged_by, verdict.required), (Judge::ReScan, vec!["state.ok".to_owned()]));
    assert_eq!(journal.before.unwrap()["store.whole"], Outcome::NotAssessable);
    assert_eq!(verdict.after["store.whole"], Outcome::NotAssessable);
}

#[test]
fn a_boot_default_that_cannot_be_set_is_a_rollback() {
    let world = World::new();
    world.write("exit-boot-two", "");
    world.ask(&world.policy());
    let journal = world.run();
    assert_eq!(journal.course.state, State::RolledBack, "{journal:#?}");
    assert!(journal.last_note().contains("boot"), "{}", journal.last_note());
    world.assert_on_one();
}

#[test]
fn a_rollback_that_fails_is_reported_as_failed() {
    let world = World::new();
    for name in ["break-two", "break-one", "exit-switch-one"] {
        world.write(name, "");
    }
    world.ask(&world.policy());
    let journal = world.run();
    assert_eq!(journal.course.state, State::RollbackFailed);
    assert!(journal.is_over());
    assert_eq!(world.profile_target().as_ref(), Some(&world.one), "the next boot is into the old one all the same");
    assert!(world.path("roots/candidate").is_symlink(), "the candidate still runs: it is kept");
    let shown = world.command("status").output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("ROLLBACK FAILED"));
}

#[test]
fn an_exit_code_of_the_rollback_informs_and_what_holds_decides() {
    let world = World::new();
    for name in ["break-two", "exit-switch-one"] {
        world.write(name, "");
    }
    world.ask(&world.policy());
    assert_eq!(world.run().course.state, State::RolledBack);
    world.assert_on_one();
}

#[test]
fn the_first_switch_ever_has_nothing_to_go_back_to() {
    let world = World::new();
    fs::remove_dir_all(world.path("profiles")).unwrap();
    world.write("break-two", "");
    world.ask(&world.policy());
    let journal = world.run();
    assert_eq!((journal.course.state, journal.course.previous.as_deref()), (State::RolledBack, None));
    assert_eq!(world.profile_target(), None);
    assert!(world.path("roots/candidate").is_symlink(), "the candidate still runs: it is kept");
    let shown = world.command("status").output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("no previous generation"));
    // And a good one sets the first profile.
    world.reset();
    fs::remove_dir_all(world.path("profiles")).unwrap();
    world.ask(&world.policy());
    assert!(world.run().is_committed());
    world.assert_on_two();
}

#[test]
fn an_activation_that_cannot_run_or_hangs_is_rolled_back() {
    let world = World::new();
    let mut journal = world.ask(&world.policy());
    journal.request.activation = "bin/no-such-program".into();
    journal.write().unwrap();
    let journal = world.run();
    // The old system has no such program either: nothing could be done, and nothing was.
    assert_eq!(journal.course.state, State::RollbackFailed);
    assert_eq!(world.profile_target().as_ref(), Some(&world.one));

    world.reset();
    world.write("hang-test-two", "");
    let mut journal = world.ask(&world.policy());
    journal.request.activation_timeout = "300ms".parse().unwrap();
    journal.write().unwrap();
    let journal = world.run();
    assert_eq!(journal.course.state, State::RolledBack, "{journal:#?}");
    world.assert_on_one();
}

#[test]
fn an_import_that_fails_changes_nothing_and_is_tried_again_for_as_long_as_it_takes() {
    let world = World::new();
    let journal = world.ask(&world.policy());
    let text = fs::read_to_string(&journal.request.closure.path).unwrap();
    fs::write(&journal.request.closure.path, text.replace("busybox", "busybex")).unwrap();
    let mut rests = Vec::new();
    for tries in 1..=5 {
        let journal = world.run();
        assert!(!journal.is_over() && journal.set_aside.is_empty());
        assert_eq!((journal.course.state, journal.course.waits), (State::Verified, tries));
        assert!(journal.last_note().contains("digest"), "{}", journal.last_note());
        let (until, tried) = (journal.not_before.unwrap(), journal.history.last().unwrap().at);
        rests.push(until.millis_since(tried) / 1000);
        assert!(matches!(resume(&world.state_dir()).unwrap(), Resumed::Resting(_)), "not before {until}");
    }
    assert_eq!(rests, [5, 10, 20, 40, 80]);
    let shown = world.command("status").output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("waits, and is tried again at"));
    assert_eq!(world.read("log"), "", "nothing was activated");
    world.assert_on_one();
    fs::write(&journal.request.closure.path, text).unwrap();
    let journal = world.run();
    assert!(journal.is_committed() && journal.not_before.is_none(), "{journal:#?}");
    world.assert_on_two();
}

#[test]
fn a_closure_document_that_cannot_be_right_is_set_aside_at_once() {
    let world = World::new();
    let mut journal = world.ask(&world.policy());
    let closure = closure_of(&Nix::default(), Path::new(&world.one)).unwrap();
    let bytes = writ_trust::json::canonical(&closure);
    fs::write(&journal.request.closure.path, &bytes).unwrap();
    journal.request.closure.digest = Digest::of(&bytes);
    journal.write().unwrap();
    let journal = world.run();
    assert_eq!(journal.course.state, State::SetAside, "{journal:#?}");
    assert!(journal.is_over() && journal.is_set_aside(journal.request.epoch, journal.request.serial));
    assert!(journal.last_note().contains("the release names"), "{}", journal.last_note());
    assert_eq!(world.read("log"), "", "nothing was activated");
    world.assert_on_one();
}

#[test]
fn a_newer_release_takes_the_place_of_one_that_waits() {
    let world = World::new();
    let mut request = world.request(&world.policy());
    let journal = world.ask(&world.policy());
    let text = fs::read_to_string(&journal.request.closure.path).unwrap();
    assert!(!supersede(&world.state_dir(), "1-3").unwrap(), "it was not tried yet");
    fs::remove_file(&journal.request.closure.path).unwrap();
    world.run();
    request.serial = Serial::new(3).unwrap();
    assert!(matches!(start(&request, now()), Err(SwitchError::Unfinished { .. })));
    assert!(supersede(&world.state_dir(), "1-3").unwrap());
    let ended = world.journal();
    assert_eq!(ended.course.state, State::SetAside);
    assert!(ended.last_note().contains("release 1-3 takes its place"), "{}", ended.last_note());
    acknowledge(&world.state_dir(), ended.request.serial).unwrap();
    fs::write(&request.closure.path, text).unwrap();
    start(&request, now()).unwrap();
    super::world::until("committed", || world.journal().is_committed());
    world.assert_on_two();
}

#[test]
fn a_system_that_was_never_here_is_fetched_if_a_trusted_key_signed_it() {
    let world = World::new();
    let nix = Nix::default();
    let closure = closure_of(&nix, Path::new(&world.two)).unwrap();
    let key = CacheKey::generate("writ-test-1", &[7; 32]).unwrap();
    let mut journal = world.ask(&world.policy());
    publish(&nix, &closure, &journal.request.cache_dir, Some(&key)).unwrap();
    // Take it out of the store; other tests' calls of Nix may hold it for a moment.
    fs::remove_file(world.path("result-two")).unwrap();
    super::world::until("deleted", || {
        let _ = nix.run("nix-store", &["--delete", "--ignore-liveness", &world.two]);
        !Path::new(&world.two).exists()
    });
    journal.request.cache_keys = vec![CacheKey::generate("writ-test-1", &[8; 32]).unwrap().public_text()];
    journal.write().unwrap();
    let journal = world.run();
    assert_eq!(journal.course.state, State::Verified);
    assert!(journal.last_note().contains("no signature"), "{}", journal.last_note());
    assert!(!Path::new(&world.two).exists());

    let mut journal = world.journal();
    journal.request.cache_keys = vec![key.public_text()];
    journal.write().unwrap();
    let journal = world.run();
    assert!(journal.is_committed(), "{journal:#?}");
    assert!(journal.history.iter().any(|s| s.note.contains("1 of them fetched")), "{journal:#?}");
    world.assert_on_two();
}

#[test]
fn a_policy_of_an_unknown_schema_is_judged_by_the_candidate_s_own_enforcer() {
    for (refuses, expected) in [(false, State::Committed), (true, State::RolledBack)] {
        let world = World::new();
        if refuses {
            world.write("own-refuses", "");
        }
        world.ask(&json!({ "schema": "writ.policy.v9", "news": true }));
        let journal = world.run();
        assert_eq!(journal.course.state, expected, "{journal:#?}");
        let verdict = journal.verdict.unwrap();
        assert_eq!(verdict.judged_by, Judge::OwnEnforcer);
        assert!(verdict.reasons[0].contains("writ.policy.v9"));
    }
}

#[test]
fn one_switch_at_a_time_each_told_once_and_none_tried_again() {
    let world = World::new();
    world.write("break-two", "");
    let mut request = world.request(&world.policy());
    let first = world.ask(&world.policy());
    assert!(matches!(start(&request, now()), Err(SwitchError::Unfinished { .. })));
    assert!(matches!(acknowledge(&world.state_dir(), first.request.serial), Err(SwitchError::Unfinished { .. })));
    world.run();
    assert!(matches!(start(&request, now()), Err(SwitchError::Unacknowledged { .. })));
    let other = Serial::new(9).unwrap();
    assert!(matches!(acknowledge(&world.state_dir(), other), Err(SwitchError::OtherSerial { .. })));
    acknowledge(&world.state_dir(), first.request.serial).unwrap();
    acknowledge(&world.state_dir(), first.request.serial).unwrap();
    assert!(matches!(start(&request, now()), Err(SwitchError::SetAside { .. })));
    // A newer serial is tried, and remembers what was set aside.
    fs::remove_file(world.path("break-two")).unwrap();
    request.serial = Serial::new(3).unwrap();
    start(&request, now()).unwrap();
    super::world::until("committed", || world.journal().is_committed());
    assert!(world.journal().is_set_aside(first.request.epoch, first.request.serial));
    world.assert_on_two();
}

#[test]
fn a_journal_that_is_not_one_is_never_guessed_at() {
    let world = World::new();
    world.ask(&world.policy());
    let file = world.state_dir().join("switch.json");
    let good = fs::read_to_string(&file).unwrap();
    for bad in [
        "",
        "{}",
        &good[..good.len() / 2],
        &good.replace("writ.switch.v1", "writ.switch.v2"),
        &good.replace("\"settled\"", "\"unsettled\""),
        &good.replace("\"verified\"", "\"done\""),
    ] {
        fs::write(&file, bad).unwrap();
        let out = world.command("run").output().unwrap();
        assert_eq!(out.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&out.stderr).contains("switch.json"));
        assert!(start(&world.request(&world.policy()), now()).is_err());
    }
    world.assert_on_one();
    fs::remove_file(&file).unwrap();
    assert_eq!(world.command("run").status().unwrap().code(), Some(2));
}
