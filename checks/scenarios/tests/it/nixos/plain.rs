//! The units of docs/systemd, for machines without NixOS: they are what the module comes to, so that what is tried of those holds of these.
//!
//! `WRIT_BLESS=1` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use writ_scenarios::{flake, run};

use super::{machines, texts};

#[test]
fn plain_units_are_those_of_the_module_and_systemd_takes_them() {
    let machines = machines(Path::new("/nix/store/writ"));
    let folder = flake::repository().join("docs/systemd");
    let units = ["units", "starters"].iter().flat_map(|kind| texts(&machines, "operator", kind));
    // The site is what a unit is started with.
    let plain = |text: &str| format!("{}\n", text.replace("%%i", "%i").trim_end());
    let expected: BTreeMap<String, String> =
        units.map(|(name, text)| (name.replace("-%i.", "@."), plain(text))).collect();
    assert!(expected.len() >= 12 && expected.contains_key("writ-audit-monthly@.timer"), "{:?}", expected.keys());
    if std::env::var_os("WRIT_BLESS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in &expected {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let there = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let there: BTreeMap<String, String> = there
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    assert_eq!(there.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, text) in &expected {
        assert_eq!(&there[name], text, "docs/systemd/{name} is another one: WRIT_BLESS=1 writes it anew");
        let path = folder.join(name);
        let verified = run::any(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path)).unwrap();
        // Where the program is installed is for the machine.
        let said = run::both(&verified);
        let ours: Vec<&str> =
            said.lines().filter(|l| l.contains("writ-audit") && !l.contains("/usr/local/bin")).collect();
        assert!(ours.is_empty(), "{name}: {}", ours.join("\n"));
    }
}
