//! Runbook steps on the real machine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, RenameFlags};
use serde_json::{Value as Json, json};
use writ_agent::cancel::Cancel;
use writ_agent::looks::place::Place;
use writ_agent::steps::{self, GivenUp, STEPS, StepContext, StepReport};
use writ_policy::check::Check;
use writ_policy::schema::Kind;

use crate::probes::{context as probe_context, int, seen};

mod time;

/// What steps know, with some freedom.
pub struct World {
    pub programs: BTreeMap<String, PathBuf>,
    pub profile: PathBuf,
    pub expected: Option<String>,
    pub timeout: Duration,
    pub checks: BTreeMap<String, Check>,
    pub place: Place,
    pub cancel: Cancel,
    pub given_up: GivenUp,
}

impl Default for World {
    fn default() -> Self {
        let profile = PathBuf::from("/nowhere/profile");
        Self {
            programs: BTreeMap::new(),
            profile,
            expected: None,
            timeout: Duration::from_secs(60),
            checks: BTreeMap::new(),
            place: Place::of(&probe_context()),
            cancel: Cancel::new().unwrap(),
            given_up: GivenUp::default(),
        }
    }
}

impl World {
    fn with_program(symbol: &str, path: &Path) -> Self {
        Self { programs: BTreeMap::from([(symbol.into(), path.into())]), ..Self::default() }
    }

    pub fn run(&self, step: &str, parameters: &Json) -> StepReport {
        let context = StepContext {
            programs: Arc::new(self.programs.clone()),
            profile: self.profile.clone(),
            expected_toplevel: self.expected.clone(),
            activation: "bin/switch-to-configuration".into(),
            state_dir: "/nowhere/state".into(),
            timeout: self.timeout,
            now: probe_context().now,
            checks: Arc::new(self.checks.clone()),
            cancel: self.cancel.clone(),
            share: None,
            given_up: self.given_up.clone(),
            place: self.place.clone(),
        };
        steps::run(step, parameters.as_object().unwrap(), &context)
    }
}

pub fn done(step: &str, parameters: Json) -> StepReport {
    let report = World::default().run(step, &parameters);
    assert!(report.ok, "{step} {parameters}: {report:?}");
    report
}

pub fn refused(step: &str, parameters: Json, because: &str) {
    let report = World::default().run(step, &parameters);
    assert!(!report.ok, "{step} {parameters}: {report:?}");
    let error = report.error.unwrap();
    assert!(error.contains(because) && !error.contains('\n'), "{step} {parameters}: {error}");
}

pub fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn every_step_refuses_what_its_schema_does_not_allow() {
    assert_eq!(writ_agent::probes::registry().steps.len(), STEPS.len());
    refused("no.such.step", json!({}), "unknown step");
    for step in STEPS {
        let name = step.schema.name;
        assert!(!step.schema.about.is_empty());
        refused(name, json!({ "no_such_parameter": 1 }), "unknown parameter");
        for parameter in step.schema.parameters {
            let of_no_kind = [json!(null), json!(1.5), json!([1]), json!({"secret": 1}), json!({})];
            // Where no secret is expected, the name of one is as wrong as any other value.
            let other = (parameter.kind != Kind::Secret).then(|| json!({"secret": "x"}));
            for odd in of_no_kind.into_iter().chain(other) {
                refused(name, json!({ parameter.name: odd }), parameter.name);
            }
            if parameter.required {
                refused(name, json!({}), "missing");
            }
        }
    }
}

