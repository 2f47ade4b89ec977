//! The log as Go's own code for transparency logs reads it: the judge that shares nothing with ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use writ_trust::log::note::NoteKey;

use crate::log_world::*;
use crate::world::*;

const GO: &str = "/usr/lib/go-1.19/bin/go";
const LIBRARIES: &str = "/usr/share/gocode";
const PACKAGES: &str = "apt-get install golang-1.19-go golang-golang-x-mod-dev";

/// The verifier, built once.
fn verifier() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = scratch.join("go-log-verifier");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../checks/go-log-verifier/main.go");
        let mut command = Command::new(GO);
        command.args(["build", "-o"]).arg(&program).arg(source);
        command.env("GO111MODULE", "off").env("GOPATH", LIBRARIES).env("GOCACHE", scratch.join("go-cache"));
        let output = command.output().unwrap_or_else(|e| panic!("{GO}: {e}; {PACKAGES}"));
        assert!(output.status.success(), "{}; {PACKAGES}", String::from_utf8_lossy(&output.stderr));
        program
    })
}

fn judge(world: &World, key: &str) -> (bool, String) {
    let log = world.path().join("log/clinic-001/1");
    let output = Command::new(verifier()).arg(key).arg(log).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn go_verifies_our_logs_and_names_a_flipped_byte() {
    let mut world = World::under(logged_root(1, &[ORIGIN]));
    world.begin_log(Log::new(1, ORIGIN));
    world.release(1, &policy_json(|_| {}), |_| {});
    world.started(morning());
    for n in 0..300 {
        world.snapshot(morning().plus_millis(n));
    }
    world.write_log();
    let report = world.verify();
    let key = &report.logs[0].logs[0].verifier_keys[0];
    let (ok, said) = judge(&world, key);
    let root = report.logs[0].logs[0].root.clone().unwrap();
    assert!(ok && said.contains("303 entries of log.example/clinic-001") && said.contains(&root), "{said}");
    for (name, at, expected) in [
        ("tile/0/000", 4000, "tile/0/000: byte 4000"),
        ("tile/1/000.p/1", 31, "tile/1/000.p/1: byte 31"),
        ("tile/entries/001.p/47", 100, "tile/entries/001.p/47: entry 256"),
        ("checkpoint", ORIGIN.len() + 2, "checkpoint: "),
    ] {
        let path = world.path().join(world.log().path(name));
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, bad).unwrap();
        let (ok, said) = judge(&world, key);
        assert!(!ok && said.contains(expected), "{name}: {said}");
        assert!(!world.verify().ok, "and so do we");
        fs::write(&path, good).unwrap();
    }
    // Lines by others do not disturb whoever knows the log's key.
    let (witness, signed) = (crate::world::key(40), world.log().signed());
    let by = NoteKey::new("witness.example", &witness.public_key());
    let note = format!("{}{}", signed.note, by.cosign(&signed.checkpoint.text(), &witness, morning()));
    fs::write(world.path().join(world.log().path("checkpoint")), note).unwrap();
    let (ok, said) = judge(&world, key);
    assert!(ok && world.verify().ok, "{said}");
    let stranger = NoteKey::new(ORIGIN, &crate::world::key(9).public_key()).verifier_key();
    let (ok, said) = judge(&world, &stranger);
    assert!(!ok && said.contains("checkpoint"), "{said}");
}
