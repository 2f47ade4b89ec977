//! What people read.

use super::{expected, explain, tree};
use crate::check::tree::Tree;

#[test]
fn one_page_of_each_kind() {
    let tree = tree();
    for (name, id) in [
        ("check", "disk.root"),
        ("check-not-observed", "server.scanner"),
        ("control", "A.1"),
        ("control-procedural", "A.3"),
        ("rule", "L1-FILE-002"),
        ("runbook", "RB-FILE-001"),
        ("duty", "training"),
        ("figure", "room.least"),
        ("exception", "EX-001"),
        ("probe", "probe:mount"),
        ("step", "step:file.restore"),
        ("code", "shadowed-rule"),
    ] {
        let output = explain(&tree, &[id]);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{id}");
        let wide: Vec<&str> =
            output.stdout.lines().filter(|line| line.chars().count() > 80 && !line.contains("sha256:")).collect();
        assert!(wide.is_empty(), "{wide:?}");
        assert!(!output.stdout.contains('\u{1b}'), "colour without a terminal");
        expected(name, &output.stdout);
    }
}

#[test]
fn one_appliance_is_explained_as_it_is_there() {
    let tree = tree();
    let of = |arguments: &[&str]| explain(&tree, &[&["disk.root"], arguments].concat()).stdout;
    let here = of(&["--site", "clinic-001", "--appliance", "front-desk"]);
    assert!(here.contains("available_percent is at least 10 %"), "{here}");
    assert!(here.contains("because: A small disk."), "{here}");
    let neighbour = of(&["--appliance", "back-office"]);
    assert!(neighbour.contains("available_percent is at least 25 %\n    figure room.least (25)"), "{neighbour}");
    let elsewhere = of(&["--site", "clinic-002"]);
    assert!(
        elsewhere.contains("available_percent is at least 15 %") && !elsewhere.contains("How it came"),
        "{elsewhere}"
    );
    assert!(elsewhere.contains("A.2") && !elsewhere.contains("S.1"), "{elsewhere}");
    assert!(!elsewhere.contains("EX-001") && elsewhere.contains("severity medium (from its controls)"), "{elsewhere}");
}

#[test]
fn exceptions_are_told_as_of_the_day() {
    let tree = tree();
    for (now, said) in [
        ("2026-08-01T00:00:00Z", "not in force before 2026-09-01"),
        ("2026-12-01T00:00:00Z", "in force until 2027-03-01 00:00:00 UTC, 90 days from now"),
        ("2027-03-01T00:00:00Z", "expired at 2027-03-01"),
    ] {
        let output = explain(&tree, &["EX-001", "--now", now]);
        assert!(output.stdout.contains(said), "{now}: {}", output.stdout);
    }
}

#[test]
fn rules_are_listed_in_order_of_trial_and_one_that_never_runs_says_so() {
    let tree = tree();
    tree.edit(
        "rules/files.nix",
        "  rules.\"L1-FILE-002\"",
        "  rules.\"L3-FILE-003\" = writ.rule {
    title = \"People look first\";
    when.check = \"file.motd\";
    escalate = { to = \"L3\"; why = \"The banner is law\"; };
    priority = 900;
    controls = [ \"A.1\" ];
  };

  rules.\"L1-FILE-002\"",
    );
    let output = explain(&tree, &["file.motd"]);
    let at = |text: &str| output.stdout.find(text).unwrap_or_else(|| panic!("{text:?}: {}", output.stdout));
    assert!(at("1. L3-FILE-003") < at("calls people (L3): The banner is law"));
    assert!(at("calls people") < at("2. L1-FILE-001") && at("2. L1-FILE-001") < at("never runs: rule `L1-FILE-001`"));
}

/// The policy of this repository: what merging two baselines decided, with both places.
#[test]
fn the_strict_site_of_this_repository_shows_how_its_baselines_met() {
    let tree = Tree::of_this_repository();
    let output = explain(&tree, &["access.ssh", "--site", "northfield-surgery"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let text = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "declared at baselines/hardening/ssh.nix:",
        "declared at baselines/hipaa/technical.nix:",
        "by baseline hardening 2026.1",
        "max_auth_tries is at most 4 figure ssh.auth_tries_most (4)",
        "expect.max_auth_tries: le = 4 holds, from baselines/hardening/ssh.nix:",
        "gives way, because the stricter holds",
        "1. L1-SSH-001",
    ] {
        assert!(text.contains(part), "{part:?}: {}", output.stdout);
    }
    let overridden = explain(&tree, &["capacity.disk", "--site", "northfield-surgery"]).stdout;
    assert!(
        overridden.contains("prefer.available_percent.ge: 15 → 25, overridden by northfield-surgery"),
        "{overridden}"
    );
}

#[test]
fn hostile_texts_stay_text() {
    let tree = tree();
    tree.edit(
        "baselines/small/files.nix",
        "\"The message of the day\"",
        "\"A \\\"title\\\" with \\r and ${builtins.fromJSON \"\\\"\\\\u001b[31m\\\"\"}\"",
    );
    for id in ["file.motd", "A.1"] {
        let output = explain(&tree, &[id]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert!(!output.stdout.contains(['\u{1b}', '\r']) && output.stdout.contains("with"), "{:?}", output.stdout);
    }
}
