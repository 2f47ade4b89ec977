//! Restarts, lost state, plans, exceptions, pauses, undo, a full disk.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use writ_evidence::Kind;
use writ_evidence::incident::{ActionResult, ResolutionStatus};
use writ_evidence::posture::Posture;
use writ_evidence::records::{PausePhase, StartReason};
use writ_policy::outcome::Outcome;

use crate::support::{Site, chmod, key, mode, now, until};

fn site_with(names: &[&str]) -> (Site, Value) {
    let site = Site::new();
    let mut policy = site.policy();
    for name in names {
        site.file_check(&mut policy, name);
    }
    site.publish(1, &policy);
    (site, policy)
}

#[test]
fn the_chain_and_the_numbers_go_on_over_restarts() {
    let (site, _) = site_with(&["motd"]);
    for _ in 0..3 {
        chmod(&site.path("target/motd"), 0o600);
        site.once_is(0);
    }
    let incidents = site.incidents();
    assert_eq!((incidents.opened.len(), incidents.closed.len()), (3, 3));
    let why: Vec<_> = site.of_kind(Kind::Started).into_iter().map(|b| b.started.unwrap().why).collect();
    assert_eq!(why, [StartReason::FirstStart, StartReason::Once, StartReason::Once]);
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    daemon.kill();
    let daemon = site.daemon();
    until("it recovered", || {
        site.of_kind(Kind::Started)
            .iter()
            .any(|b| b.started.as_ref().unwrap().why == StartReason::Recovery)
            .then_some(())
    });
    drop(daemon);
}

#[test]
fn a_lost_state_continues_the_chain_that_is_in_the_outbox() {
    let (site, _) = site_with(&["motd"]);
    site.once_is(0);
    let before = site.bundles().len();
    for damage in ["", "{}", "gone"] {
        match damage {
            "gone" => fs::remove_file(site.state("state.json")).unwrap(),
            text => fs::write(site.state("state.json"), text).unwrap(),
        }
        site.once_is(0);
    }
    let bundles = site.bundles();
    assert!(bundles.len() > before);
    assert!(
        bundles
            .iter()
            .any(|b| b.started.as_ref().is_some_and(|s| s.recovered.iter().any(|l| l.contains("state was lost"))))
    );
}

#[test]
fn a_new_key_begins_a_new_chain_that_names_the_old_one() {
    let (mut site, policy) = site_with(&["motd"]);
    site.once_is(0);
    let (old, last) = (site.appliance_key.public_key(), site.bundles().len() as u64);
    site.appliance_key = key(33);
    fs::write(site.path("etc/key"), site.appliance_key.to_open_file().as_bytes()).unwrap();
    site.publish(2, &policy);
    site.once_is(0);
    let started = site.bundles()[0].started.clone().unwrap();
    let end = started.previous_chain.unwrap();
    assert_eq!((end.public_key.fingerprint(), end.sequence), (old.fingerprint(), last));
    assert!(site.path("outbox").join(old.fingerprint()).is_dir());
}

/// The disk with the key and the outbox was kept, and all that was known was not.
#[test]
fn a_machine_that_was_imaged_anew_starts_from_the_newest_release_and_says_so() {
    let (site, policy) = site_with(&["motd"]);
    site.once_is(0);
    site.publish(2, &policy);
    site.once_is(0);
    let before = site.bundles().len();
    let told =
        |site: &Site| site.bundles().iter().filter_map(|b| b.started.as_ref().map(|s| s.reimaged)).collect::<Vec<_>>();
    assert!(told(&site).iter().all(|reimaged| !reimaged), "{:?}", told(&site));
    fs::remove_dir_all(site.path("state")).unwrap();
    site.once_is(0);
    assert_eq!(told(&site).last(), Some(&true));
    assert!(site.bundles().len() > before, "the chain goes on");
    let floor: Value = serde_json::from_slice(&fs::read(site.state("floor")).unwrap()).unwrap();
    assert_eq!(floor["release"]["serial"], 2, "the newest that is there, whatever else is");
}

