use std::process::Command;
use std::time::Instant;

use proptest::prelude::*;

use super::*;

/// Lines of `nix-store --query --requisites /run/current-system` on NixOS 25.11.
const CLOSURE: &str = "\
/nix/store/00000000000000000000000000000000-openssl-3.0.14
/nix/store/11111111111111111111111111111111-openssl-3.0.14-bin
/nix/store/22222222222222222222222222222222-glibc-2.40-66
/nix/store/33333333333333333333333333333333-python3.12-requests-2.32.3
/nix/store/44444444444444444444444444444444-linux-6.12.30-modules
/nix/store/55555555555555555555555555555555-etc-os-release
";

const ADVISORIES: &str = r#"{ "schema": "writ.advisories.v1", "issued_at": "2026-11-27T00:00:00Z", "source": "made by hand",
  "advisories": [
    { "id": "CVE-2026-1", "package": "openssl", "fixed_in": "3.0.15", "severity": "critical", "exploited": true,
      "published_at": "2026-11-24T00:00:00Z" },
    { "id": "CVE-2026-2", "package": "openssl", "fixed_in": "3.0.14", "severity": "critical", "exploited": false,
      "published_at": "2020-01-01T00:00:00Z" },
    { "id": "CVE-2026-3", "package": "glibc", "fixed_in": "2.40-67", "severity": "important", "exploited": false,
      "published_at": "2026-11-20T00:00:00Z" },
    { "id": "CVE-2026-4", "package": "linux", "fixed_in": null, "severity": "optional", "exploited": false,
      "published_at": "2026-11-01T00:00:00Z" },
    { "id": "CVE-2026-5", "package": "nginx", "fixed_in": null, "severity": "critical", "exploited": true,
      "published_at": "2019-01-01T00:00:00Z" } ] }"#;

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

#[test]
fn what_is_installed_and_not_repaired_is_open() {
    let known = Advisories::parse(ADVISORIES.as_bytes()).unwrap();
    let mut seen = Observation::new();
    judge(&[known], &of_closure(CLOSURE.as_bytes()), at("2026-11-27T06:00:00Z"), &mut seen);
    let hour = 3600;
    let expected = Observation::new()
        .with("advisories_age_seconds", 6 * hour)
        .with("critical_count", 1)
        .with("critical_oldest_age_seconds", 78 * hour)
        .with("important_count", 1)
        .with("important_oldest_age_seconds", (7 * 24 + 6) * hour)
        .with("optional_oldest_age_seconds", (26 * 24 + 6) * hour)
        .with("exploited_count", 1)
        .with("exploited_oldest_age_seconds", 78 * hour);
    assert_eq!(seen, expected);
    assert_eq!(SCHEMA.unpromised(&seen), []);
}

#[test]
fn a_store_path_has_a_name_and_a_version() {
    let split = |path: &str| version::of_path(path).map(|(name, version)| format!("{name} {version}"));
    let found: Vec<_> = CLOSURE.lines().map(split).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(found[0], some("openssl 3.0.14"));
    assert_eq!(found[1], some("openssl 3.0.14"));
    assert_eq!(found[2], some("glibc 2.40-66"));
    assert_eq!(found[3], some("python3.12-requests 2.32.3"));
    assert_eq!(found[4], some("linux 6.12.30-modules"));
    assert_eq!(found[5], None);
    for odd in ["", "/nix/store/", "/nix/store/short-1.0", "-1.0", "/nix/store/00000000000000000000000000000000--1"] {
        assert_eq!(version::of_path(odd), None, "{odd:?}");
    }
}

#[test]
fn the_day_of_a_package_set_is_in_the_systems_version() {
    assert_eq!(version::date("26.05.20261103.4c1f2a9\n"), Some(at("2026-11-03T00:00:00Z")));
    assert_eq!(version::date("25.11pre-git"), None);
    assert_eq!(version::date("26.05.20261399.4c1f2a9"), None);
}

/// `builtins.compareVersions` is what we promise to agree with.
#[test]
fn versions_are_compared_as_nix_does() {
    let versions =
        ["1.0", "1.0.1", "1.0pre1", "1.0-1", "1.0a", "1.0b", "2.40-66", "2.40-7", "10", "9", "1.0.rc1", "007", "7", ""];
    let pairs: Vec<_> = versions.iter().flat_map(|a| versions.iter().map(move |b| (*a, *b))).collect();
    let list: String = pairs.iter().map(|(a, b)| format!("(builtins.compareVersions \"{a}\" \"{b}\") ")).collect();
    let output = Command::new("nix-instantiate")
        .args(["--eval", "--strict", "--json", "-E"])
        .arg(format!("[ {list} ]"))
        .output();
    let output = output.expect("nix-instantiate is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let orders: Vec<i64> = serde_json::from_slice(&output.stdout).unwrap();
    for ((a, b), order) in pairs.into_iter().zip(orders) {
        assert_eq!(version::is_older(a, b), order < 0, "{a:?} and {b:?}: Nix says {order}");
    }
}

#[test]
fn without_advisories_only_the_age_of_the_system_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let mut context = ProbeContext::new(at("2026-11-27T00:00:00Z"), Instant::now(), "/nowhere".into(), None);
    context.root = dir.path().to_owned();
    context.profile = dir.path().join("no-profile");
    let mut look = || {
        let parameters = serde_json::Map::new();
        run(&Parameters::checked(&parameters, SCHEMA.parameters).unwrap(), &mut context)
    };
    assert!(matches!(look(), Err(Unseen::Failed(reason)) if reason.contains("Writ brings none")));
    std::fs::create_dir_all(dir.path().join("run/current-system")).unwrap();
    std::fs::write(dir.path().join("run/current-system/nixos-version"), "26.05.20261120.4c1f2a9\n").unwrap();
    let expected = Observation::new().with("system_age_seconds", 7 * 24 * 3600);
    assert_eq!(look().unwrap(), expected);
    std::fs::create_dir_all(dir.path().join("etc/writ/advisories")).unwrap();
    let lay = |text: &str| std::fs::write(dir.path().join("etc/writ/advisories/all.json"), text).unwrap();
    lay(ADVISORIES);
    assert!(matches!(look(), Err(Unseen::Failed(_))), "a folder that is in no store has no closure");
    for (bad, says) in [
        ("{", "EOF"),
        ("{}", "missing field"),
        (&ADVISORIES.replace("advisories.v1", "advisories.v2"), "is not \"writ.advisories.v1\""),
        (&ADVISORIES.replace("optional", "minor"), "unknown variant"),
        (&ADVISORIES.replace("\"nginx\"", "\"\""), "names no package"),
    ] {
        lay(bad);
        assert!(matches!(look(), Err(Unseen::Failed(reason)) if reason.contains(says)), "{bad:.60}: {says}");
    }
}

proptest! {
    #[test]
    fn no_path_and_no_version_does_harm(a in "\\PC{0,60}", b in "\\PC{0,60}") {
        version::of_path(&a);
        version::date(&a);
        prop_assert!(!(version::is_older(&a, &b) && version::is_older(&b, &a)));
        prop_assert!(!version::is_older(&a, &a));
    }
}
