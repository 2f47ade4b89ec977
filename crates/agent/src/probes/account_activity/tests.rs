use std::fs;

use proptest::prelude::*;

use super::*;

const NOW: i64 = 20_800 * DAY;

fn world(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, bytes) in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn seen(root: &Path) -> Observation {
    let seen = Machine::read(root).unwrap().observe(root, NOW, 90 * DAY).unwrap();
    assert_eq!(SCHEMA.unpromised(&seen), []);
    seen
}

fn shown(seen: &Observation, name: &str) -> String {
    seen.get(name).map_or("-".into(), ToString::to_string)
}

const PASSWD: &[u8] =
    b"root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\nben:x:1001:1001::/home/ben:/bin/bash
cat:x:1002:27::/home/cat:/bin/sh\ndeb:x:1003:1003::/home/deb:\npostgres:x:101:104::/var/lib/postgresql:/bin/bash
www:x:33:33::/var/www:/usr/sbin/nologin\nnobody:x:65534:65534::/:/bin/sh\n";
const SHADOW: &[u8] =
    b"root:*:20000:0:90:7:::\nann:$y$x:20000:0:90:7:::\nben:$y$x:20790:0:90:7:::\ncat:!:20000:0:90:7:::
deb:$y$x:20000:0:90:7::20700:\npostgres:!:20000::::::\nwww:*:20000::::::\nnobody:*:20000::::::\n";
const GROUP: &[u8] = b"root:x:0:\nsudo:x:27:ann\nops:x:30:ben\nstaff:x:50:deb\n";
const FILES: [(&str, &[u8]); 3] = [("etc/passwd", PASSWD), ("etc/shadow", SHADOW), ("etc/group", GROUP)];

fn days_ago(days: i64) -> u32 {
    u32::try_from(NOW - days * DAY).unwrap()
}

