//! `writ check` on a small tree: each kind of mistake gives exactly the findings that it should, at the exact place.

mod cached;
mod cases;
mod delta;
pub mod formats;
mod generated;
mod judged;
mod laws;
mod mistakes;
mod no_text;
mod secret_keys;
mod secrets;
mod shadowed;
pub mod tree;

use self::tree::{Tree, run};

#[test]
fn a_tree_without_mistakes_is_clean() {
    let tree = Tree::new();
    let output = run(&tree, &[]);
    assert_eq!(output.code, 0, "{}", output.stdout);
    assert!(output.stdout.starts_with("1 site, 2 appliances, 4 checks: no findings in "), "{}", output.stdout);
}

#[test]
fn checks_that_this_version_cannot_look_at_are_judged_and_counted() {
    let tree = Tree::new();
    tree.edit("baselines/small/disks.nix", "[ \"disk.root\" ]", "[ \"disk.root\" \"defender.whole\" ]");
    let store = "  checks.\"defender.whole\" = writ.check {
    title = \"The scanner is as it was set up\";
    probe.windows_defender = { };
    expect.tamper_protected.eq = true;
    every = \"1h\";
  };

  checks.\"disk.root\"";
    tree.edit("baselines/small/disks.nix", "  checks.\"disk.root\"", store);
    let output = run(&tree, &["--deny-warnings"]);
    assert_eq!(output.code, 0, "{}", output.stdout);
    let begins = "1 site, 2 appliances, 5 checks, 1 of them not observed by this version: no findings in ";
    assert!(output.stdout.starts_with(begins), "{}", output.stdout);
    let document: serde_json::Value = serde_json::from_str(&run(&tree, &["--format", "json"]).stdout).unwrap();
    assert_eq!((&document["summary"]["checks"], &document["summary"]["unobserved"]), (&5.into(), &1.into()));

    tree.edit("baselines/small/disks.nix", "tamper_protected", "tamper_protectd");
    let output = run(&tree, &[]);
    assert_eq!(output.code, 1);
    assert!(output.stdout.contains("did you mean `tamper_protected`?"), "{}", output.stdout);
}

#[test]
fn the_policy_of_this_repository_is_clean() {
    let output = run(&Tree::of_this_repository(), &["--deny-warnings"]);
    assert_eq!(output.code, 0, "{}", output.stdout);
}

#[test]
fn it_prints_like_a_compiler() {
    let tree = Tree::new();
    tree.edit("baselines/small/files.nix", "expect.mode.eq", "expect.mode.equals");
    let output = run(&tree, &[]);
    assert_eq!(output.code, 1);
    let printed = output.stdout.split("\n\n").next().unwrap();
    assert_eq!(
        printed,
        "\
error[unknown-operator]: there is no operator \"equals\"
  --> baselines/small/files.nix:13:17
   |
13 |     expect.mode.equals = \"0644\";
   |                 ^^^^^^ expected one of \"eq\", \"ne\", \"lt\", \"le\", \"gt\", \"ge\", \"in\", \"not_in\", \"contains\", \"matches\", \"exists\", \"subset_of\", \"superset_of\"
   |
   = help: did you mean `eq`?"
    );
    assert!(output.stdout.ends_with("s\n") && output.stdout.contains("1 error in "), "{}", output.stdout);
}

#[test]
fn related_places_and_appliances_are_shown() {
    let tree = Tree::new();
    tree.edit(
        "rules/files.nix",
        "check = \"file.shadow\";\n      observation.mode.ne = \"0640\";",
        "check = \"file.motd\";",
    );
    let output = run(&tree, &[]);
    assert!(output.stdout.contains("::: rules/files.nix:6:16"), "{}", output.stdout);
    assert!(output.stdout.contains("`L1-FILE-001` has priority 100 too"), "{}", output.stdout);
    assert!(output.stdout.contains("in the policy of both appliances"), "{}", output.stdout);
    assert!(!output.stdout.contains('\u{1b}'), "colour without a terminal");
}

#[test]
fn one_run_shows_mistakes_of_every_kind_of_file() {
    let tree = Tree::new();
    tree.edit("baselines/small/files.nix", "expect.mode.eq", "expect.mode.equals");
    tree.edit("baselines/small/disks.nix", "writ.control", "writ.contol");
    tree.edit("rules/files.nix", "RB-FILE-001", "RB-FILE-1");
    tree.edit("rules/runbooks/files.nix", "timeout = \"10s\"", "timeout = \"2h\"");
    tree.edit("hosts/clinic-001/site.nix", "check = \"disk.root\"", "control = \"A.1\"");
    tree.edit("hosts/clinic-001/site.nix", "2027-03-01", "2026-10-01");
    tree.edit("hosts/clinic-001/front-desk/policy.nix", "writ.check", "writ.chekc");
    let findings = run(&tree, &["--format", "json"]).findings();
    let codes: Vec<&str> = findings.iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert_eq!(
        codes,
        ["nix-error", "unknown-operator", "nix-error", "expired-exception", "dangling-reference"],
        "RB-FILE-001 is run by no rule now, so it is no part of any policy"
    );
}