#[test]
fn a_file_comes_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("etc/deep/motd");
    let restore = json!({ "path": path, "content": "hello\n", "mode": "0640" });
    done("file.restore", restore.clone());
    assert_eq!(fs::read_to_string(&path).unwrap(), "hello\n");
    assert_eq!(mode(&path), 0o640);
    assert_eq!(mode(path.parent().unwrap()), 0o755);
    let before = fs::metadata(&path).unwrap();
    // What is right already is not written again.
    assert!(done("file.restore", restore.clone()).stdout.contains("is already"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    done("file.restore", restore.clone());
    assert_eq!((fs::metadata(&path).unwrap().ino(), mode(&path)), (before.ino(), 0o640));
    // Other content is replaced in one move: an open reader keeps the old file.
    fs::write(&path, "hello\nworse").unwrap();
    let old = fs::File::open(&path).unwrap();
    done("file.restore", restore);
    assert_eq!(std::io::read_to_string(old).unwrap(), "hello\nworse");
    assert_eq!(fs::read_to_string(&path).unwrap(), "hello\n");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn what_is_not_given_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("motd");
    fs::write(&path, "hello").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4711)).unwrap();
    done("file.restore", json!({ "path": path, "content": "other" }));
    assert_eq!(mode(&path), 0o4711);
    if rustix::process::geteuid().is_root() {
        done("file.restore", json!({ "path": path, "owner": "daemon", "group": "1" }));
        let facts = fs::metadata(&path).unwrap();
        // A change of owner takes set-user-id away; the step puts it back.
        assert_eq!((facts.uid(), facts.gid(), mode(&path)), (1, 1, 0o4711));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "other");
}

#[test]
fn a_file_comes_from_the_closure() {
    let dir = tempfile::tempdir().unwrap();
    let (source, path) = (dir.path().join("source"), dir.path().join("motd"));
    fs::write(&source, "from the closure").unwrap();
    let world = World::with_program("motd", &source);
    let parameters = json!({ "path": path, "source": { "program": "motd" } });
    assert!(world.run("file.restore", &parameters).ok);
    assert_eq!(fs::read_to_string(&path).unwrap(), "from the closure");
    let unknown = json!({ "path": path, "source": { "program": "issue" } });
    assert!(world.run("file.restore", &unknown).error.unwrap().contains("names no program \"issue\"; known: motd"));
}

#[test]
fn restoring_refuses_what_is_not_plainly_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("real")).unwrap();
    symlink("real", at("link")).unwrap();
    fs::write(at("file"), "x").unwrap();
    symlink("file", at("file-link")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    let content = |path: PathBuf| json!({ "path": path, "content": "x" });
    refused("file.restore", content(at("link/motd")), "symbolic link");
    refused("file.restore", content(at("file/motd")), "symbolic link or no directory");
    refused("file.restore", content(at("real")), "is a directory");
    refused("file.restore", content("/".into()), "names no file");
    refused("file.restore", content("relative".into()), "not absolute");
    refused("file.restore", json!({ "path": at("real/../file"), "content": "x" }), "..");
    refused("file.restore", json!({ "path": at("file-link"), "mode": "0600" }), "symbolic link");
    refused("file.restore", json!({ "path": at("pipe"), "mode": "0600" }), "not a regular file");
    refused("file.restore", json!({ "path": at("missing"), "mode": "0600" }), "No such file");
    refused("file.restore", json!({ "path": at("file") }), "nothing to restore");
    refused("file.restore", json!({ "path": at("file"), "owner": "nobody-of-that-name" }), "not known");
    refused("file.restore", json!({ "path": at("file"), "content": "", "source": { "program": "x" } }), "exclude");
    for bad in ["", "644x", "9999", "77777", "-644", "0o644", "rw-r--r--"] {
        refused("file.restore", json!({ "path": at("file"), "mode": bad }), "mode");
    }
    assert_eq!(mode(&at("file")), 0o644);
    assert!(!at("real/motd").exists());
}

#[test]
fn a_link_in_the_files_place_is_replaced_and_what_it_names_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (victim, path) = (dir.path().join("victim"), dir.path().join("motd"));
    fs::write(&victim, "precious").unwrap();
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&victim, &path).unwrap();
    done("file.restore", json!({ "path": path, "content": "hello", "mode": "0644" }));
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    assert_eq!((fs::read_to_string(&victim).unwrap().as_str(), mode(&victim)), ("precious", 0o600));
}

#[test]
fn a_directory_that_turns_into_a_link_meanwhile_leads_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["dir", "victim"] {
        fs::create_dir(at(name)).unwrap();
    }
    symlink("victim", at("link")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, at("dir"), CWD, at("link"), RenameFlags::EXCHANGE).unwrap();
            }
        });
        for round in 0..300 {
            World::default().run("file.restore", &json!({ "path": at("dir/motd"), "content": round.to_string() }));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read_dir(at("victim")).unwrap().count(), 0);
}