#[test]
fn who_was_not_here_for_long_is_found() {
    let wtmp = [
        utmp::record(2, "reboot", days_ago(200)),
        utmp::record(7, "ann", days_ago(100)),
        utmp::record(8, "ann", days_ago(99)),
    ];
    let dir = world(&[FILES[0], FILES[1], FILES[2], ("var/log/wtmp", &wtmp.concat())]);
    // ben's password is young; cat and postgres have none.
    assert_eq!(shown(&seen(dir.path()), "dormant"), r#"["ann", "deb"]"#);
    fs::create_dir_all(dir.path().join("home/cat/.ssh")).unwrap();
    fs::write(dir.path().join("home/cat/.ssh/authorized_keys"), "ssh-ed25519 AAAA").unwrap();
    assert_eq!(shown(&seen(dir.path()), "dormant_count"), "3");
    fs::write(dir.path().join("var/log/wtmp.1"), utmp::record(7, "cat", days_ago(10))).unwrap();
    assert_eq!(shown(&seen(dir.path()), "dormant_count"), "2");
    let lastlog = fs::File::create(dir.path().join("var/log/lastlog")).unwrap();
    let mut entry = [0; 8];
    entry[..4].copy_from_slice(&days_ago(3).to_ne_bytes());
    std::os::unix::fs::FileExt::write_all_at(&lastlog, &entry, 1000 * utmp::LASTLOG).unwrap();
    assert_eq!(shown(&seen(dir.path()), "dormant"), r#"["deb"]"#);
}

#[test]
fn records_that_do_not_reach_back_prove_nothing() {
    let dir = world(&FILES);
    assert_eq!(shown(&seen(dir.path()), "dormant"), "-");
    assert_eq!(shown(&seen(dir.path()), "admins_daily_use_count"), "-");
    fs::create_dir_all(dir.path().join("var/log")).unwrap();
    fs::write(dir.path().join("var/log/wtmp"), utmp::record(7, "zoe", days_ago(10))).unwrap();
    assert_eq!(shown(&seen(dir.path()), "dormant_count"), "-");
    assert_eq!(shown(&seen(dir.path()), "admins_daily_use_count"), "0");
}

#[test]
fn who_may_become_root_is_found_and_how_they_prove_it() {
    let sudoers: &[u8] = b"root ALL = ALL\n%ops ALL = ALL\n#1003 ALL = /bin/x\n";
    let wtmp: Vec<u8> = (0..9).flat_map(|day| utmp::record(7, "ben", days_ago(day))).collect();
    let oath: &[u8] = b"HOTP/T30 ben - 00 \n# HOTP deb - 00\n";
    let more: [(&str, &[u8]); 4] = [
        ("etc/sudoers", sudoers),
        ("var/log/wtmp", &wtmp),
        ("etc/users.oath", oath),
        ("home/ann/.config/Yubico/u2f_keys", b"ann:key"),
    ];
    let dir = world(&[&FILES[..], &more[..]].concat());
    let told = seen(dir.path());
    assert_eq!(shown(&told, "admins"), r#"["ann", "ben", "cat", "deb"]"#);
    assert_eq!((shown(&told, "admin_count"), shown(&told, "admins_daily_use_count")), ("4".into(), "1".into()));
    assert_eq!(shown(&told, "admins_without_second_factor_count"), "2");
    // Where PAM names another list, that one counts.
    fs::create_dir_all(dir.path().join("etc/pam.d")).unwrap();
    fs::write(dir.path().join("etc/pam.d/sudo"), "auth required pam_u2f.so authfile=/etc/keys cue\n").unwrap();
    fs::write(dir.path().join("etc/keys"), "cat:KEY,ES256\ndeb:\n").unwrap();
    assert_eq!(shown(&seen(dir.path()), "admins_without_second_factor_count"), "1");
}

/// Whoever holds a grant counts, also where this machine does not know who that is.
#[test]
fn holders_who_are_of_a_directory_are_not_passed_over() {
    let group: &[u8] = b"root:x:0:\nsudo:x:27:ann,dora\nstaff:x:50:deb\n";
    let told = |sudoers: &[u8]| {
        let dir = world(&[FILES[0], FILES[1], ("etc/group", group), ("etc/sudoers", sudoers)]);
        let told = seen(dir.path());
        ["admins", "admin_count", "admins_without_second_factor_count"].map(|name| shown(&told, name))
    };
    // dora has no account here; cat's first group is sudo.
    assert_eq!(told(b"root ALL = ALL\n"), [r#"["ann", "cat", "dora"]"#, "3", "3"]);
    assert_eq!(told(b"%#50 ALL = ALL\n#4711 ALL = ALL\n"), [r##"["#4711", "ann", "cat", "deb", "dora"]"##, "5", "5"]);
    for holder in ["%:admins", "+admins"] {
        assert_eq!(told(format!("{holder} ALL = ALL\n").as_bytes())[1..], ["-", "-"], "{holder}");
    }
}

#[test]
fn ends_and_shells_are_counted() {
    let told = seen(world(&FILES).path());
    assert_eq!(
        (shown(&told, "expired_open_count"), shown(&told, "service_with_shell_count")),
        ("1".into(), "2".into())
    );
}

#[test]
fn homes_full_of_pipes_and_links_are_not_waited_for() {
    let dir = world(&FILES);
    for place in ["home/ann/.ssh/authorized_keys", "home/ann/.google_authenticator", "home/cat/.ssh/authorized_keys"] {
        let path = dir.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    }
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("home/cat/.google_authenticator")).unwrap();
    assert_eq!(shown(&seen(dir.path()), "admins_without_second_factor_count"), "2");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>(), lines in "([a-c]:[x*!]?:[0-9]{0,11}:[0-9]{0,3}:[0-9]{0,9}:/[a-c]?:[a-z/]{0,5}\n){0,4}") {
        for text in [&bytes[..], lines.as_bytes()] {
            let files = ["etc/passwd", "etc/shadow", "etc/group", "etc/sudoers", "var/log/wtmp", "var/log/lastlog", "etc/users.oath"];
            let dir = world(&files.map(|file| (file, text)));
            let seen = Machine::read(dir.path()).unwrap().observe(dir.path(), NOW, DAY).unwrap();
            prop_assert!(SCHEMA.unpromised(&seen).is_empty());
        }
    }
}
