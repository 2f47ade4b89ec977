use std::fs;

use proptest::prelude::*;

use super::*;

/// What Debian 12 writes, without comments.
const DEBIAN: [(&str, &str); 6] = [
    (
        "etc/pam.d/common-auth",
        "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth\trequisite\t\t\tpam_deny.so\n\
         auth\trequired\t\t\tpam_permit.so\nauth\toptional\t\t\tpam_cap.so \n",
    ),
    (
        "etc/pam.d/common-password",
        "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\npassword\trequisite\t\t\tpam_deny.so\n\
         password\trequired\t\t\tpam_permit.so\n",
    ),
    (
        "etc/pam.d/common-session",
        "session\t[default=1]\t\t\tpam_permit.so\nsession\trequisite\t\t\tpam_deny.so\n\
         session\trequired\t\t\tpam_permit.so\nsession\trequired\tpam_unix.so \nsession\toptional\tpam_systemd.so \n",
    ),
    (
        "etc/pam.d/login",
        "auth       optional   pam_faildelay.so  delay=3000000\nauth       requisite  pam_nologin.so\n\
         @include common-auth\nauth       optional   pam_group.so\nsession    optional   pam_lastlog.so\n\
         @include common-session\n@include common-password\n",
    ),
    ("etc/pam.d/passwd", "@include common-password\n"),
    ("etc/pam.d/other", "@include common-auth\n@include common-password\n@include common-session\n"),
];

/// What NixOS writes for `login`, with the second factor and the lockout that its options for rules give.
const NIXOS: &str = "# Account management.
account required /nix/store/x-linux-pam-1.7.1/lib/security/pam_unix.so # unix (order 10900)
# Authentication management.
auth required /nix/store/x/lib/security/pam_faillock.so preauth deny=5 unlock_time=1800 even_deny_root # faillock (order 11000)
auth required /nix/store/x-pam_u2f-1.4.0/lib/security/pam_u2f.so cue # u2f (order 11100)
auth [success=1 default=bad] /nix/store/x/lib/security/pam_unix.so likeauth try_first_pass # unix (order 11600)
auth [default=die] /nix/store/x/lib/security/pam_faillock.so authfail deny=5 unlock_time=1800 even_deny_root # (order 11700)
auth sufficient /nix/store/x/lib/security/pam_faillock.so authsucc deny=5 unlock_time=1800 even_deny_root # (order 11800)
auth required /nix/store/x-linux-pam-1.7.1/lib/security/pam_deny.so # deny (order 12500)
# Password management.
password requisite /nix/store/x-libpwquality/lib/security/pam_pwquality.so minlen=14 minclass=3 # (order 10000)
password requisite /nix/store/x/lib/security/pam_pwhistory.so use_authtok remember=12 # (order 10100)
password sufficient /nix/store/x-linux-pam-1.7.1/lib/security/pam_unix.so nullok yescrypt # unix (order 10200)
# Session management.
session required /nix/store/x-linux-pam-1.7.1/lib/security/pam_env.so conffile=/etc/pam/environment readenv=0 # env (order 10100)
session required /nix/store/x-linux-pam-1.7.1/lib/security/pam_lastlog2.so silent # lastlog (order 10700)
";

fn world(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("etc/pam.d")).unwrap();
    for (file, text) in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn seen(files: &[(&str, &str)], service: &str) -> Observation {
    let seen = observe(world(files).path(), service).unwrap();
    assert_eq!(SCHEMA.unpromised(&seen), []);
    seen
}

fn shown(seen: &Observation, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| seen.get(name).map_or("-".into(), ToString::to_string)).collect()
}

const FIELDS: [&str; 10] = [
    "lockout_failures",
    "lockout_seconds",
    "lockout_root",
    "min_length",
    "min_classes",
    "history_count",
    "hash_algorithm",
    "null_passwords",
    "second_factor",
    "shows_last_login",
];