fn age(path: &Path, days: u64) {
    let time = SystemTime::now() - Duration::from_secs(days * 86_400);
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn only_old_plain_files_are_cleaned() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("clean");
    fs::create_dir_all(root.join("deep/er")).unwrap();
    fs::create_dir(dir.path().join("outside")).unwrap();
    let old = ["old", "deep/old", "deep/er/.hidden"].map(|name| root.join(name));
    let outside = dir.path().join("outside/old");
    for path in old.iter().chain([&outside]) {
        fs::write(path, "x".repeat(5000)).unwrap();
        age(path, 8);
    }
    fs::write(root.join("young"), "x").unwrap();
    age(&root.join("young"), 6);
    symlink(&outside, root.join("link")).unwrap();
    symlink("../outside", root.join("link-to-directory")).unwrap();
    let report = done("disk.clean", json!({ "path": root, "older_than": "7d" }));
    assert!(report.stdout.starts_with("deleted 3 files"), "{}", report.stdout);
    assert!(old.iter().all(|path| !path.exists()) && outside.exists());
    assert!(root.join("young").exists() && root.join("link").is_symlink() && root.join("deep/er").is_dir());
}

#[test]
fn cleaning_refuses_the_systems_own_places() {
    for place in
        ["/", "/etc", "/etc/ssh", "/nix/store", "/usr/share", "/var", "/home", "/proc/1", "/run/systemd", "/boot/efi"]
    {
        refused("disk.clean", json!({ "path": place, "older_than": "7d" }), "no place to delete");
    }
    let dir = tempfile::tempdir().unwrap();
    symlink(".", dir.path().join("link")).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    refused("disk.clean", json!({ "path": dir.path(), "older_than": "59s" }), "at least");
    refused("disk.clean", json!({ "path": dir.path(), "older_than": "soon" }), "duration");
    for name in ["link", "file", "missing"] {
        refused("disk.clean", json!({ "path": dir.path().join(name), "older_than": "7d" }), name);
    }
}

#[test]
fn a_program_gets_its_arguments_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("show");
    script(&program, r#"for a in "$@"; do echo "[$a]"; done; echo oops >&2; exit 7"#);
    let world = World::with_program("show", &program);
    let arguments = json!(["a b", "$(id)", "", "; rm -rf /", "*"]);
    let report = world.run("exec", &json!({ "program": { "program": "show" }, "arguments": arguments }));
    assert_eq!(report.stdout, "[a b]\n[$(id)]\n[]\n[; rm -rf /]\n[*]\n");
    assert_eq!((report.ok, report.exit_code, report.stderr.as_str()), (false, Some(7), "oops\n"));
    assert!(report.error.unwrap().contains("exit status: 7"));
    for bad in [
        json!("show"),
        json!({ "program": "other" }),
        json!({ "program": "show", "more": 1 }),
        json!({ "secret": "show" }),
    ] {
        assert!(!world.run("exec", &json!({ "program": bad })).ok);
    }
}

#[test]
fn sysctl_values_are_one_line() {
    for (key, value) in [
        ("../../etc/motd", "0"),
        ("", "0"),
        ("net.ipv4.ip_forward", "1\n0"),
        ("kernel.no_such_setting", "0"),
        ("net", "0"),
        ("a b", "0"),
    ] {
        let report = World::default().run("sysctl.write", &json!({ "key": key, "value": value }));
        assert!(!report.ok, "{key:?}");
    }
}

#[test]
fn what_is_not_installed_or_not_running_says_so() {
    if !writ_agent::dbus::booted_with_systemd() {
        for step in ["systemd.start", "systemd.stop", "systemd.restart", "systemd.reset_failed"] {
            refused(step, json!({ "unit": "nginx" }), "no systemd on this host");
            refused(step, json!({ "unit": "not a unit" }), "not a unit name");
        }
    }
    refused("journal.vacuum", json!({ "keep": "5m" }), "at least");
    refused("nftables.load", json!({}), "either file or source");
    refused("nftables.load", json!({ "file": "rules.nft" }), "not absolute");
    refused("generation.restore", json!({}), "names no system");
}

