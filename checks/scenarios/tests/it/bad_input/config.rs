//! `enforce.toml` and the appliance's own key.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::Verdicts;
use crate::house::*;

#[test]
fn bad_configurations() {
    let house = House::new();
    let good = house.configuration();
    let file = house.path("etc/enforce.toml");
    let without = |key: &str| good.lines().filter(|l| !l.starts_with(key)).collect::<Vec<_>>().join("\n");
    let with = |line: &str| {
        let key = line.split(' ').next().unwrap();
        format!("{}\n{line}\n", without(key))
    };
    let bad: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("not TOML", "site: clinic-001\n".to_owned()),
        ("JSON", "{\"site\":\"clinic-001\"}".to_owned()),
        ("an open string", "site = \"clinic".to_owned()),
        ("no site", without("site")),
        ("no appliance", without("appliance")),
        ("no releases", without("releases")),
        ("no trust root", without("trust")),
        ("no key", without("key")),
        ("a misspelt key", format!("{good}relaeses = \"/srv\"\n")),
        ("a table that nobody knows", format!("{good}[network]\nproxy = 1\n")),
        ("a key twice", format!("{good}site = \"clinic-002\"\n")),
        ("a site in capitals", with("site = \"Clinic 1\"")),
        ("a site that is a path", with("site = \"../../etc\"")),
        ("a site for a terminal", with("site = \"\\u001b[2J\"")),
        ("an appliance that is a number", with("appliance = 7")),
        ("an empty appliance", with("appliance = \"\"")),
        ("a duration without a unit", with("poll_releases = \"60\"")),
        ("a duration that is a number", with("poll_releases = 60")),
        ("a duration of nothing", with("poll_releases = \"0s\"")),
        ("a duration beyond all bounds", with("poll_releases = \"99999999999999999y\"")),
        ("an unknown way to switch", with("switch_command = \"ssh\"")),
        ("an activation outside of the system", with("activation = \"/bin/sh\"")),
        ("an activation that climbs out", with("activation = \"../../bin/sh\"")),
        ("far too large", format!("{good}#{}\n", "x".repeat(100_000))),
    ];
    let mut verdicts = Verdicts::default();
    for (name, text) in bad {
        fs::write(&file, text).unwrap();
        verdicts.refused(name, &house.once(), 2, &["enforce.toml"]);
    }
    fs::write(&file, b"site = \"\xE9\"").unwrap();
    verdicts.refused("not UTF-8", &house.once(), 2, &["enforce.toml"]);
    fs::remove_file(&file).unwrap();
    verdicts.refused("not there", &house.once(), 2, &["enforce.toml"]);
    fs::create_dir(&file).unwrap();
    verdicts.refused("a folder", &house.once(), 2, &["enforce.toml"]);
    assert!(!house.path("state").exists() && !house.outbox().exists(), "nothing half-written stays");
    verdicts.all_well();
}

#[test]
fn bad_appliance_keys() {
    let house = House::new();
    let file = house.path("etc/appliance.key");
    let good = fs::read_to_string(&file).unwrap();
    let (comment, line) = good.trim_end().split_once('\n').unwrap();
    let mut bad: Vec<(String, String)> = vec![
        ("nothing".into(), String::new()),
        ("one line".into(), format!("{line}\n")),
        ("three lines".into(), format!("{good}more\n")),
        ("a public key".into(), public(APPLIANCE).to_file()),
        ("not base64".into(), format!("{comment}\n????\n")),
        ("half a key".into(), format!("{comment}\n{}\n", &line[..line.len() / 2])),
        ("JSON".into(), "{}".into()),
        ("a PEM key".into(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into()),
        ("far too large".into(), "x".repeat(100_000)),
    ];
    // Every part of the file is covered by its checksum, or must be empty.
    for at in (0..line.len() - 4).step_by(12) {
        let mut changed = line.to_owned().into_bytes();
        changed[at] = if changed[at] == b'B' { b'C' } else { b'B' };
        bad.push((format!("changed at {at}"), format!("{comment}\n{}\n", String::from_utf8(changed).unwrap())));
    }
    let mut verdicts = Verdicts::default();
    for (name, text) in bad {
        fs::write(&file, text).unwrap();
        let ran = house.once();
        assert!(!ran.stderr.contains(&line[40..80]), "the secret key is quoted: {}", ran.stderr);
        verdicts.refused(&name, &ran, 2, &["appliance.key"]);
    }
    fs::write(&file, &good).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    verdicts.refused("a key that everybody can read", &house.once(), 2, &["appliance.key", "chmod 600"]);
    verdicts.all_well();
}
