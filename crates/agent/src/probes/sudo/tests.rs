use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-11-27T12:00:00Z";

fn sudoers(text: &str) -> Sudoers {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("etc")).unwrap();
    std::fs::write(dir.path().join("etc/sudoers"), text).unwrap();
    read(dir.path()).unwrap().unwrap()
}

fn shown(text: &str) -> Vec<String> {
    let seen = observe(&sudoers(text), NOW.parse().unwrap());
    assert_eq!(SCHEMA.unpromised(&seen), [], "{text}");
    let names = SCHEMA.observation.iter().map(|field| field.name);
    names.map(|name| seen.get(name).map_or("-".into(), ToString::to_string)).collect()
}

#[test]
fn what_debian_writes() {
    let debian = "Defaults\tenv_reset\nDefaults\tmail_badpass\nDefaults\tsecure_path=\"/usr/local/sbin:/usr/bin\"\nDefaults\tuse_pty
root\tALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n";
    assert_eq!(shown(debian), ["true", "0", "1", "0", "true", "true", "-", r#"["%sudo"]"#, "0"]);
}

#[test]
fn what_nixos_writes() {
    let nixos = "# Don't edit this file. Set the NixOS options ‘security.sudo.configFile’.
Defaults env_keep+=SSH_AUTH_SOCK\n# \"root\" is allowed to do anything.\nroot ALL=(ALL:ALL) SETENV: ALL
# extraRules\n%wheel  ALL=(ALL:ALL)    SETENV: ALL\n\nDefaults timestamp_timeout=5\n
# Keep terminfo database for root and %wheel.\nDefaults:root,%wheel env_keep+=TERMINFO_DIRS\nDefaults:root,%wheel env_keep+=TERMINFO\n";
    assert_eq!(shown(nixos), ["true", "0", "1", "0", "true", "-", "300", r#"["%wheel"]"#, "0"]);
}

#[test]
fn what_asks_for_no_password_is_counted() {
    let passwordless = |text: &str| shown(text)[..2].to_vec();
    assert_eq!(passwordless("ann ALL = NOPASSWD: /bin/a, /bin/b, PASSWD: /bin/c, !/bin/d"), ["false", "2"]);
    assert_eq!(passwordless("Defaults !authenticate\nann ALL = /bin/a, PASSWD: /bin/c"), ["false", "1"]);
    assert_eq!(passwordless("Defaults:ann !authenticate\nann ALL = /bin/a"), ["false", "1"]);
    assert_eq!(passwordless("Defaults !authenticate\nDefaults authenticate\nann ALL = ALL"), ["true", "0"]);
    assert_eq!(passwordless("Defaults exempt_group=staff\nann ALL = ALL"), ["false", "1"]);
    assert_eq!(passwordless("root ALL = NOPASSWD: ALL"), ["true", "0"]);
    assert_eq!(passwordless("User_Alias X = root\nX ALL = NOPASSWD: ALL"), ["true", "0"]);
}

#[test]
fn grants_have_ends() {
    let ends = |text: &str| shown(text)[2..4].to_vec();
    assert_eq!(ends("ann ALL = NOTAFTER=20261127200000Z ALL"), ["0", "28800"]);
    assert_eq!(
        ends("ann ALL = NOTBEFORE=202611271000Z NOTAFTER=2026112711Z /bin/a, /bin/b\nbob ALL = ALL"),
        ["1", "3600"]
    );
    assert_eq!(ends("ann ALL = NOTAFTER=20261127140000+0100 ALL"), ["0", "3600"]);
    assert_eq!(ends("ann ALL = NOTAFTER=20200101000000Z ALL"), ["0", "0"]);
    assert_eq!(ends("ann ALL = NOTAFTER=tomorrow ALL"), ["1", "0"]);
}

#[test]
fn what_is_recorded_and_remembered() {
    let field = |text: &str, at: usize| shown(text)[at].clone();
    for (expected, text) in [
        ("false", "Defaults !syslog"),
        ("true", "Defaults !syslog, logfile=/var/log/sudo.log"),
        ("false", "Defaults:ann !syslog"),
        ("false", "Defaults !log_allowed"),
        ("false", "Defaults !log_denied"),
        ("false", "Defaults syslog_goodpri=none"),
        ("false", "Defaults !syslog_goodpri"),
        ("false", "Defaults:ann syslog_badpri = none"),
        ("true", "Defaults syslog_goodpri=none, logfile=/var/log/sudo.log"),
        ("true", "Defaults syslog=auth, syslog_goodpri=info"),
    ] {
        assert_eq!(field(text, 4), expected, "{text}");
    }
    for (expected, text) in [
        ("0", "Defaults timestamp_timeout=0"),
        ("-1", "Defaults timestamp_timeout=-1"),
        ("150", "Defaults timestamp_timeout=2.5"),
        ("600", "Defaults timestamp_timeout=5\nDefaults:ann timestamp_timeout=10"),
        ("-1", "Defaults timestamp_timeout=5\nDefaults:ann timestamp_timeout=-0.5"),
        ("0", "Defaults !timestamp_timeout"),
        ("-", "Defaults timestamp_timeout=soon"),
    ] {
        assert_eq!(field(text, 6), expected, "{text}");
    }
    assert_eq!(field("Defaults use_pty\nDefaults>www !use_pty", 5), "false");
}

#[test]
fn holders_are_found_behind_aliases() {
    let text = "User_Alias A = ann, B, !carl : B = A, %ops, #1000\nA ALL = ALL\n+net, \"Ann Lee\" ALL = ALL";
    assert_eq!(shown(text)[7], r##"["#1000", "%ops", "+net", "Ann Lee", "ann"]"##);
}

const MALFORMED: [&str; 17] = [
    "ann",
    "ann ALL",
    "ann ALL =",
    "ann ALL = bin/sh",
    "ann ALL = ALL,",
    "ann ALL = (root ALL",
    "Defaults",
    "Defaults env_reset,",
    "Defaults !passprompt=1",
    "User_Alias lower = ann",
    "User_Alias A ann",
    "Cmnd_Alias A = nothing",
    "ann ALL = NOPASSW: ALL",
    "\"ann ALL = ALL",
    "ann, ALL = ALL",
    "@include",
    "<<<<<<< HEAD",
];

#[test]
fn lines_that_are_no_rules_are_counted() {
    for bad in MALFORMED.into_iter().chain(["Defaultsx y", "\u{0}"]) {
        assert_eq!(shown(bad)[8], "1", "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(
        bytes in any::<Vec<u8>>(),
        line in "(Defaults|User_Alias|Cmnd_Alias|ann|%ops)?[ =:,!()\"\\\\#^$A-Z0-9a-z/@>+.%ß-]{0,60}",
    ) {
        let now = NOW.parse().unwrap();
        for text in [String::from_utf8_lossy(&bytes).into_owned(), line] {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            prop_assert!(SCHEMA.unpromised(&observe(&Sudoers::parse(&lines), now)).is_empty());
        }
    }

    #[test]
    fn no_moment_panics(text in "[0-9]{0,16}[.,]?[0-9]{0,2}[Z+-]?[0-9]{0,5}") {
        let _ = moment(&text);
    }
}

/// Lines that sudo takes, with what it takes beside the ordinary.
const CORPUS: &str = r#"
Defaults	env_reset
Defaults	secure_path="/usr/local/sbin:/usr/bin", !lecture, passwd_tries=3
Defaults@web,db	!requiretty
Defaults>www-data	!set_logname
Defaults!/usr/bin/x, SHELLS timestamp_timeout=2.5, !authenticate
Defaults!/usr/bin/x !lecture
Defaults:ann,%ops	!syslog
Defaults env_keep += "A B", env_keep -= C
User_Alias ADMINS = ann, bob : OPS = %ops, !carl, #1000, %#27, +net, "%:domain users"
Runas_Alias DBA = postgres, #33
Host_Alias WEB = web, 10.0.0.0/8, fe80::1, 192.0.2.0/255.255.255.0, !db
Cmnd_Alias SHELLS = /bin/sh, /bin/bash "a b", sudoedit /etc/x, /usr/sbin/
Cmd_Alias HASHED = sha224:0GomF8mNN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ== /bin/ls
root ALL=(ALL:ALL) ALL
%sudo	ALL=(ALL:ALL) NOPASSWD: ALL, PASSWD: /bin/ls -l\, x, !SHELLS
ADMINS, #1000 web = (www-data) NOTAFTER=20270101000000Z NOEXEC: /usr/bin/x : db = SETENV: NOPASSWD: sudoedit /etc/x
ann WEB, !db = (DBA : ops) /usr/bin/psql -c *, (: adm) /usr/bin/y ""
"Ann Lee" ALL = ( ) LOG_INPUT: LOG_OUTPUT: NOMAIL: /bin/a, NOLOG_INPUT: /bin/b\:c\=d
ben\ lee ALL = NOTBEFORE=20261127100000Z NOTAFTER=20261127180000+0100 TIMEOUT=8h /bin/a, /bin/b
OPS fe80::1 = ^/usr/bin/(a|b:c,d)$ ^-x$, /bin/ok
carl ALL = sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 /bin/ls -l
dan ALL = ALL, !ALL, !!/bin/x # a comment
eve ALL \
	= /bin/one, \
/bin/two
%wheel ALL = INTERCEPT: FOLLOW: ALL
#0 ALL = ALL
"#;

/// `User_Specs` of cvtsudoers, one line for each command.
fn by_cvtsudoers(json: &serde_json::Value) -> Vec<String> {
    let member = |entry: &serde_json::Value| {
        let names = [
            ("username", ""),
            ("usergroup", "%"),
            ("userid", "#"),
            ("netgroup", "+"),
            ("useralias", ""),
            ("usergid", "%#"),
            ("nonunixgroup", "%:"),
        ];
        let (kind, mark) = names.iter().find(|(kind, _)| entry.get(kind).is_some()).unwrap();
        let name = entry[kind].as_str().map_or_else(|| entry[kind].to_string(), str::to_owned);
        format!("{mark}{name}")
    };
    let mut lines = vec![];
    for spec in json["User_Specs"].as_array().unwrap() {
        let users: Vec<String> = spec["User_List"].as_array().unwrap().iter().map(member).collect();
        for commands in spec["Cmnd_Specs"].as_array().unwrap() {
            let option = |name: &str| {
                let options = commands["Options"].as_array().map(Vec::as_slice).unwrap_or_default();
                options.iter().find_map(|option| option.get(name)).cloned().unwrap_or_default()
            };
            let (password, after) = (option("authenticate"), option("notafter"));
            for command in commands["Commands"].as_array().unwrap() {
                let text = command.get("command").or_else(|| command.get("cmndalias")).unwrap().as_str().unwrap();
                let negated = command["negated"] == true;
                lines.push(format!("{users:?} {password} {} {negated} {text}", after.is_null()));
            }
        }
    }
    lines
}

/// The same of ours.
fn by_us(text: &str) -> Vec<String> {
    let line = |grant: &Grant| {
        let users: Vec<&String> = grant.users.iter().map(|member| &member.name).collect();
        let password = grant.password.map_or("null".to_owned(), |asks| asks.to_string());
        let mut command = String::new();
        let mut characters = grant.command.chars();
        while let Some(c) = characters.next() {
            command.extend(if c == '\\' { characters.next() } else { Some(c) });
        }
        format!("{users:?} {password} {} {} {command}", grant.not_after.is_none(), grant.negated)
    };
    sudoers(text).grants.iter().map(line).collect()
}

fn cvtsudoers(text: &str) -> Option<serde_json::Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/sudo");
    assert!(folder.join(".unpacked").exists(), "sudo is missing: run `cargo xtask test`, which unpacks it");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let mut program = std::process::Command::new(folder.join("usr/bin/cvtsudoers"));
    program.args(["-f", "json"]).arg(file.path()).env("LD_LIBRARY_PATH", folder.join("usr/libexec/sudo"));
    let output = program.output().unwrap();
    // It goes on after what it does not understand, and says so.
    let complains = String::from_utf8_lossy(&output.stderr).contains("syntax error") || !output.status.success();
    (!complains).then(|| serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn cvtsudoers_reads_the_same() {
    let theirs = cvtsudoers(CORPUS).expect("sudo takes every line of it");
    assert_eq!(by_us(CORPUS), by_cvtsudoers(&theirs));
    assert_eq!(sudoers(CORPUS).malformed, 0);
    // Of these cvtsudoers 1.9.13 writes what is no JSON.
    assert_eq!(by_us("ann ALL = CWD=/tmp CHROOT=\"/x y\" NOPASSWD: /bin/b"), [r#"["ann"] false true false /bin/b"#]);
}

#[test]
fn what_is_no_rule_is_none_for_sudo_either() {
    for bad in MALFORMED {
        assert!(cvtsudoers(&format!("{bad}\n")).is_none(), "{bad}");
    }
}
