//! Do releases come in, and does evidence go out?

use std::fs;
use std::io;

use writ_agent::clock::now;
use writ_agent::config::Config;
use writ_agent::enforce::refused::Source;
use writ_agent::enforce::state::State;
use writ_agent::switch::journal::SetAside;
use writ_agent::switch::{self, Document, Journal, Launch, SwitchRequest};
use writ_agent::sync::schedule::Job;
use writ_agent::sync::trouble::Trouble;
use writ_client::Error;
use writ_trust::digest::Digest;
use writ_trust::floor::Floor;

use super::all_done;
use super::house::{DAY, House, release_key};

/// A depot that is gone.
pub fn unreachable() -> Error {
    Error::Unreachable { depot: "https://depot.example".into(), why: "Connection refused".into() }
}

fn words(found: &serde_json::Value, wanted: &[&str]) {
    let text = format!("{} {}", found["what"], found["next"]);
    let text = format!("{} {text}", found["subject"]);
    wanted.iter().for_each(|words| assert!(text.contains(words), "{words}: {text}"));
}

/// The causes that the courier tells of, as its own writer writes them.
#[test]
fn what_is_in_the_couriers_way() {
    let mut house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let answered =
        Error::Refused { target: "/agent/check-in".into(), status: 401, retry_after: None, body: b"who?".to_vec() };
    let local =
        Trouble::Local { path: "/spool/inbox".into(), source: io::Error::from(io::ErrorKind::PermissionDenied) };
    let cases: Vec<(Job, Trouble, &str, &[&str])> = vec![
        (
            Job::CheckIn,
            unreachable().into(),
            "depot-unreachable",
            &["Connection refused", "curl -sS https://depot.example/health"],
        ),
        (Job::CheckIn, answered.into(), "check-in-fails", &["401", "as it should"]),
        (Job::Sync, Trouble::refused("log-consistency", "two histories"), "pull-fails", &["ALARM", "docs/audit.md"]),
        (Job::Sync, local, "pull-fails", &["/spool/inbox", "owner"]),
        (Job::Fetch, Trouble::refused("nar", "the hash is another"), "download-fails", &["cache is damaged"]),
        (
            Job::Deliver,
            Trouble::Left("bundles stay in the outbox: 2 refused".into()),
            "delivery-fails",
            &["2 refused", "keeps the depot"],
        ),
        (Job::Notices, Trouble::refused("notice-receipt", "of another"), "notices-fail", &["of another"]),
        (
            Job::Logs,
            Trouble::Left("3 batches of logs are not taken".into()),
            "logs-fail",
            &["3 batches", "keeps the depot"],
        ),
        (Job::Orders, Trouble::refused("signature-threshold", "1 of 2"), "orders-fail", &["1 of 2"]),
    ];
    for (job, trouble, code, wanted) in cases {
        let mut jobs = all_done();
        jobs.push((job, Err(trouble)));
        house.courier(&jobs, |_| {});
        words(&house.says(1, code), wanted);
    }
    // A depot that no job reaches is one cause.
    let all = Job::ALL.map(|job| (job, Err(unreachable().into())));
    house.courier(&all, |_| {});
    words(&house.says(1, "depot-unreachable"), &["once in a row", "has not checked in since"]);
    // What is waited for is no fault.
    let mut jobs = all_done();
    jobs.push((Job::Deliver, Err(Trouble::Waiting("the log's key is not known yet".into()))));
    house.courier(&jobs, |_| {});
    house.says(0, "delivery-waits");
}

#[test]
fn clocks_that_differ_and_check_ins_that_fail_to_come() {
    let mut house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    house.courier(&all_done(), |status| status.clock_offset_ms = Some(-3_600_000));
    words(&house.says(1, "clock-differs"), &["1 h ahead of the depot's"]);
    house.courier(&all_done(), |status| status.clock_offset_ms = Some(1 << 52));
    house.says(1, "clock-differs");
    let long_ago = now().plus_millis(-600_000);
    house.courier(&all_done(), |status| status.jobs.get_mut("check-in").unwrap().done_at = Some(long_ago));
    words(&house.says(1, "check-in-overdue"), &["10 min", "60s"]);
}

#[test]
fn configurations_that_mean_different_appliances() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    house.furnish_courier("clinic-002", "elsewhere");
    let said = house.doctor(&["--format", "json"]);
    assert_eq!((said.code, said.of("configurations-differ").len()), (Some(1), 4), "{}", said.stdout);
}

