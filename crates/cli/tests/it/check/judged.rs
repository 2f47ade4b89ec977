//! Mistakes that take a registry, several files or a secret to make.

use super::tree::{Tree, run};

const KEY: &str = "untrusted comment: minisign public key\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n";

fn codes(tree: &Tree) -> Vec<String> {
    let findings = run(tree, &["--format", "json"]).findings();
    findings.iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect()
}

const FORMATS: [&str; 4] = ["human", "json", "sarif", "github"];

/// A check of a scanner that this version cannot look with, supporting a control.
fn with_scanner(tree: &Tree, parameters: &str, bound: &str) {
    tree.edit("baselines/small/disks.nix", "[ \"disk.root\" ]", "[ \"disk.root\" \"scan\" ]");
    let check = format!(
        "  checks.\"scan\" = writ.check {{\n    title = \"Backups are recent\";\n    probe.restic = {{ repository = \"/b\"; {parameters} }};\n    expect.age_seconds.le = {bound};\n    every = \"5m\";\n  }};\n\n  checks.\"disk.root\""
    );
    tree.edit("baselines/small/disks.nix", "  checks.\"disk.root\"", &check);
}

#[test]
fn two_appliances_with_one_key_are_told() {
    let tree = Tree::new();
    for appliance in ["front-desk", "back-office"] {
        tree.write(&format!("hosts/clinic-001/{appliance}/key.pub"), KEY);
    }
    let output = run(&tree, &["--format", "json"]);
    let findings = output.findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["code"], "duplicate-key");
    assert_eq!(findings[0]["at"]["file"], "hosts/clinic-001/front-desk/key.pub");
    assert_eq!(findings[0]["related"][0]["at"]["file"], "hosts/clinic-001/back-office/key.pub");
    assert!(run(&tree, &[]).stdout.contains("back-office and front-desk have the same public key"));
}

#[test]
fn what_cannot_be_observed_yet_may_stand_there_and_decide_nothing() {
    let tree = Tree::new();
    with_scanner(&tree, "password = writ.secret \"backup\";", "writ.inSeconds \"26h\"");
    assert_eq!(codes(&tree), ["unknown-secret"]);
    tree.edit("hosts/clinic-001/site.nix", "  probation =", "  secrets = [ \"backup\" ];\n  probation =");
    assert_eq!(codes(&tree), Vec::<String>::new());
    tree.edit(
        "baselines/small/disks.nix",
        "restic = { repository = \"/b\"; password = writ.secret \"backup\"; }",
        "windows_defender = { }",
    );
    tree.edit(
        "baselines/small/disks.nix",
        "expect.age_seconds.le = writ.inSeconds \"26h\"",
        "expect.signature_age_seconds.le = 93600",
    );
    assert_eq!(codes(&tree), Vec::<String>::new());
    tree.edit("hosts/clinic-001/site.nix", "checks = [ \"file.motd\" ]", "checks = [ \"file.motd\" \"scan\" ]");
    tree.edit("rules/runbooks/files.nix", "verify = [ \"file.motd\" ]", "verify = [ \"file.motd\" \"scan\" ]");
    assert_eq!(codes(&tree), ["probation-unobserved", "verify-unobserved"]);
}

#[test]
fn a_doubtful_unit_is_a_warning_and_a_duration_says_what_it_is_in_seconds() {
    let tree = Tree::new();
    tree.edit("hosts/clinic-001/site.nix", "  probation =", "  secrets = [ \"backup\" ];\n  probation =");
    with_scanner(&tree, "password = writ.secret \"backup\";", "26");
    let output = run(&tree, &[]);
    assert_eq!(output.code, 0, "{}", output.stdout);
    assert!(output.stdout.contains("26 seconds are less than the 5m between two looks"), "{}", output.stdout);
    tree.edit("baselines/small/disks.nix", "le = 26;", "le = \"26h\";");
    let output = run(&tree, &[]);
    assert_eq!(output.code, 1);
    assert!(output.stdout.contains("note: writ.inSeconds \"26h\" is 93600"), "{}", output.stdout);
}

#[test]
fn a_secret_in_the_clear_is_never_printed() {
    // Not a pattern: only the parameter's kind tells.
    let tree = Tree::new();
    with_scanner(&tree, "password = \"hunter2\";", "100000");
    let told = run(&tree, &[]).stdout;
    assert!(
        told.contains("secret-in-clear") && told.contains("`password` of probe `restic` stands in the clear"),
        "{told}"
    );
    for format in FORMATS {
        assert!(!run(&tree, &["--format", format]).stdout.contains("hunter2"));
    }
}

#[test]
fn where_a_first_declaration_or_bound_stands_is_shown() {
    let tree = Tree::new();
    tree.edit(
        "baselines/small/disks.nix",
        "  checks.\"disk.root\"",
        "  checks.\"file.motd\" = writ.check { title = \"t\"; probe.file.path = \"/a\"; expect.mode.eq = \"0644\"; };\n  checks.\"disk.root\"",
    );
    let findings = run(&tree, &["--format", "json"]).findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["code"], "duplicate-id");
    let (file, other) = (&findings[0]["at"]["file"], &findings[0]["related"][0]["at"]["file"]);
    assert!(file != other && other.as_str().is_some_and(|file| file.starts_with("baselines/small/")), "{findings:?}");
}
