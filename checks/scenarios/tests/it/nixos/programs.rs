//! The programs of the modules, run with stand-ins for the tools that they call.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use writ_scenarios::run;

use super::machines;

/// Runs a program as the modules write it, with these tools before all others; returns what it did, and what the tools
/// wrote into the file `$LOG`.
fn with_tools(text: &str, tools: &[(&str, &str)]) -> (Output, String) {
    let dir = tempfile::tempdir().unwrap();
    for (name, body) in tools {
        let path = dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let log = dir.path().join("log");
    fs::write(&log, "").unwrap();
    // Tools that are named by their package's path are the same stand-ins.
    let text = ["/nix/store/clamav/bin", "/nix/store/restic/bin", "/nix/store/systemd/bin"]
        .iter()
        .fold(format!("set -euo pipefail\n{text}"), |text, package| {
            text.replace(package, &dir.path().display().to_string())
        });
    let program = dir.path().join("program");
    fs::write(&program, text).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let output = run::any(Command::new("bash").arg(&program).env("PATH", path).env("LOG", &log)).unwrap();
    (output, fs::read_to_string(&log).unwrap())
}

fn program(name: &str) -> String {
    machines(Path::new("/nix/store/writ"))["full"]["programs"][name].as_str().unwrap().to_owned()
}

#[test]
fn only_old_sessions_of_people_end() {
    // 1 is old, 2 is new, 3 ended while it was looked at, 4 is systemd's own, 5 is old and a user's in another way.
    let loginctl = r#"
case "$1 $2 $3" in
  "list-sessions "*) for session in 1 2 3 4 5; do echo "$session 1000 alice - -"; done ;;
  "show-session 3 "*) exit 1 ;;
  "show-session 4 --property=Class") echo manager ;;
  "show-session 5 --property=Class") echo user-early ;;
  "show-session "*" --property=Class") echo user ;;
  "show-session 2 --property=TimestampMonotonic") echo $(( ($(cut -d. -f1 /proc/uptime) - 60) * 1000000 )) ;;
  "show-session "*" --property=TimestampMonotonic") echo 1000000 ;;
  "terminate-session "*) echo "ended $2" >> "$LOG" ;;
  *) exit 9 ;;
esac"#;
    // The machine that this runs on has perhaps not been up for 8 hours.
    let text = program("end-old-sessions").replace("-gt 28800", "-gt 120");
    let (output, log) = with_tools(&text, &[("loginctl", loginctl)]);
    assert!(output.status.success(), "{}", run::both(&output));
    assert_eq!(log, "ended 1\nended 5\n", "{}", run::both(&output));
}

#[test]
fn groups_that_give_rights_are_those_that_the_probe_knows() {
    let schema = writ_agent::probes::schema_of("privileged_groups").unwrap();
    let about = schema.parameters.iter().find(|parameter| parameter.name == "groups").unwrap().about;
    let known = about.split_once("default: ").unwrap().1.replace(", ", " ");
    let text = program("disable-expired-accounts");
    assert!(text.contains(&format!("case \" {known} \" in")), "{known}: {text}");
}

#[test]
fn detections_are_moved_and_a_failing_scanner_is_a_failure() {
    let clamdscan = "echo \"$@\" >> \"$LOG\"; exit ${FOUND}";
    let text = program("quarantine-detections");
    for (active, found, ok) in [("exit 0", 0, true), ("exit 0", 1, true), ("exit 0", 2, false), ("exit 3", 0, false)] {
        let clamdscan = clamdscan.replace("${FOUND}", &found.to_string());
        let (output, log) = with_tools(&text, &[("systemctl", active), ("clamdscan", &clamdscan)]);
        assert_eq!(output.status.success(), ok, "{active}, {found}: {}", run::both(&output));
        assert_eq!(log.contains("--move=/var/lib/writ/quarantine"), active == "exit 0", "{log}");
    }
}

#[test]
fn locks_stay_while_a_backup_is_at_work() {
    let text = machines(Path::new("/nix/store/writ"))["full"]["unlock"].as_str().unwrap().to_owned();
    let restic = ("restic", "echo restic \"$@\" >> \"$LOG\"");
    let running = r#"
case "$*" in *--state=active,activating*writ-backup.service*) echo "writ-backup.service loaded activating start Back up" ;; *) exit 9 ;; esac"#;
    let (output, log) = with_tools(&text, &[restic, ("systemctl", running)]);
    assert!(output.status.success() && log.is_empty(), "{log}{}", run::both(&output));
    assert!(run::both(&output).contains("a backup is running: writ-backup.service"));
    let (output, log) = with_tools(&text, &[restic, ("systemctl", "exit 0")]);
    assert!(output.status.success(), "{}", run::both(&output));
    assert_eq!(log, "restic unlock\n");
    // Whoever cannot ask, unlocks nothing.
    let (output, log) = with_tools(&text, &[restic, ("systemctl", "exit 1")]);
    assert!(!output.status.success() && log.is_empty(), "{log}");
}