/// A system of the real store: a folder with an activation program that writes down how it was called.
fn system(dir: &Path, name: &str) -> String {
    let folder = dir.join(name);
    fs::create_dir_all(folder.join("bin")).unwrap();
    let log = dir.join("activated");
    script(&folder.join("bin/switch-to-configuration"), &format!("echo {name} \"$@\" >> {}", log.display()));
    let output = Command::new("nix-store").arg("--add").arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_moved_profile_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (system(dir.path(), "one"), system(dir.path(), "two"));
    let mut world = World { profile: dir.path().join("profiles/system"), ..World::default() };
    fs::create_dir(dir.path().join("profiles")).unwrap();
    let set = Command::new("nix-env").arg("-p").arg(&world.profile).args(["--set", &two]).status().unwrap();
    assert!(set.success());
    world.expected = Some(one.clone());
    let report = world.run("generation.restore", &json!({}));
    assert!(report.ok, "{report:?}");
    assert_eq!(world.profile.canonicalize().unwrap(), Path::new(&one));
    assert_eq!(fs::read_to_string(dir.path().join("activated")).unwrap(), "one switch\n");
    assert!(world.run("generation.restore", &json!({})).stdout.contains("is already"));
    world.expected = Some("/nix/store/00000000000000000000000000000000-missing".into());
    assert!(world.run("generation.restore", &json!({})).error.unwrap().contains("not on this machine"));
    assert_eq!(world.profile.canonicalize().unwrap(), Path::new(&one));
}

/// Runs one ignored test of this binary in a network and mount namespace of its own.
#[test]
fn the_packet_filter_and_network_settings_in_a_namespace() {
    assert!(rustix::process::geteuid().is_root(), "this test makes a network namespace: run the suite as root");
    let this = std::env::current_exe().unwrap();
    let inner = ["--exact", "steps::inside_a_namespace", "--ignored", "--nocapture"];
    let output = Command::new("unshare").args(["--net", "--mount"]).arg(this).args(inner).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "run by the_packet_filter_and_network_settings_in_a_namespace in a namespace of its own"]
fn inside_a_namespace() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules.nft");
    let nft = |arguments: &[&str]| assert!(Command::new("nft").args(arguments).status().unwrap().success());
    fs::write(&rules, "flush ruleset\ntable inet clinic {\n chain in {\n  type filter hook input priority 0; policy drop;\n  tcp dport 22 accept\n }\n}\n").unwrap();
    let whole = || seen("nftables", json!({}));
    let table = |name: &str| seen("nftables", json!({ "family": "inet", "table": name }));
    assert_eq!(whole().get("present"), Some(&false.into()));
    assert_eq!(table("clinic").get("present"), Some(&false.into()));
    done("nftables.load", json!({ "file": rules }));
    let good = whole();
    assert_eq!((int(&good, "chains"), int(&good, "rules")), (1, 1));
    assert_eq!(table("clinic").get("ruleset_sha256"), good.get("ruleset_sha256"));
    let listed = Command::new("nft").args(["-s", "list", "ruleset"]).output().unwrap();
    assert_eq!(good.get("ruleset_sha256"), Some(&writ_trust::digest::Digest::of(&listed.stdout).to_string().into()));
    nft(&["add", "rule", "inet", "clinic", "in", "tcp", "dport", "23", "accept"]);
    assert_eq!(int(&whole(), "rules"), 2);
    nft(&["flush", "ruleset"]);
    assert_ne!(whole().get("ruleset_sha256"), good.get("ruleset_sha256"));
    let world = World::with_program("ruleset.nft", &rules);
    assert!(world.run("nftables.load", &json!({ "source": { "program": "ruleset.nft" } })).ok);
    assert_eq!(whole(), good);
    // A ruleset with a mistake changes nothing.
    fs::write(&rules, "flush ruleset\ntable inet clinic { chain in { tcp dport nonsense accept } }\n").unwrap();
    let report = World::default().run("nftables.load", &json!({ "file": rules }));
    assert!(!report.ok && report.exit_code == Some(1) && !report.stderr.is_empty(), "{report:?}");
    assert_eq!(whole(), good);

    let key = json!({ "key": "net.ipv4.ip_forward" });
    for value in ["1", "0"] {
        done("sysctl.write", json!({ "key": "net.ipv4.ip_forward", "value": value }));
        assert_eq!(seen("sysctl", key.clone()).get("value"), Some(&value.into()));
    }
    refused("sysctl.write", json!({ "key": "net.ipv4.ip_forward", "value": "many" }), "Invalid argument");
    another_file_system_is_not_cleaned(dir.path());
    time::programs_that_hang_are_killed_and_chronyd_is_told(dir.path());
}