#[test]
fn releases_that_do_not_come_or_are_refused() {
    let house = House::new();
    let mut enforcer = house.enforcer();
    enforcer.write_status();
    words(&house.says(1, "nothing-obeyed"), &["no release is obeyed yet"]);
    let policy = house.policy();
    house.publish(7, &policy);
    assert!(enforcer.poll_releases());
    enforcer.check("file.motd");
    enforcer.write_status();
    let same = |_: &mut serde_json::Value| {};
    house.put_by_stranger(8, &house.release(8, &policy, same));
    words(&house.says(1, "refused"), &["signature-threshold", "writ release sign"]);
    fs::remove_dir_all(house.path("spool/inbox/releases/clinic-001/1-8")).unwrap();

    // The time for what it changes has not come: that is as it should be.
    let documents = house.path("spool/inbox/documents");
    let whole = fs::read_dir(&documents).unwrap().next().unwrap().unwrap().path();
    let later = now().plus_millis(DAY);
    let mut other = policy.clone();
    other["settings"]["title"] = "A clinic to come".into();
    house.put(
        8,
        &house.release(8, &other, |r| r["generations"]["front-desk"]["not_before"] = serde_json::json!(later)),
        &release_key(),
    );
    words(&house.says(0, "release-not-before"), &["not-before", "wait"]);

    // One that breaks no rule will be taken up.
    house.publish(8, &policy);
    words(&house.says(0, "release-to-come"), &["release 1-8"]);
    fs::rename(&whole, house.path("kept")).unwrap();
    words(&house.says(1, "release-incomplete"), &["is not there yet", "copy the folder"]);
}

#[test]
fn releases_and_trust_roots_that_end() {
    let house = House::new();
    let policy = house.policy();
    let soon = now().plus_millis(10 * DAY);
    house.put(7, &house.release(7, &policy, |r| r["expires_at"] = serde_json::json!(soon)), &release_key());
    let mut enforcer = house.enforcer();
    assert!(enforcer.poll_releases());
    enforcer.check("file.motd");
    enforcer.write_status();
    words(&house.says(0, "release-ends-soon"), &["writ release draft"]);
    house.put_root(now().plus_millis(DAY));
    words(&house.says(0, "trust-root-ends-soon"), &["23 h"]);
    house.put_root(now().plus_millis(-1000));
    words(&house.says(1, "trust-root-ended"), &["writ trust draft"]);
    fs::write(house.path("state/floor"), "{").unwrap();
    words(&house.says(1, "cannot-accept"), &["floor", "from a copy"]);
}

#[test]
fn a_release_that_ended_is_enforced_on() {
    let house = House::new();
    let policy = house.policy();
    let _enforcer = house.enforcing(&policy);
    // The same release as if half a year had gone by: it was accepted while it was good.
    let ended = now().plus_millis(-30_000);
    let bytes = house.release(7, &policy, |r| r["expires_at"] = serde_json::json!(ended));
    fs::write(house.path("state/generations/1-7/release.json"), &bytes).unwrap();
    house.edit_state("state.json", |state| state["running"]["digest"] = serde_json::json!(Digest::of(&bytes)));
    let mut floor = Floor::parse(&fs::read(house.path("state/floor")).unwrap()).unwrap();
    floor.release.as_mut().unwrap().digest = Digest::of(&bytes);
    fs::write(house.path("state/floor"), floor.canonical()).unwrap();
    house.put(7, &bytes, &release_key());
    words(&house.says(1, "release-ended"), &["enforced on", "release again"]);
}

#[test]
fn a_log_that_was_not_heard_of() {
    let house = House::logged();
    let mut enforcer = house.enforcer();
    enforcer.poll_releases();
    enforcer.write_status();
    let said = house.doctor(&["--format", "json"]);
    assert_eq!(said.of("log-not-heard-yet")[0]["weight"], "note", "{}", said.stdout);
    drop(enforcer);
    let long_ago = now().plus_millis(-3 * DAY);
    house.edit_state("state.json", |state| state["log_since"] = serde_json::json!(long_ago));
    words(&house.says(1, "log-stale"), &["log-freshness", "news may be withheld"]);
}

/// A journal, as the switch writes it.
pub fn journal(house: &House, change: impl FnOnce(&mut Journal)) {
    let config = Config::read(&house.path("etc/enforce.toml")).unwrap();
    let document = || Document { path: "/p".into(), digest: Digest::of(b"") };
    let request = SwitchRequest {
        site: config.site.clone(),
        appliance: config.appliance.clone(),
        epoch: "1".parse().unwrap(),
        serial: "7".parse().unwrap(),
        release: Digest::of(b"release"),
        toplevel: "/nix/store/00000000000000000000000000000000-system".into(),
        policy: document(),
        closure: document(),
        cache_dir: "/c".into(),
        cache_keys: vec![],
        state_dir: config.state_dir.clone(),
        profile: config.profile.clone(),
        activation: config.activation.clone(),
        activation_timeout: config.activation_timeout.clone(),
        fallback_window: config.fallback_window.clone(),
        gc_roots: "/g".into(),
        launch: Launch::Process,
        switch_binary: None,
        boot: writ_agent::config::Boot::default(),
        at_once: false,
    };
    let mut journal = Journal::begin(request, None, None, now());
    change(&mut journal);
    journal.write().unwrap();
}