#[test]
fn an_excluded_list_silences_what_it_would_have_declared() {
    let tree = Tree::new();
    tree.edit("rules/default.nix", "./files.nix", "./files.nix +");
    let findings = run(&tree, &["--format", "json"]).findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["code"], "nix-error");
}

#[test]
fn a_file_that_others_import_is_named_itself() {
    let tree = Tree::new();
    tree.write("baselines/small/figures.nix", "{ limit = 15; most = 1 + ; }\n");
    tree.edit("baselines/small/default.nix", "./disks.nix ];", "./disks.nix ];\n  data = [ ./figures.nix ];");
    tree.edit("baselines/small/disks.nix", "ge = 15", "ge = (import ./figures.nix).limit");
    let findings = run(&tree, &["--format", "json"]).findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["at"]["file"], "baselines/small/figures.nix");
    assert_eq!(findings[0]["at"]["column"], 26);
}

#[test]
fn json_has_the_documented_shape() {
    let tree = Tree::new();
    tree.edit("hosts/clinic-001/site.nix", "\"Dr. Ruth Alvarez\";", "\"Dr. Ruth Alvares\";");
    let output = run(&tree, &["--format", "json"]);
    assert_eq!(output.code, 1);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["schema"], "writ.check.v1");
    let finding = &document["findings"][0];
    assert_eq!(finding["code"], "unknown-approver");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["nearest"], "Dr. Ruth Alvarez");
    assert_eq!(finding["path"], serde_json::json!(["exceptions", "EX-001", "approved_by"]));
    assert_eq!(
        finding["at"],
        serde_json::json!({"file": "hosts/clinic-001/site.nix", "line": 17, "column": 19, "length": 18})
    );
    assert_eq!(finding["appliances"], serde_json::json!(["clinic-001/back-office", "clinic-001/front-desk"]));
    assert_eq!(document["sites"][0]["appliances"][1]["appliance"], "front-desk");
    assert_eq!(document["summary"]["errors"], 1);
}

#[test]
fn untracked_files_are_warnings() {
    let tree = Tree::new();
    tree.git(&["init", "-q"]);
    tree.git(&["add", "."]);
    assert_eq!(run(&tree, &["--deny-warnings"]).code, 0);
    tree.git(&["rm", "-q", "--cached", "rules/files.nix"]);
    let output = run(&tree, &[]);
    assert_eq!(output.code, 0);
    assert!(output.stdout.contains("git does not track rules/files.nix"), "{}", output.stdout);
    assert_eq!(run(&tree, &["--deny-warnings"]).code, 1);
}

#[test]
fn ignored_files_keys_and_what_is_read_are_untracked_too() {
    let key = "hosts/clinic-001/front-desk/key.pub";
    let words = "baselines/small/words.txt";
    let tree = Tree::new();
    tree.write(".gitignore", "files.nix\n");
    tree.write(key, &format!("untrusted comment: key\nRW{}\n", "A".repeat(54)));
    tree.write(words, "Room to work");
    tree.edit("baselines/small/disks.nix", "\"Room to work\"", "builtins.readFile ./words.txt");
    tree.git(&["init", "-q"]);
    tree.git(&["add", "-f", "."]);
    tree.write("hosts/clinic-001/notes.txt", "Nothing reads this.");
    let told = || run(&tree, &[]).stdout;
    assert!(told().contains("no findings"), "{}", told());
    tree.git(&["rm", "-q", "--cached", key, words]);
    let named = format!("git add {words} {key}\n");
    assert!(told().contains("git does not track 2 policy files") && told().contains(&named), "{}", told());
    tree.git(&["rm", "-q", "--cached", "rules/files.nix"]);
    assert!(told().contains("git add -f baselines/") && told().contains("rules/files.nix"), "{}", told());
    // Of many, the command adds policy alone, and an ignored secret key never.
    tree.write(".gitignore", "*.nix\n*.key\n");
    tree.write("hosts/clinic-001/front-desk/front-desk.key", "not for anybody");
    tree.git(&["rm", "-q", "-r", "-f", "--cached", "."]);
    assert!(told().contains("git add -f '*.nix' '*/key.pub' baselines/small/words.txt\n"), "{}", told());
    tree.git(&["add", "-f", "*.nix", "*/key.pub", words]);
    assert!(told().contains("no findings"), "{}", told());
}

