use std::fs;

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_800_000_000;

fn shown(seen: &Observation) -> Vec<String> {
    assert_eq!(SCHEMA.unpromised(seen), []);
    SCHEMA.observation.iter().map(|field| seen.get(field.name).map_or("-".into(), ToString::to_string)).collect()
}

fn at(ago: i64) -> u32 {
    u32::try_from(NOW - ago).unwrap()
}

#[test]
fn failures_of_the_window_are_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("var/log")).unwrap();
    let btmp = [utmp::record(6, "root", at(9000)), utmp::record(6, "root", at(100)), utmp::record(6, "ann", at(50))];
    fs::write(dir.path().join("var/log/btmp"), btmp.concat()).unwrap();
    let journal =
        b"{\"MESSAGE\":\"Failed password for root from ::1 port 1 ssh2\",\"SYSLOG_IDENTIFIER\":\"sshd\",\"_UID\":\"0\"}
{\"MESSAGE\":\" ben : 3 incorrect password attempts ; TTY=x\",\"SYSLOG_IDENTIFIER\":\"sudo\",\"_UID\":\"0\"}\n";
    let by_file = observe(dir.path(), None, NOW - 3600, NOW).unwrap();
    assert_eq!(shown(&by_file), ["false", "2", "2", "0", "1", r#"["ann", "root"]"#]);
    let by_both = observe(dir.path(), Some(journal), NOW - 3600, NOW).unwrap();
    assert_eq!(shown(&by_both), ["true", "4", "3", "0", "1", r#"["ann", "ben", "root"]"#]);
    // The folder of a journal that is kept no more stays.
    let recorded = || shown(&observe(dir.path(), Some(b""), NOW - 3600, NOW).unwrap())[0].clone();
    assert_eq!(recorded(), "true");
    fs::create_dir_all(dir.path().join("etc/systemd/system")).unwrap();
    fs::write(dir.path().join("etc/systemd/journald.conf"), "[Journal]\nStorage=none\n").unwrap();
    assert_eq!(recorded(), "false");
    fs::write(dir.path().join("etc/systemd/journald.conf"), "[Journal]\nStorage=volatile\n").unwrap();
    assert_eq!(recorded(), "true");
    std::os::unix::fs::symlink("/dev/null", dir.path().join("etc/systemd/system/systemd-journald.service")).unwrap();
    assert_eq!(recorded(), "false");
    fs::write(dir.path().join("var/log/wtmp"), "").unwrap();
    assert_eq!(shown(&observe(dir.path(), None, NOW - 3600, NOW).unwrap())[0], "true");
    assert_eq!(shown(&observe(dir.path(), None, NOW, NOW).unwrap())[1], "0");
}

#[test]
fn accounts_that_are_locked_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, bytes: &[u8]| {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let locked = || shown(&observe(dir.path(), None, 0, NOW).unwrap())[3].clone();
    let tally: Vec<u8> = (0..3).flat_map(|n| tally::record(1, u64::from(at(n)))).collect();
    write("run/faillock/ann", &tally);
    write("run/faillock/ben", &tally[..128]);
    assert_eq!(locked(), "0", "nothing asks faillock");
    write("etc/pam.d/login", b"auth required pam_faillock.so preauth\nauth required pam_faillock.so authfail\n");
    assert_eq!(locked(), "1");
    write("etc/security/faillock.conf", b"deny=2\n");
    assert_eq!(locked(), "2");
    write("run/faillock/huge", &vec![1; 100_000]);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.path().join("run/faillock/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(locked(), "2");
    write("etc/security/faillock.conf", b"deny=2\ndir=/elsewhere\n");
    assert_eq!(locked(), "0");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>(), message in "(Failed|FAILED LOGIN|FAILED SU \\(to|.)?[ -~]{0,40}") {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("var/log")).unwrap();
        fs::write(dir.path().join("var/log/btmp"), &bytes).unwrap();
        let line = |name: &str| {
            let message = serde_json::Value::from(message.as_str());
            format!("{{\"MESSAGE\":{message},\"SYSLOG_IDENTIFIER\":\"{name}\",\"_UID\":\"0\"}}\n")
        };
        let journal: String = messages::PROGRAMS.iter().map(|name| line(name)).collect();
        for journal in [&bytes[..], journal.as_bytes()] {
            let seen = observe(dir.path(), Some(journal), 0, NOW).unwrap();
            prop_assert!(SCHEMA.unpromised(&seen).is_empty());
        }
    }
}

#[test]
fn what_is_buried_below_lines_of_others_is_not_called_none() {
    let failed = "{\"SYSLOG_IDENTIFIER\":\"sshd\",\"_UID\":\"0\",\"MESSAGE\":\"Failed password for ann from 192.0.2.7 port 1 ssh2\"}\n";
    let other = "{\"SYSLOG_IDENTIFIER\":\"sudo\",\"_UID\":\"1000\",\"MESSAGE\":\"x\"}\n";
    let of = |failures: usize, others: usize| (failed.repeat(failures) + &other.repeat(others)).into_bytes();
    assert!(whole(of(3, 0), false).is_ok() && whole(of(0, MAX_ENTRIES - 1), false).is_ok());
    for (entries, truncated) in [(of(3, 0), true), (of(3, MAX_ENTRIES), false)] {
        let Err(Unseen::Failed(reason)) = whole(entries, truncated) else { panic!() };
        assert!(reason.contains("more is written"), "{reason}");
    }
    // So many that it does not matter how many more there are.
    assert!(whole(of(ALARMING, 0), true).is_ok());
}
