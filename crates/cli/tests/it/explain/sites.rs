//! What sites and appliances have each in their own way: ids that are theirs alone, settings, rules in force.

use serde_json::Value as Json;

use super::{explain, tree};
use crate::check::tree::{Tree, run};

const EXCEPTION: &str = "
  exceptions.\"EX-001\" = writ.exception {
    check = \"file.motd\";
    reason = \"The banner is being rewritten.\";
    risk = \"An old banner is shown.\";
    compensating = \"A sign on the door.\";
    owner = \"Sam Okafor\";
    approved_by = \"Dr. Ruth Alvarez\";
    approval = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\";
    approved_at = \"2026-09-01T00:00:00Z\";
    expires = \"2027-03-01T00:00:00Z\";
  };
}
";

/// Adds text before the last brace of a file.
fn append(tree: &Tree, file: &str, text: &str) {
    let before = tree.read(file);
    let before = before.trim_end().strip_suffix('}').unwrap();
    tree.write(file, &format!("{before}{text}"));
}

fn json(tree: &Tree, arguments: &[&str]) -> Json {
    let output = explain(tree, &[arguments, &["--format", "json"]].concat());
    assert_eq!(output.code, 0, "{arguments:?}: {}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn an_exception_of_one_site_does_not_answer_for_another_of_that_name() {
    let tree = tree();
    append(&tree, "hosts/clinic-002/site.nix", EXCEPTION);
    let checked = run(&tree, &[]);
    assert!(!checked.stdout.contains("EX-001"), "repeats of an id are allowed: {}", checked.stdout);
    let output = explain(&tree, &["EX-001"]);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""));
    for part in [
        "`EX-001` is the name of 2 exceptions",
        "hosts/clinic-001/site.nix:11 declares one: --site clinic-001",
        "declares one: --site clinic-002",
    ] {
        assert!(output.stderr.contains(part), "{part:?}: {}", output.stderr);
    }
    for (site, reason, other) in [
        ("clinic-001", "The new disk is ordered.", "rewritten"),
        ("clinic-002", "The banner is being rewritten.", "ordered"),
    ] {
        let text = explain(&tree, &["EX-001", "--site", site]).stdout;
        assert!(text.contains(reason) && !text.contains(other), "{site}: {text}");
    }
}

/// A rule of one appliance alone.
fn own_rule(tree: &Tree, appliance: &str, title: &str, priority: u32, attempts: u32) {
    append(
        tree,
        &format!("hosts/clinic-001/{appliance}/policy.nix"),
        &format!(
            "
  rules.\"L1-OWN-001\" = writ.rule {{
    title = \"{title}\";
    when.check = \"disk.root\";
    run = \"RB-FILE-001\";
    priority = {priority};
    attempts = {attempts};
    controls = [ \"A.2\" ];
  }};
}}
"
        ),
    );
}

#[test]
fn rules_that_two_appliances_call_the_same_are_told_apart() {
    let tree = tree();
    own_rule(&tree, "front-desk", "Ours at the desk", 100, 1);
    own_rule(&tree, "back-office", "Ours in the back", 200, 2);
    let output = explain(&tree, &["L1-OWN-001"]);
    assert_eq!(output.code, 2, "{}", output.stdout);
    assert!(output.stderr.contains("--site clinic-001 --appliance front-desk"), "{}", output.stderr);
    assert!(output.stderr.contains("--site clinic-001 --appliance back-office"), "{}", output.stderr);
    let one = explain(&tree, &["L1-OWN-001", "--appliance", "front-desk"]).stdout;
    assert!(one.contains("Ours at the desk") && !one.contains("Ours in the back"), "{one}");
    let check = explain(&tree, &["disk.root"]).stdout;
    let at = |text: &str| check.find(text).unwrap_or_else(|| panic!("{text:?}: {check}"));
    assert!(at("1. L1-OWN-001 Ours in the back") < at("2. L1-OWN-001 Ours at the desk"));
    assert!(check.contains("     only on:\n       clinic-001 back-office\n"), "{check}");
    assert!(!check.contains("only where  is chosen"), "{check}");
}