#[test]
fn an_exception_that_ends_soon_is_told_to_those_who_ask() {
    let tree = Tree::new();
    tree.edit("hosts/clinic-001/site.nix", "2027-03-01", "2026-12-23");
    assert_eq!(run(&tree, &["--deny-warnings"]).code, 0);
    let output = run(&tree, &["--soon"]);
    assert_eq!(output.code, 0, "{}", output.stdout);
    assert!(output.stdout.contains("this exception ends in 30 days"), "{}", output.stdout);
    assert_eq!(run(&tree, &["--soon", "--deny-warnings"]).code, 1);
    assert_eq!(run(&tree, &["--soon", "--deny-warnings", "--now", "2026-11-22T00:00:00Z"]).code, 0);
}

#[test]
fn nothing_that_a_terminal_would_obey_is_printed() {
    let tree = Tree::new();
    tree.edit("rules/files.nix", "RB-FILE-001", "RB\u{1b}]0;x\u{7}\u{9b}31m\u{202e}");
    tree.edit("baselines/small/files.nix", "expect.mode.eq", "expect.\"mo\u{1b}[31mde\".eq");
    for format in ["human", "json", "sarif", "github"] {
        let output = run(&tree, &["--format", format]);
        let obeyed = output.stdout.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!((output.code, obeyed), (1, None), "{}", output.stdout);
    }
}

#[test]
fn what_cannot_run_exits_2_and_says_what_to_do() {
    let tree = Tree::new();
    let elsewhere = tempfile::tempdir().unwrap();
    for (output, said) in [
        (run(&tree, &["--site", "clinic-01"]), "did you mean `clinic-001`?"),
        (run(&tree, &["--now", "yesterday"]), "is not a time"),
        (tree::run_in(elsewhere.path(), &[], None), "is no tree of policy"),
        (tree::run_in(elsewhere.path(), &[], None), "begin one: writ site new NAME --init"),
        (tree::run_in(&elsewhere.path().join("gone"), &[], None), "cannot be read"),
        (tree::run_in(tree.path(), &[], Some(elsewhere.path())), "install Nix"),
    ] {
        // Where Nix is installed in its usual place, an empty PATH is no hindrance.
        if said == "install Nix" && output.code == 0 {
            continue;
        }
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
}

/// Whoever reads only findings must not take silence for success.
#[test]
fn every_format_says_that_nothing_could_be_looked_at() {
    let broken = Tree::new();
    broken.edit("modules/policy/lib.nix", "rec {", "rec {{");
    let elsewhere = tempfile::tempdir().unwrap();
    for (root, arguments, said) in [
        (broken.path(), &[][..], "Nix cannot evaluate this tree (modules/policy/lib.nix:"),
        (elsewhere.path(), &[], "is no tree of policy"),
        (broken.path(), &["--site", "clinic-01"], "there is no site `clinic-01`"),
    ] {
        let in_format = |format| {
            let output = tree::run_in(root, &[arguments, &["--format", format]].concat(), None);
            assert_eq!(output.code, 2, "{}", output.stdout);
            assert!(output.stderr.contains(said.split(" (").next().unwrap()), "{}", output.stderr);
            output
        };
        assert_eq!(in_format("human").stdout, "");
        let json = in_format("json").findings();
        assert_eq!(json.len(), 1, "{json:#?}");
        assert_eq!((&json[0]["code"], &json[0]["severity"]), (&"not-evaluated".into(), &"error".into()));
        assert!(json[0]["message"].as_str().unwrap().contains(said), "{json:#?}");
        assert!(json[0]["help"].as_str().is_some_and(|help| !help.is_empty()), "{json:#?}");
        let sarif: serde_json::Value = serde_json::from_str(&in_format("sarif").stdout).unwrap();
        let run = &sarif["runs"][0];
        assert_eq!(run["results"][0]["ruleId"], "not-evaluated");
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        assert!(run["invocations"][0]["toolExecutionNotifications"][0].to_string().contains(said), "{sarif:#}");
        assert_eq!(formats::refused_by_the_schema(&[sarif]), Vec::<String>::new());
        let github = in_format("github").stdout;
        assert!(github.starts_with("::error title=not-evaluated::") && github.contains(said), "{github}");
    }
}

#[test]
fn policy_reaches_neither_the_network_nor_the_machine() {
    for (value, said) in [
        ("builtins.readFile \"/etc/passwd\"", "forbidden"),
        ("builtins.fetchurl \"https://writ.example/\"", "forbidden"),
    ] {
        let tree = Tree::new();
        tree.edit("baselines/small/files.nix", "\"Password hashes\"", value);
        let findings = run(&tree, &["--format", "json"]).findings();
        assert_eq!(findings[0]["code"], "nix-error");
        assert!(findings[0]["message"].as_str().unwrap().contains(said), "{findings:?}");
        assert_eq!(findings[0]["at"]["line"], 19);
    }
}

#[test]
fn any_folder_name_will_do() {
    let tree = Tree::within("a=\"b\" ${c} \\ d");
    assert_eq!(run(&tree, &[]).code, 0);
    tree.edit("baselines/small/files.nix", "writ.control", "writ.contol");
    assert_eq!(run(&tree, &["--format", "json"]).findings()[0]["at"]["line"], 2);
}
