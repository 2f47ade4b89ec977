//! `writ audit verify` as people run it: exit codes, threads, progress, and the checkpoint that is kept for next time.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::log_world::{Log, ORIGIN};
use crate::world::*;

/// A folder beside what an auditor keeps.
struct Auditor {
    world: World,
    keeps: tempfile::TempDir,
}

impl Auditor {
    fn new() -> Self {
        let auditor = Self { world: World::logged(), keeps: tempfile::tempdir().unwrap() };
        fs::copy(auditor.world.path().join("trust/1.json"), auditor.keeps.path().join("root.json")).unwrap();
        auditor
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.current_dir(self.keeps.path()).args(["audit", "verify"]).arg(self.world.path());
        command.args(["--trust", "root.json"]).args(more);
        command
    }

    /// What it prints; a pipe gets nothing else.
    #[track_caller]
    fn said(&self, code: i32, more: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(more).output().unwrap();
        let [out, err] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(status.code(), Some(code), "{more:?}\n{out}\n{err}");
        assert!(!err.contains("verifying") && !out.contains('\u{1b}'), "{out}\n{err}");
        out
    }

    #[track_caller]
    fn first_bad(&self, more: &[&str]) -> (String, String) {
        let report: Value = serde_json::from_str(&self.said(1, &[&["--json"], more].concat())).unwrap();
        let problems = report["problems"]["list"].as_array().unwrap();
        let first = problems.iter().find(|problem| problem["weight"] == "bad").unwrap();
        let of = |member: &str| first[member].as_str().unwrap().to_owned();
        (of("code"), of("path"))
    }

    fn path(&self, sequence: usize) -> String {
        self.world.place(&self.world.sealed[sequence - 1])
    }
}

fn flip(path: &std::path::Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[100] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn damage_ends_with_1_and_names_its_place() {
    let auditor = Auditor::new();
    let sound = auditor.said(0, &["--json"]);
    for (jobs, json) in [("1", "--json"), ("2", "--json"), ("7", "--json")] {
        assert_eq!(auditor.said(0, &["--jobs", jobs, json]), sound, "{jobs} threads");
    }
    let shown = auditor.said(0, &["--jobs", "3"]);
    assert!(shown.contains("Verified OK") && shown.contains("28 bundles"), "{shown}");
    let bundle = auditor.world.file(3);
    flip(&bundle);
    assert_eq!(auditor.first_bad(&[]), ("altered".to_owned(), auditor.path(3)));
    let shown = auditor.said(1, &["--jobs", "2"]);
    assert!(shown.contains(&format!("NOT VERIFIED (1 bad; first: altered {}", auditor.path(3))), "{shown}");
    flip(&bundle);
    let signature = fs::read(auditor.world.signature(5)).unwrap();
    fs::remove_file(auditor.world.signature(5)).unwrap();
    assert_eq!(auditor.first_bad(&["--jobs", "1"]), ("unsigned".to_owned(), auditor.path(5)));
    fs::write(auditor.world.signature(5), signature).unwrap();
    let log = auditor.world.log();
    log.cut(20).write(&auditor.world);
    assert_eq!(auditor.first_bad(&[]), ("truncated".to_owned(), log.path("checkpoint")));
    log.write(&auditor.world);
    fs::remove_file(auditor.world.path().join(log.path("tile/0/000.p/30"))).unwrap();
    assert_eq!(auditor.first_bad(&[]), ("missing".to_owned(), log.path("tile/0/000.p/30")));
}

#[test]
fn a_checkpoint_is_kept_and_held_against_the_log_the_next_time() {
    const KEEP: [&str; 2] = ["--keep-checkpoint", "kept"];
    let mut auditor = Auditor::new();
    let kept = auditor.keeps.path().join("kept");
    auditor.said(0, &KEEP);
    let head = auditor.world.log().signed().note;
    assert_eq!(fs::read_to_string(&kept).unwrap(), head);
    // The log goes on, and so does what is kept.
    auditor.world.snapshot(morning().plus_millis(DAY + HOUR));
    auditor.world.write_log();
    let shown = auditor.said(0, &KEEP);
    assert!(
        shown.contains("checkpoint given in kept: 30 entries of log 1 of clinic-001; the log here begins"),
        "{shown}"
    );
    let newer = auditor.world.log().signed().note;
    assert_eq!(fs::read_to_string(&kept).unwrap(), newer);
    // What somebody else kept, too.
    fs::write(auditor.keeps.path().join("older"), &head).unwrap();
    auditor.said(0, &["--witness", "kept", "--witness", "older"]);
    // The log is set back: what was kept says so, and stays.
    auditor.world.log().cut(30).write(&auditor.world);
    fs::remove_dir_all(auditor.world.path().join("evidence")).unwrap();
    auditor.world.log().cut(2).write(&auditor.world);
    assert_eq!(auditor.first_bad(&KEEP), ("truncated".to_owned(), auditor.world.log().path("checkpoint")));
    assert_eq!(auditor.first_bad(&["--witness", "older"]).0, "truncated");
    assert_eq!(fs::read_to_string(&kept).unwrap(), newer);
    // Another history of the same length.
    let mut other = Log::new(1, ORIGIN);
    auditor.world.log().entries[..2].iter().rev().for_each(|entry| _ = other.push_bytes(entry.clone()));
    fs::write(auditor.keeps.path().join("other"), other.signed().note).unwrap();
    assert_eq!(auditor.first_bad(&["--witness", "other"]), ("forked".to_owned(), "other".to_owned()));
    fs::write(auditor.keeps.path().join("nonsense"), "nonsense").unwrap();
    assert_eq!(auditor.first_bad(&["--witness", "nonsense"]), ("malformed".to_owned(), "nonsense".to_owned()));
    auditor.said(2, &["--witness", "nowhere"]);
}

/// A site without a log has nothing to keep.
#[test]
fn without_a_log_no_checkpoint_is_kept() {
    let world = World::day();
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(["audit", "verify"]).arg(world.path()).arg("--keep-checkpoint").arg(world.path().join("kept"));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("names no log") && !world.path().join("kept").exists(), "{said}");
}

#[test]
fn a_terminal_sees_how_far_it_has_come() {
    let auditor = Auditor::new();
    let shown = |more: &[&str]| {
        let command = auditor.command(more);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let mut script = Command::new("script");
        script.args(["-qec", &line.join(" "), "/dev/null"]).current_dir(auditor.keeps.path());
        script.env("TERM", "xterm").env_remove("NO_COLOR").stdin(std::process::Stdio::null());
        String::from_utf8(script.output().expect("script of bsdutils").stdout).unwrap()
    };
    let people = shown(&[]);
    assert!(people.contains("verifying, bundle 28 of 28 and the log") && people.contains("Verified OK"), "{people}");
    let programs = shown(&["--json"]);
    assert!(!programs.contains("verifying, bundle") && programs.contains("\"ok\": true"), "{programs}");
}