#[test]
fn what_debian_writes_demands_little() {
    let login = seen(&DEBIAN, "login");
    let expected = ["0", "-", "-", "6", "0", "0", "\"yescrypt\"", "true", "false", "true"];
    assert_eq!(shown(&login, &FIELDS), expected);
    let modules = login.get("modules").unwrap().to_string();
    assert!(modules.starts_with(r#"["pam_cap.so", "pam_deny.so", "pam_faildelay.so""#), "{modules}");
    // What passwd has no lines for is asked of `other`.
    assert_eq!(shown(&seen(&DEBIAN, "passwd"), &FIELDS)[6..9], ["\"yescrypt\"", "true", "false"]);
    assert_eq!(shown(&seen(&DEBIAN, "nothing-of-this-name"), &FIELDS)[7..9], ["true", "false"]);
}

#[test]
fn what_nixos_writes_demands_what_it_says() {
    let login = seen(&[("etc/pam.d/login", NIXOS)], "login");
    let expected = ["5", "1800", "true", "14", "3", "12", "\"yescrypt\"", "false", "true", "false"];
    assert_eq!(shown(&login, &FIELDS), expected);
}

#[test]
fn a_lockout_that_is_passed_by_is_none() {
    let faillock = |auth: &str| {
        let conf = ("etc/security/faillock.conf", "# deny = 9\ndeny = 4\nunlock_time = never\nroot_unlock_time=60\n");
        shown(&seen(&[("etc/pam.d/login", auth), conf], "login"), &FIELDS[..3])
    };
    let good = "auth required pam_faillock.so preauth\nauth sufficient pam_unix.so\n\
                auth [default=die] pam_faillock.so authfail\nauth required pam_deny.so";
    assert_eq!(faillock(good), ["4", "0", "true"]);
    for none in [
        // Nothing asks whether the account is locked.
        "auth sufficient pam_unix.so\nauth [default=die] pam_faillock.so authfail\nauth required pam_deny.so",
        // Nothing counts.
        "auth required pam_faillock.so preauth\nauth required pam_unix.so",
        // The password decides before a failure is counted.
        "auth required pam_faillock.so preauth\nauth requisite pam_unix.so\nauth required pam_faillock.so authfail",
        // It may be locked: nobody cares.
        "auth optional pam_faillock.so preauth\nauth sufficient pam_unix.so\nauth [default=die] pam_faillock.so authfail",
    ] {
        assert_eq!(faillock(none)[0], "0", "{none}");
    }
    assert_eq!(faillock(&good.replace("preauth", "preauth deny=0"))[0], "0");
    assert_eq!(faillock(&good.replace("preauth", "preauth deny=7 unlock_time=90")), ["7", "90", "true"]);
}

#[test]
fn a_rule_for_passwords_that_is_not_obeyed_is_none() {
    let rules = |password: &str| shown(&seen(&[("etc/pam.d/passwd", password)], "passwd"), &FIELDS[3..7]);
    let quality = "pam_pwquality.so minlen=16 minclass=2";
    assert_eq!(rules(&format!("password requisite {quality}\npassword required pam_unix.so"))[..2], ["16", "2"]);
    assert_eq!(rules(&format!("password optional {quality}\npassword required pam_unix.so"))[..2], ["6", "0"]);
    assert_eq!(rules(&format!("password sufficient pam_unix.so\npassword requisite {quality}"))[..2], ["6", "0"]);
    let enforcing = format!("password requisite {quality} enforcing=0\npassword required pam_unix.so minlen=9");
    assert_eq!(rules(&enforcing), ["9", "0", "0", "\"des\""]);
    let credits = "password requisite pam_pwquality.so minlen=12 dcredit=2 ucredit=-1 ocredit=-1";
    assert_eq!(rules(credits)[..2], ["10", "2"]);
    assert_eq!(rules("password required pam_unix.so sha512 remember=5")[2..], ["5", "\"sha512\""]);
    assert_eq!(rules("password requisite pam_passwdqc.so min=disabled,24,11,8,7")[..2], ["-", "-"]);
}

#[test]
fn a_second_factor_is_one_that_cannot_be_gone_round() {
    let factor = |auth: &str| shown(&seen(&[("etc/pam.d/sudo", auth)], "sudo"), &["second_factor"]).remove(0);
    assert_eq!(factor("auth required pam_u2f.so\nauth required pam_unix.so"), "true");
    assert_eq!(factor("auth sufficient pam_u2f.so\nauth required pam_unix.so"), "false");
    for optional in ["pam_u2f.so nouserok", "pam_google_authenticator.so nullok"] {
        let stack = format!("auth required {optional}\nauth required pam_unix.so");
        assert_eq!(factor(&stack), "false", "whoever has not enrolled passes");
    }
    assert_eq!(factor("auth optional pam_oath.so\nauth required pam_unix.so"), "false");
    assert_eq!(factor("auth sufficient pam_unix.so\nauth required pam_oath.so"), "false");
    // Of a module that nobody here knows it depends.
    assert_eq!(factor("auth required pam_of_ours.so\nauth required pam_unix.so"), "-");
    assert_eq!(factor("auth optional pam_of_ours.so\nauth required pam_unix.so"), "false");
    assert_eq!(factor("auth required pam_of_ours.so\nauth required pam_u2f.so\nauth required pam_unix.so"), "true");
}

#[test]
fn includes_end() {
    let refused = |files: &[(&str, &str)]| match observe(world(files).path(), "login") {
        Err(Unseen::Failed(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert!(refused(&[("etc/pam.d/login", "@include login")]).contains("16 deep"));
    let wide: String = (0..20).map(|_| "auth include b\n").collect();
    let deep: Vec<(String, String)> = ["login", "b", "c", "d"]
        .windows(2)
        .map(|two| (format!("etc/pam.d/{}", two[0]), wide.replace('b', two[1])))
        .collect();
    let mut files: Vec<(&str, &str)> = deep.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("etc/pam.d/d", "auth required pam_permit.so"));
    assert!(refused(&files).contains("more than 256 files"));
    assert!(refused(&[("etc/pam.d/login", "auth include missing")]).contains("includes missing"));
    assert!(refused(&[("etc/pam.d/login", "auth substack")]).contains("includes nothing"));
    let many = "auth required pam_permit.so\n".repeat(5000);
    assert!(refused(&[("etc/pam.d/login", &many)]).contains("4096 lines"));
    let huge = "#".repeat(300 * 1024);
    assert!(refused(&[("etc/pam.d/login", &huge)]).contains("larger than"));
    let none = tempfile::tempdir().unwrap();
    assert!(matches!(observe(none.path(), "login"), Err(Unseen::NotApplicable(_))));
    for bad in ["", "..", "a/b", "a\0"] {
        assert!(matches!(observe(world(&[]).path(), bad), Err(Unseen::Failed(_))), "{bad:?}");
    }
}

#[test]
fn a_pipe_is_not_waited_for() {
    let dir = world(&[]);
    let pipe = dir.path().join("etc/pam.d/login");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert!(matches!(observe(dir.path(), "login"), Err(Unseen::Failed(_))));
}

#[test]
fn this_machine_is_read() {
    // Whatever it demands: Debian's own files, as they came with it.
    for service in ["login", "passwd", "su", "other"] {
        if Path::new("/etc/pam.d").join(service).exists() {
            let seen = observe(Path::new("/"), service).unwrap();
            assert_eq!(SCHEMA.unpromised(&seen), [], "{service}");
            assert!(seen.get("modules").unwrap().to_string().contains("pam_"), "{service}: {seen:?}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>(), conf in any::<Vec<u8>>(), lines in LINES) {
        for text in [bytes, lines.into_bytes()] {
            let dir = world(&[]);
            fs::create_dir_all(dir.path().join("etc/security")).unwrap();
            fs::write(dir.path().join("etc/pam.d/login"), &text).unwrap();
            for file in ["security/faillock.conf", "security/pwquality.conf", "login.defs"] {
                fs::write(dir.path().join("etc").join(file), &conf).unwrap();
            }
            if let Ok(seen) = observe(dir.path(), "login") {
                prop_assert!(SCHEMA.unpromised(&seen).is_empty());
            }
        }
    }
}

const LINES: &str = "((auth|password|session|-auth|@include) (required|sufficient|substack|\\[success=[0-9]{1,3} default=(die|reset|bad)\\]|include|x) (pam_unix.so|pam_faillock.so|login|pam_pwquality.so)( (authfail|preauth|minlen=[0-9-]{1,12}|deny=[0-9]{1,30}|remember=9))?\n){0,9}";
