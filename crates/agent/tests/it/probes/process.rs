//! `process` on a process of ours.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{int, list, seen};

#[test]
fn a_process_is_found_by_its_whole_name() {
    let dir = tempfile::tempdir().unwrap();
    // Longer than the 15 characters the kernel keeps of a process's name.
    let program = dir.path().join("writ-probe-sleeper");
    fs::copy(fs::canonicalize("/bin/sleep").unwrap(), &program).unwrap();
    let name = json!({ "name": "writ-probe-sleeper" });
    assert_eq!(int(&seen("process", name.clone()), "count"), 0);
    let mut child = Command::new(&program).arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let running = seen("process", name.clone());
    child.kill().unwrap();
    // The kill is on its way; the process is a zombie once it has arrived.
    let stat = format!("/proc/{}/stat", child.id());
    let deadline = Instant::now() + Duration::from_secs(10);
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        assert!(Instant::now() < deadline, "it did not die");
        std::thread::yield_now();
    }
    let zombie = seen("process", name.clone());
    child.wait().unwrap();
    assert_eq!(int(&running, "count"), 1);
    assert!((0..60).contains(&int(&running, "oldest_age_seconds")));
    assert_eq!(list(&running, "users").len(), 1);
    assert_eq!(int(&zombie, "count"), 0);
    assert_eq!(int(&seen("process", name), "count"), 0);
}