fn listing(root: &Path) -> Vec<(String, u64, std::time::SystemTime)> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let metadata = entry.path().symlink_metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            all.push((entry.path().display().to_string(), metadata.len(), metadata.modified().unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_plan_says_what_would_be_done_and_changes_nothing() {
    let (site, _) = site_with(&["motd", "fine"]);
    chmod(&site.path("target/motd"), 0o600);
    for fresh in [true, false] {
        if !fresh {
            site.once_is(0);
            chmod(&site.path("target/motd"), 0o600);
        }
        let before = listing(site.dir.path());
        let output = site.command().args(["--plan", "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let line = report["checks"].as_array().unwrap().iter().find(|l| l["check"] == "file.motd").unwrap();
        assert_eq!(line["would_run"]["rule"], "L1-motd");
        assert!(line["would_run"]["steps"][0].as_str().unwrap().contains("file.restore"));
        let fine = report["checks"].as_array().unwrap().iter().find(|l| l["check"] == "file.fine").unwrap();
        assert_eq!((&fine["outcome"], &fine["would_run"]), (&json!("pass"), &Value::Null));
        assert_eq!(listing(site.dir.path()), before);
        assert_eq!(mode(&site.path("target/motd")), 0o600);
    }
}

#[test]
fn what_an_exception_lifts_is_seen_and_left_alone() {
    let (site, mut policy) = site_with(&["motd"]);
    policy["exceptions"]["EX-001"] = json!({
        "control": null, "check": "file.motd", "reason": "r", "risk": "r", "compensating": "c", "owner": "o", "approved_by": "owner",
        "approval": writ_trust::digest::Digest::of(b"approval"), "approved_at": now().plus_millis(-1000),
        "expires": now().plus_millis(86_400_000), "declared_at": { "file": "hosts/x.nix", "line": 1 },
    });
    site.once_is(0);
    site.publish(2, &policy);
    chmod(&site.path("target/motd"), 0o600);
    let said = site.once_is(0);
    assert!(said.contains("excepted by EX-001"), "{said}");
    assert_eq!(mode(&site.path("target/motd")), 0o600);
    assert!(site.incidents().opened.is_empty());
    let changes: Vec<_> = site
        .of_kind(Kind::Posture)
        .into_iter()
        .filter_map(|b| if let Some(Posture::Change(change)) = b.posture { Some(change) } else { None })
        .collect();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].to, Outcome::Fail);
    assert!(changes[0].reasons.iter().any(|r| r.contains("EX-001")));
}

#[test]
fn a_failed_step_takes_back_the_ones_before_and_exit_codes_decide_nothing() {
    let (site, mut policy) = site_with(&["motd"]);
    let path = site.path("target/motd");
    let restore = |id: &str, path: &Path, mode: &str, undo: Value| json!({ "id": id, "step": "file.restore", "parameters": { "path": path, "mode": mode }, "timeout": "10s", "undo": undo });
    let undo = json!({ "step": "file.restore", "parameters": { "path": path, "mode": "0640" }, "timeout": "10s" });
    policy["runbooks"]["RB-motd"]["steps"] = json!([
        restore("first", &path, "0644", undo),
        restore("breaks", &site.path("missing/file"), "0644", Value::Null),
        restore("never", &path, "0644", Value::Null),
    ]);
    policy["checks"]["file.motd"]["severity"] = json!("medium");
    policy["rules"]["L1-motd"]["attempts"] = json!(1);
    site.publish(2, &policy);
    chmod(&path, 0o600);
    site.once_is(1);
    assert_eq!(mode(&path), 0o640, "undone");
    // It holds again by other hands: the closing bundle tells all that was tried.
    chmod(&path, 0o644);
    site.once_is(0);
    let closed = site.incidents().closed.into_values().next().unwrap();
    let results: Vec<_> = closed.actions_taken.iter().map(|a| (a.result, a.undo)).collect();
    use ActionResult::{Failed, Ok, Skipped};
    assert_eq!(results, [(Ok, false), (Failed, false), (Skipped, false), (Ok, true)]);
    assert_eq!(closed.outputs.unwrap().resolution_status, ResolutionStatus::Success);
    assert_eq!(closed.execution.unwrap().escalations.len(), 1);
}

#[test]
fn the_circuit_breaker_stops_a_rule_that_keeps_firing() {
    let (site, mut policy) = site_with(&["motd"]);
    policy["settings"]["circuit_breaker"]["fires"] = json!(3);
    site.publish(2, &policy);
    for round in 1..=4 {
        chmod(&site.path("target/motd"), 0o600);
        site.once_is(i32::from(round == 4));
    }
    assert_eq!(site.incidents().closed.len(), 3);
    let plan = site.of_kind(Kind::Plan).pop().unwrap().plan.unwrap();
    assert!(
        plan.reason.contains("stopped") && plan.reason.contains("L2: the policy enables no planner"),
        "{}",
        plan.reason
    );
}

#[test]
fn people_can_pause_healing_by_the_code_and_only_by_it() {
    let (site, _) = site_with(&["motd"]);
    let code = site.path("etc/pause-code");
    site.configure(&format!("pause_code_file = {:?}\n", code.display().to_string()));
    let file = |name: &str, text: &str| {
        fs::write(site.path(name), text).unwrap();
        site.path(name)
    };
    let (right, wrong) = (file("right", "open sesame\n"), file("wrong", "open sesamf\n"));
    let mut make = Command::new(env!("CARGO_BIN_EXE_writ-enforce"));
    make.arg("pause-code").arg("--out").arg(&code).arg("--code-file").arg(&right);
    assert!(make.status().unwrap().success());
    let pause = |code: &Path, checks: &str, length: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ-enforce"));
        command.arg("pause").arg("--config").arg(site.path("etc/enforce.toml"));
        command.args(["--checks", checks, "--for", length, "--reason", "repair", "--code-file"]).arg(code);
        command.output().unwrap()
    };
    let mut daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    assert_eq!(pause(&right, "file.unknown", "1m").status.code(), Some(1));
    assert_eq!(pause(&right, "file.motd", "9h").status.code(), Some(1));
    let granted = pause(&right, "file.motd", "3s");
    assert_eq!(granted.status.code(), Some(0), "{granted:?}");
    chmod(&site.path("target/motd"), 0o600);
    until("seen, not healed", || (site.incidents().opened.len() == 1).then_some(()));
    daemon.kill();
    daemon = site.daemon();
    assert_eq!(mode(&site.path("target/motd")), 0o600, "a pause survives a restart");
    until("healed when it is over", || (site.incidents().closed.len() == 1).then_some(()));
    let phases: Vec<_> = site.of_kind(Kind::Pause).into_iter().map(|b| b.pause.unwrap().phase).collect();
    assert_eq!(phases, [PausePhase::Begun, PausePhase::Expired]);
    let closed = site.incidents().closed.into_values().next().unwrap();
    assert_eq!(
        closed.change,
        Some(writ_evidence::incident::Change::Intended),
        "people changed it while they had a pause"
    );
    assert_eq!(pause(&wrong, "file.motd", "1m").status.code(), Some(1));
    let delayed = pause(&right, "file.motd", "1m");
    assert_eq!(delayed.status.code(), Some(1), "even the right code waits after a wrong one");
    assert!(String::from_utf8_lossy(&delayed.stderr).contains("is looked at in"));
    let rules: Vec<_> = site.of_kind(Kind::Refused).into_iter().map(|b| b.refused.unwrap().rule).collect();
    assert_eq!(rules, ["pause-bounds", "pause-bounds", "break-glass-code", "break-glass-delay"]);
    assert_eq!(daemon.stop(), Some(0));
    let everything = fs::read_to_string(site.state("state.json")).unwrap() + &site.log();
    assert!(!everything.contains("sesame"));
}

#[test]
fn two_enforcers_do_not_share_a_state() {
    let (site, _) = site_with(&["motd"]);
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    let said = site.once_is(2);
    assert!(said.contains("another writ-enforce"), "{said}");
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn what_cannot_run_says_why() {
    let (site, _) = site_with(&["motd"]);
    chmod(&site.path("etc/key"), 0o644);
    assert!(site.once_is(2).contains("chmod 600"));
    chmod(&site.path("etc/key"), 0o600);
    fs::remove_dir_all(site.path("releases")).unwrap();
    assert!(site.once_is(2).contains("no release was accepted"));
    fs::remove_file(site.path("etc/trust.json")).unwrap();
    assert!(site.once_is(2).contains("first trust root"));
}

/// A small tmpfs, mounted for as long as it lives.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &Path, size: &str) -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test mounts a small tmpfs: run the suite as root");
        fs::create_dir_all(at).unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at)
            .status()
            .unwrap();
        assert!(status.success(), "mount of a tmpfs failed");
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn on_a_full_disk_healing_goes_on_and_evidence_waits_for_room() {
    let (site, _) = site_with(&["motd"]);
    let state = SmallDisk::mount(&site.path("state"), "512k");
    let outbox = SmallDisk::mount(&site.path("outbox"), "512k");
    let daemon = site.daemon();
    until("it runs", || (!site.of_kind(Kind::Posture).is_empty()).then_some(()));
    for (round, disk) in [&state, &outbox].into_iter().enumerate() {
        let filler = disk.0.join("filler");
        let _ = fs::write(&filler, vec![0; 1 << 20]);
        let told = site.bundles().len();
        for drift in 1..=5 {
            chmod(&site.path("target/motd"), 0o600);
            let closed = || site.log().matches("incident closed").count();
            until("healed with a full disk", || (closed() == 5 * round + drift).then_some(()));
            assert_eq!(mode(&site.path("target/motd")), 0o644);
        }
        until("it complains", || (site.log().matches("cannot be written").count() > round).then_some(()));
        assert!(site.bundles().len() < told + 10);
        fs::remove_file(&filler).unwrap();
        until("all of it is told", || (site.incidents().closed.len() >= 5 * (round + 1)).then_some(()));
    }
    assert_eq!(daemon.stop(), Some(0));
    let incidents = site.incidents();
    assert_eq!(incidents.opened.len(), incidents.closed.len());
    assert!(site.log().contains("nothing was lost"));
}

#[test]
fn a_kill_on_a_full_disk_keeps_what_was_told() {
    let (site, _) = site_with(&["motd"]);
    let state = SmallDisk::mount(&site.path("state"), "512k");
    site.once_is(0);
    let daemon = site.daemon();
    until("it runs", || site.log().contains("watching").then_some(()));
    let filler = state.0.join("filler");
    let _ = fs::write(&filler, vec![0; 1 << 20]);
    chmod(&site.path("target/motd"), 0o600);
    until("healed", || (mode(&site.path("target/motd")) == 0o644).then_some(()));
    let told = site.bundles();
    daemon.kill();
    fs::remove_file(&filler).unwrap();
    site.once_is(0);
    assert_eq!(site.bundles()[..told.len()], told[..]);
}

#[test]
fn when_disk_and_memory_are_full_healing_goes_on_and_is_counted() {
    let site = Site::new();
    let mut policy = site.policy();
    let healed = site.file_check(&mut policy, "healed");
    for number in 0..520 {
        let path = site.path("target").join(format!("hopeless-{number}"));
        fs::write(&path, "").unwrap();
        policy["checks"][format!("file.hopeless-{number}")] = json!({
            "title": "t", "probe": { "file": { "path": path } }, "expect": { "exists": { "eq": true } }, "prefer": null,
            "every": "1h", "target": "self", "severity": "low", "declared_at": { "file": "x.nix", "line": 1 },
        });
    }
    site.publish(1, &policy);
    let state = SmallDisk::mount(&site.path("state"), "8m");
    let daemon = site.daemon();
    until("it runs", || (!site.of_kind(Kind::Posture).is_empty()).then_some(()));
    let filler = state.0.join("filler");
    let _ = fs::write(&filler, vec![0; 16 << 20]);
    for number in 0..520 {
        fs::remove_file(site.path("target").join(format!("hopeless-{number}"))).unwrap();
    }
    until("memory is full too", || site.log().contains("disk and memory are full").then_some(()));
    chmod(&healed, 0o600);
    until("healed all the same", || (mode(&healed) == 0o644).then_some(()));
    fs::remove_file(&filler).unwrap();
    until("every failure is told once there is room", || (site.incidents().opened.len() >= 520).then_some(()));
    let refused = || site.of_kind(Kind::Refused).into_iter().filter_map(|bundle| bundle.refused);
    until("what was healed is told, without a start", || refused().find(|refused| refused.rule == "unrecorded"));
    assert_eq!(daemon.stop(), Some(0));
    site.once_is(1);
    let told = site.of_kind(Kind::Started).pop().unwrap().started.unwrap().recovered;
    assert!(!told.iter().any(|line| line.contains("healed without a record")), "and once: {told:?}");
}

#[test]
fn what_is_accepted_is_on_disk_before_it_is_obeyed_and_told_after() {
    let (site, _) = site_with(&["motd"]);
    chmod(&site.path("target/motd"), 0o600);
    let trace = site.path("trace");
    let status = Command::new("strace")
        .args([
            "-f",
            "-y",
            "-s",
            "300",
            "-e",
            "trace=fsync,rename,renameat,renameat2,linkat,fchmod,fchmodat,chmod",
            "-o",
        ])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_writ-enforce"))
        .arg("--config")
        .arg(site.path("etc/enforce.toml"))
        .arg("--once")
        .env_remove("WRIT_CRASH_AT")
        .status()
        .expect("strace is needed");
    assert_eq!(status.code(), Some(0));
    let trace = fs::read_to_string(trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let state = site.path("state").display().to_string();
    let first = |what: &str, from: usize, is: &dyn Fn(&str) -> bool| {
        from + lines[from..]
            .iter()
            .position(|line| is(line))
            .unwrap_or_else(|| panic!("{what}, from line {from}:\n{trace}"))
    };
    let renames = |name: &'static str| move |line: &str| line.contains("rename") && line.contains(name);
    let synced = |line: &str| line.contains("fsync") && line.contains(&format!("{state}>"));
    let documents = first("the documents", 0, &renames("1-1/release.json\""));
    let floor = first("the floor", documents, &renames("/floor\""));
    assert!(lines[..floor].iter().any(|l| l.contains("fsync") && l.contains(".floor.writ-tmp")));
    let floor_synced = first("the floor's directory", floor, &synced);
    let obeyed = first("the state", floor_synced, &renames("/state.json\""));
    // The incident: its state is durable before anything is done about it, and before it is told.
    let opened = first("the state with the incident", obeyed + 1, &renames("/state.json\""));
    let opened_synced = first("its directory", opened, &synced);
    let told = first("the opening bundle", opened, &|line| line.contains("rename") && line.contains("outbox/3-EB-"));
    let done = first("the heal", opened, &|line| line.contains("target/") && line.contains("motd"));
    assert!(opened_synced < told && opened_synced < done, "{opened_synced} {told} {done}");
}
