//! The courier is nobody, and the spool is its: whatever lies there, doctor answers, and paints nothing on the terminal.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::house::House;

#[test]
fn whatever_a_courier_writes_doctor_answers() {
    let mut house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    house.courier(&[], |_| {});
    let status = house.path("sync/status.json");
    let put: [(&str, &dyn Fn()); 6] = [
        ("a pipe", &|| mknodat(CWD, &status, FileType::Fifo, Mode::RUSR, 0).unwrap()),
        ("a link", &|| symlink("/etc/shadow", &status).unwrap()),
        ("a folder", &|| fs::create_dir(&status).unwrap()),
        ("a sea of bytes", &|| fs::File::create(&status).unwrap().set_len(1 << 40).unwrap()),
        ("no JSON", &|| fs::write(&status, b"\xff\x1b[2J").unwrap()),
        ("deep JSON", &|| fs::write(&status, "[".repeat(60_000)).unwrap()),
    ];
    for (what, put) in put {
        let _ = fs::remove_file(&status).or_else(|_| fs::remove_dir(&status));
        put();
        let said = house.doctor(&["--format", "json"]);
        assert_eq!(said.of("courier-status").len(), 1, "{what}: {}{}", said.stdout, said.stderr);
        assert!(!house.doctor(&[]).stdout.contains('\u{1b}'), "{what}");
        assert_eq!(house.doctor(&["--format", "openmetrics"]).code, Some(0), "{what}");
    }
    fs::remove_dir(&status).or_else(|_| fs::remove_file(&status)).unwrap();
    let painted = "\u{1b}[2J\u{1b}[32mnothing is wrong\nnothing is wrong\u{202e}";
    let jobs = serde_json::json!({ "check-in": { "problem": painted, "kind": painted, "rule": painted, "failures": 1_u64 << 52 } });
    let said = serde_json::json!({ "pid": 1, "not_vouched": painted, "jobs": jobs, "clock_offset_ms": -(1_i64 << 52) });
    fs::write(&status, said.to_string()).unwrap();
    for format in ["human", "json", "openmetrics"] {
        let said = house.doctor(&["--format", format]);
        assert!(!said.stdout.contains(['\u{1b}', '\u{202e}']), "{format}: {:?}", said.stdout);
    }
    assert!(!house.doctor(&[]).stdout.contains("\nnothing is wrong"));
}

#[test]
fn what_a_policy_says_commands_no_terminal() {
    let house = House::new();
    let mut policy = house.policy();
    let painted = "\u{1b}[2J\u{1b}[32mnothing is wrong\nnothing is wrong\u{202e}";
    policy["checks"]["file.motd"]["title"] = painted.into();
    let _enforcer = house.enforcing(&policy);
    let said = house.doctor(&["file.motd"]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("[2J") && !said.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", said.stdout);
    assert!(!said.stdout.contains("\nnothing is wrong\\u"), "{:?}", said.stdout);
}

#[test]
fn whatever_lies_in_the_inbox_doctor_answers() {
    let house = House::new();
    let _enforcer = house.enforcing(&house.policy());
    let inbox = house.path("spool/inbox");
    let release = |point: &str| {
        let folder = inbox.join("releases/clinic-001").join(point);
        fs::create_dir_all(&folder).unwrap();
        folder.join("release.json")
    };
    mknodat(CWD, release("1-90"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    symlink("/dev/zero", release("1-91")).unwrap();
    fs::File::create(release("1-92")).unwrap().set_len(1 << 40).unwrap();
    fs::write(release("1-93"), b"\x1b[2J").unwrap();
    mknodat(CWD, inbox.join("trust/2.json"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let said = house.doctor(&["--format", "json"]);
    assert_eq!((said.code, said.of("refused").len()), (Some(1), 5), "{}", said.stdout);
    assert!(!house.doctor(&[]).stdout.contains('\u{1b}'));
}