fn another_file_system_is_not_cleaned(dir: &Path) {
    let mounted = dir.join("clean/mounted");
    fs::create_dir_all(&mounted).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "nosuid,nodev", "scratch"]).arg(&mounted).status().unwrap();
    assert!(mount.success());
    let facts = seen("mount", json!({ "path": mounted }));
    assert_eq!((facts.get("source"), facts.get("fstype")), (Some(&"scratch".into()), Some(&"tmpfs".into())));
    let inside = mounted.join("old");
    fs::write(&inside, "x").unwrap();
    age(&inside, 30);
    done("disk.clean", json!({ "path": dir.join("clean"), "older_than": "7d" }));
    assert!(inside.exists());
    done("disk.clean", json!({ "path": mounted, "older_than": "7d" }));
    assert!(!inside.exists());
}

/// Checks that a file is there.
fn presence(path: &Path) -> Check {
    let check = json!({
        "title": "t", "probe": { "file": { "path": path } }, "expect": { "exists": { "eq": true } }, "prefer": null,
        "every": "1h", "target": "self", "severity": "low", "cites": [], "declared_at": { "file": "x.nix", "line": 1 },
    });
    serde_json::from_value(check).unwrap()
}

#[test]
fn a_settle_time_ends_as_soon_as_the_checks_hold() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("late");
    let world = World {
        checks: BTreeMap::from([("late".into(), presence(&path)), ("there".into(), presence(dir.path()))]),
        ..World::default()
    };
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(120));
        fs::write(path, "").unwrap();
    });
    let report = world.run("verify.wait", &json!({ "checks": ["late", "there"] }));
    writer.join().unwrap();
    assert!(report.ok && report.stdout.contains("all hold"), "{report:?}");
}

/// RB-FWD-001 waits for such a check, on a machine whose programs have their state elsewhere.
#[test]
fn a_settle_time_looks_where_the_enforcer_looks() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sync")).unwrap();
    fs::write(dir.path().join("sync/status.json"), r#"{"at":null,"depot":"https://depot.example"}"#).unwrap();
    let forwarding = json!({
        "title": "t", "probe": { "log_forwarding": {} }, "expect": { "configured": { "eq": false } }, "prefer": null,
        "every": "1h", "target": "self", "severity": "low", "cites": [], "declared_at": { "file": "x.nix", "line": 1 },
    });
    let place = Place { programs: dir.path().to_owned(), ..Place::of(&probe_context()) };
    let checks = BTreeMap::from([("audit.forwarding".into(), serde_json::from_value(forwarding).unwrap())]);
    let world = World { checks, place, timeout: Duration::ZERO, ..World::default() };
    let report = world.run("verify.wait", &json!({ "checks": ["audit.forwarding"] }));
    assert!(report.ok && report.stdout.contains("all hold"), "{report:?}");
}

#[test]
fn a_settle_time_that_is_over_is_no_failure_and_says_what_does_not_hold() {
    let dir = tempfile::tempdir().unwrap();
    let never = presence(&dir.path().join("never"));
    let world = World {
        checks: BTreeMap::from([("never".into(), never)]),
        timeout: Duration::from_millis(130),
        ..World::default()
    };
    let report = world.run("verify.wait", &json!({ "checks": ["never"] }));
    assert!(report.ok && report.stdout.contains("do not hold: never"), "{report:?}");
    world.cancel.cancel();
    let long = World { timeout: Duration::from_secs(3600), ..world };
    assert!(long.run("verify.wait", &json!({ "checks": ["never"] })).ok, "it does not outlast the word to end");
    refused("verify.wait", json!({ "checks": ["elsewhere"] }), "no check");
    refused("verify.wait", json!({}), "checks is missing");
}