#[test]
fn switches_that_wait_fail_or_are_under_way() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let note = |journal: &mut Journal, text: &str| journal.history.last_mut().unwrap().note = text.to_owned();
    journal(&house, |j| {
        (j.course.waits, j.course.resting) = (3, true);
        j.not_before = Some(now().plus_millis(300_000));
        note(j, "the cache lacks a path");
    });
    words(&house.says(1, "switch-waits"), &["3 tries", "the cache lacks a path", "writ-switch run"]);
    journal(&house, |j| (j.course.state, j.course.activated) = (switch::State::Probation, true));
    words(&house.says(0, "switch-under-way"), &["probation"]);
    journal(&house, |j| {
        (j.course.state, j.course.settled) = (switch::State::RollbackFailed, true);
        note(j, "the activation ended with 1");
    });
    words(&house.says(1, "rollback-failed"), &["needs a person", "boot menu"]);
    journal(&house, |j| {
        (j.course.state, j.course.settled) = (switch::State::RolledBack, true);
        j.set_aside.push(SetAside {
            epoch: "1".parse().unwrap(),
            serial: "7".parse().unwrap(),
            release: Digest::of(b"release"),
            at: now(),
            reason: "file.motd did not hold".into(),
        });
    });
    words(&house.says(1, "release-set-aside"), &["file.motd did not hold", "newer serial"]);
    let record = serde_json::json!({
        "schema": "writ.reboot.v1", "epoch": 1, "serial": 7, "candidate": "/nix/store/00000000000000000000000000000000-system",
        "stage": "dropped", "boot_id": "", "at": now(), "why": null, "left": "/boot/EFI/writ: Read-only file system",
    });
    fs::write(house.path("state/reboot.json"), record.to_string()).unwrap();
    words(&house.says(1, "boot-entry-left"), &["next start", "Read-only file system", "every 10 minutes"]);
    fs::write(house.path("state/switch.json"), "{").unwrap();
    house.says(1, "journal-damaged");
    // Accepted, and nothing came of it.
    fs::remove_file(house.path("state/switch.json")).unwrap();
    let mut floor = Floor::parse(&fs::read(house.path("state/floor")).unwrap()).unwrap();
    floor.release.as_mut().unwrap().serial = "8".parse().unwrap();
    fs::write(house.path("state/floor"), floor.canonical()).unwrap();
    words(&house.says(1, "release-not-begun"), &["release 1-8", "journalctl"]);
    // Unless it is to come of it later.
    house.edit_state("status.json", |status| {
        status["window"] = serde_json::json!({ "release": "1-8", "until": null, "opens": "Sunday 02:00 Etc/UTC" });
    });
    words(&house.says(0, "window-waits"), &["release 1-8", "Sunday 02:00 Etc/UTC", "with a window that is open now"]);
}

#[test]
fn a_system_that_is_in_effect_only_in_part() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let run = house.path("machine/run");
    fs::create_dir_all(&run).unwrap();
    for (system, link) in [("a", "booted-system"), ("b", "current-system")] {
        fs::create_dir(house.path("machine").join(system)).unwrap();
        fs::write(house.path("machine").join(system).join("kernel"), "").unwrap();
        std::os::unix::fs::symlink(format!("../{system}"), run.join(link)).unwrap();
    }
    let file = house.path("etc/enforce.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{config}\n[boot]\nroot = {:?}\n", house.path("machine"))).unwrap();
    words(&house.says(0, "reboot-pending"), &["was changed since the machine was started", "allow `reboot`"]);
}

#[test]
fn a_disk_that_takes_nothing() {
    let house = House::new();
    let policy = house.policy();
    let mut enforcer = house.enforcing(&policy);
    let outbox = house.path("spool/outbox");
    fs::remove_dir_all(&outbox).unwrap();
    fs::write(&outbox, "in the way").unwrap();
    house.break_it();
    enforcer.check("file.motd");
    enforcer.write_status();
    let said = house.doctor(&["--format", "json"]);
    words(&said.of("disk-trouble")[0], &["bundles wait", "df -h"]);
}

#[test]
fn evidence_that_piles_up_or_is_not_proven() {
    let house = House::new();
    let policy = house.policy();
    drop(house.enforcing(&policy));
    let mut state = State::load(&house.path("state")).unwrap().unwrap();
    state.unrecorded = 2;
    state.count_refusal(None, "receipt", "receipt-key", Source::Anybody);
    fs::write(house.path("state/state.json"), state.to_bytes()).unwrap();
    // Held as the enforcer holds it; a child of another test may still have it for a moment.
    let lock = fs::File::open(house.path("state/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    words(&house.says(1, "receipts-refused"), &["receipt-key", "sends the bundles again"]);
    words(&house.says(1, "unrecorded"), &["2 incidents were healed without a record"]);
    house.edit_state("status.json", |status| status["outbox"]["over_budget"] = (5 << 20).into());
    words(&house.says(1, "outbox-full"), &["5 MiB over", "outbox_budget"]);
    // What fails without an incident, while there is no room for one.
    house.edit_state("state.json", |state| state["outcomes"]["file.motd"] = "fail".into());
    words(&house.says(1, "no-room"), &["disk and memory are full", "df -h"]);
    house.edit_state("state.json", |state| state["unrecorded"] = 0.into());
    words(&house.says(1, "just-seen"), &["an incident opens"]);
}