#[test]
fn when_people_are_called_is_what_the_rules_and_the_severity_say() {
    let tree = tree();
    own_rule(&tree, "front-desk", "Ours at the desk", 100, 1);
    let text = |arguments: &[&str]| {
        let output = explain(&tree, arguments);
        assert_eq!(output.code, 0, "{}", output.stderr);
        output.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // Critical where the strict baseline is, medium elsewhere; a rule on one appliance only.
    let disk = text(&["disk.root"]);
    for part in [
        "No rule in force answers it: people have it at once; to be answered within 15m. No route is set for critical: \
         it is told to everybody, in order of role. clinic-001 back-office",
        "It is critical: people are told at once, and after 1 failed attempt it is theirs; to be answered within 15m. No \
         route is set for critical: it is told to everybody, in order of role. clinic-001 front-desk",
        "No rule in force answers it: people have it at once; to be answered within 4h. No route is set for medium: it is \
         told to everybody, in order of role. clinic-002 kiosk",
    ] {
        assert!(disk.contains(part), "{part:?}: {disk}");
    }
    // Rules that answer only some failures.
    let shadow = text(&["file.shadow", "--site", "clinic-001"]);
    assert!(shadow.contains("After at most 2 failed attempts people are called; to be answered within"), "{shadow}");
    tree.edit("rules/files.nix", "run = \"RB-FILE-001\";", "escalate = { to = \"L3\"; why = \"The banner is law\"; };");
    let motd = text(&["file.motd", "--site", "clinic-001"]);
    assert!(motd.contains("Nothing is tried: people have it at once"), "{motd}");
    let said = json(&tree, &["disk.root"]);
    let people = &said["check"]["healing"]["people"];
    assert_eq!((&people[1]["told_at_once"], &people[1]["after_attempts"]), (&true.into(), &1.into()), "{people}");
    // Where a route names somebody it is not everybody; an empty one is everybody, as none is.
    let of_kiosk = |route: &str| {
        let site = tree.read("hosts/clinic-002/site.nix");
        append(&tree, "hosts/clinic-002/site.nix", &format!("  escalation.route.medium = {route};\n}}\n"));
        let said = json(&tree, &["disk.root", "--site", "clinic-002"]);
        tree.write("hosts/clinic-002/site.nix", &site);
        said["check"]["healing"]["people"][0]["everybody"].clone()
    };
    assert_eq!((of_kiosk("[ \"contact-1\" ]"), of_kiosk("[ ]")), (false.into(), true.into()));
}

#[test]
fn an_exception_for_one_of_two_controls_does_not_lift_their_check() {
    let tree = tree();
    tree.edit("hosts/clinic-001/site.nix", "check = \"disk.root\";", "control = \"A.2\";");
    let check = explain(&tree, &["disk.root"]).stdout;
    assert!(!check.contains("Lifted by exceptions"), "S.1 still counts: {check}");
    assert!(check.contains("Touched by exceptions that do not lift it\n  EX-001 lifts control A.2"), "{check}");
    let said = json(&tree, &["disk.root"]);
    assert_eq!((&said["exceptions"], &said["touching"][0]["id"]), (&Json::Array(Vec::new()), &"EX-001".into()));
    let control = json(&tree, &["A.2"]);
    assert_eq!((&control["exceptions"][0]["id"], &control["touching"]), (&"EX-001".into(), &Json::Array(Vec::new())));
    // Where A.2 is the only control of the check, its exception lifts the check.
    tree.edit(
        "hosts/clinic-001/site.nix",
        "baselines = { small = \"1\"; strict = \"7\"; };",
        "baselines.small = \"1\";",
    );
    let alone = explain(&tree, &["disk.root"]).stdout;
    assert!(alone.contains("Lifted by exceptions\n  EX-001 lifts control A.2"), "{alone}");
}

#[test]
fn an_exception_for_a_check_does_not_lift_its_control_and_holds_for_its_rules() {
    let tree = tree();
    tree.edit("hosts/clinic-001/site.nix", "check = \"disk.root\";", "control = \"A.1\";");
    let rule = json(&tree, &["L1-FILE-001"]);
    assert_eq!(rule["exceptions"][0]["id"], "EX-001", "the check of the rule is lifted with its control");
    tree.edit("hosts/clinic-001/site.nix", "control = \"A.1\";", "check = \"file.motd\";");
    let control = json(&tree, &["A.1"]);
    assert_eq!((&control["exceptions"], &control["touching"][0]["id"]), (&Json::Array(Vec::new()), &"EX-001".into()));
}

/// What one site adds to a control is its own; most of all it is not what the control is.
#[test]
fn the_declaration_is_what_others_are_measured_by() {
    let tree = tree();
    // The first appliance by name is back-office, and most appliances are of this site.
    append(
        &tree,
        "hosts/clinic-001/site.nix",
        "
  overrides.controls.\"A.1\".title = writ.override { value = \"Ours\"; reason = \"As we say.\"; };
  overrides.controls.\"A.1\".checks = writ.override { value = [ \"file.shadow\" \"file.motd\" ]; reason = \"An order.\"; };
}
",
    );
    let text = explain(&tree, &["A.1"]).stdout;
    assert!(text.starts_with("control A.1\nFiles are as released\n"), "{text}");
    assert!(text.contains("title: Files are as released → Ours"), "{text}");
    let differs = text.split("It is different on:").nth(1).unwrap().split("\n\n").next().unwrap();
    assert!(!differs.contains("checks"), "a mere order is no difference: {differs}");
    let there = explain(&tree, &["A.1", "--site", "clinic-001"]).stdout;
    assert!(there.starts_with("control A.1\nOurs\n"), "{there}");
}
