//! Where revisions come from: commits, the working tree, clones without one, and names that are none.

use std::fs;
use std::process::Command;

use super::repo::{Repo, diff_in};

#[test]
fn uncommitted_edits_are_compared_and_left_alone() {
    let repo = Repo::new();
    repo.edit("baselines/small/figures.nix", "\"26h\"", "\"20h\"");
    let before = status(&repo);
    let ran = repo.diff(&["--from", "HEAD", "--deny-unclear"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("→ the working tree"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("checks.\"malware.scan\".expect.quick_scan_age_seconds.le: 93600 → 72000"),
        "{}",
        ran.stdout
    );
    // The system of a working tree is named from a copy.
    let json = repo.json(0, &["--from", "HEAD"]);
    assert_eq!(json["sites"]["clinic-001"]["appliances"]["front-desk"]["closure"]["is"], "same", "{json}");
    assert_eq!(status(&repo), before, "nothing was written into the tree");
}

fn status(repo: &Repo) -> Vec<u8> {
    let output = Command::new("git").args(["status", "--porcelain", "--ignored"]).current_dir(repo.path()).output();
    output.unwrap().stdout
}

#[test]
fn a_clone_without_a_working_tree_will_do() {
    let repo = Repo::new();
    repo.edit("baselines/small/figures.nix", "\"26h\"", "\"50h\"");
    repo.commit("figure");
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("bare.git");
    let cloned = Command::new("git").args(["clone", "--quiet", "--bare"]).arg(repo.path()).arg(&bare).status().unwrap();
    assert!(cloned.success());
    let ran = diff_in(&bare, &["--from", "start", "--to", "figure", "--deny-weaker"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("Protection weakens in both appliances"), "{}", ran.stdout);
    let ran = diff_in(&bare, &["--from", "start"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--to REV"), "{}", ran.stderr);
}

#[test]
fn a_policy_below_the_root_of_its_repository_is_found() {
    let repo = Repo::new();
    fs::remove_dir_all(repo.path().join(".git")).unwrap();
    let inner = repo.path().join("clinics");
    fs::create_dir(&inner).unwrap();
    for name in ["baselines", "rules", "hosts", "modules"] {
        fs::rename(repo.path().join(name), inner.join(name)).unwrap();
    }
    repo.git(&["init", "--quiet"]);
    repo.commit("start");
    repo.edit("clinics/baselines/small/figures.nix", "\"26h\"", "\"50h\"");
    repo.commit("figure");
    let ran = diff_in(&inner.join("hosts"), &["--from", "start", "--to", "figure"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("passes with quick_scan_age_seconds = 180000 as well"), "{}", ran.stdout);
    // Files are named as the tree has them.
    assert!(ran.stdout.contains("  baselines/small/files.nix:"), "{}", ran.stdout);
}

#[test]
fn names_that_git_does_not_know_are_answered() {
    let repo = Repo::new();
    repo.git(&["branch", "release-2026"]);
    for (name, said) in [
        ("relase-2026", "did you mean `release-2026`?"),
        ("0000000000000000000000000000000000000000", "git knows no revision"),
        ("--upload-pack=touch", "git knows no revision"),
        ("start^{tree}", "git knows no revision"),
        ("", "git knows no revision"),
        ("a\u{1b}[31m\nb", "git knows no revision `a\\u{1b}[31m\\u{a}b`"),
    ] {
        let ran = repo.diff(&[&format!("--from={name}")]);
        assert_eq!(ran.code, 2, "{name}: {}", ran.stdout);
        assert!(ran.stderr.contains(said), "{name}: {}", ran.stderr);
    }
    let outside = tempfile::tempdir().unwrap();
    let ran = diff_in(outside.path(), &["--from", "main", "--to", "main"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("git knows no repository here"), "{}", ran.stderr);
}

#[test]
fn a_revision_without_policy_or_with_mistakes_is_not_compared() {
    let repo = Repo::new();
    repo.git(&["checkout", "--quiet", "--orphan", "empty"]);
    repo.git(&["rm", "-r", "--quiet", "--force", "."]);
    repo.commit("nothing");
    repo.git(&["checkout", "--quiet", "main"]);
    let ran = repo.diff(&["--from", "nothing"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("nothing") && ran.stderr.contains("holds no policy"), "{}", ran.stderr);

    // A mistake of shape, one of Nix itself, and some that only validation finds: a field that the probe does not observe, a
    // check that is not there.
    for (from, to, said) in [
        ("every = \"5m\"", "evry = \"5m\"", "baselines/small/files.nix:"),
        ("{ writ, ... }:\nlet", "{ writ, ... }:\nlte", "syntax error"),
        ("expect.mode.eq = \"0644\"", "expect.mood.eq = \"0644\"", "observes no `mood`"),
        ("\"malware.scan\" \"file.motd\"", "\"malware.scan\" \"file.mood\"", "did you mean `file.motd`?"),
    ] {
        repo.edit("baselines/small/files.nix", from, to);
        let ran = repo.diff(&["--from", "start"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(said) && ran.stderr.contains("the working tree has 1 mistake"), "{}", ran.stderr);
        repo.edit("baselines/small/files.nix", to, from);
    }
    // It is the same for the other side, and for keys; a site that was not asked for may have any.
    repo.write("hosts/other/site.nix", &fs::read_to_string(repo.path().join("hosts/clinic-001/site.nix")).unwrap());
    repo.write("hosts/other/desk/policy.nix", "{ writ, ... }: writ.appliance { }\n");
    for key in ["hosts/clinic-001/front-desk/key.pub", "hosts/other/desk/key.pub"] {
        repo.write(key, "untrusted comment: a key\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n");
    }
    repo.commit("twice");
    let ran = repo.diff(&["--from", "twice", "--to", "start"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("same public key") && ran.stderr.contains("twice ("), "{}", ran.stderr);
    assert_eq!(repo.diff(&["--from", "twice", "--to", "start", "--site", "clinic-001"]).code, 0);
}

#[test]
fn of_many_sites_what_is_shared_and_what_changed_is_validated() {
    let repo = Repo::new();
    let site = fs::read_to_string(repo.path().join("hosts/clinic-001/site.nix")).unwrap();
    for i in 0..50 {
        // Each has a mistake of its own: only validation knows who may approve.
        repo.write(&format!("hosts/site-{i}/site.nix"), &site.replace("approved_by = \"Dr.", "approved_by = \"Mr."));
        repo.write(&format!("hosts/site-{i}/desk/policy.nix"), "{ writ, ... }: writ.appliance { }\n");
    }
    repo.commit("many");
    repo.edit("baselines/small/figures.nix", "\"26h\"", "\"50h\"");
    let ran = repo.diff(&["--from", "many"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("Protection weakens in all 52 appliances"), "{}", ran.stdout);
    repo.edit("hosts/site-7/site.nix", "A clinic", "Another clinic");
    let ran = repo.diff(&["--from", "many"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(") has 1 mistake, and the working tree has 1 mistake"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hosts/site-7/site.nix:") && !ran.stderr.contains("site-8"), "{}", ran.stderr);
    repo.edit("hosts/site-7/site.nix", "Another clinic", "A clinic");
    repo.edit("baselines/small/files.nix", "mode.eq = \"0644\"", "mood.eq = \"0644\"");
    let ran = repo.diff(&["--from", "many"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("observes no `mood`") && !ran.stderr.contains("hosts/"), "{}", ran.stderr);
}

#[test]
fn an_exception_that_has_ended_is_no_mistake() {
    let repo = Repo::new();
    repo.edit("hosts/clinic-001/site.nix", "expires = \"2027-03-01T00:00:00Z\"", "expires = \"2026-09-02T00:00:00Z\"");
    repo.commit("ended");
    repo.edit("baselines/small/figures.nix", "\"26h\"", "\"50h\"");
    let ran = repo.diff(&["--from", "ended", "--deny-weaker"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(!ran.stdout.contains("EX-001"), "{}", ran.stdout);
}

#[test]
fn attributes_filters_and_links_of_a_repository_have_no_say() {
    let repo = Repo::new();
    let mark = repo.path().join("ran");
    repo.git(&["config", "filter.run.smudge", &format!("touch {}", mark.display())]);
    repo.git(&["config", "core.fsmonitor", &format!("touch {}", mark.display())]);
    repo.git(&["config", "diff.external", &format!("touch {}", mark.display())]);
    repo.git(&["-c", "core.fsmonitor=false", "status", "--short"]);
    let _ = fs::remove_file(&mark);
    // An exception that `git archive` would leave out, in a file that a filter would change.
    repo.write(".gitattributes", "hosts/clinic-001/back-office/** export-ignore\n*.nix filter=run export-subst\n");
    repo.edit("hosts/clinic-001/back-office/policy.nix", "writ.appliance { }", WITH_EXCEPTION);
    std::os::unix::fs::symlink("/etc/passwd", repo.path().join("hosts/clinic-001/back-office/outside.nix")).unwrap();
    repo.git(&["-c", "core.fsmonitor=false", "-c", "filter.run.clean=cat", "add", "--all"]);
    repo.git(&["-c", "core.fsmonitor=false", "-c", "filter.run.clean=cat", "commit", "--quiet", "--message", "hidden"]);
    let _ = fs::remove_file(&mark);
    let ran = repo.diff(&["--from", "start", "--to", "HEAD", "--deny-weaker"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("exception EX-HIDDEN opened"), "{}", ran.stdout);
    // The working tree is read as it stands, without asking git what it is.
    repo.git(&["config", "filter.run.clean", &format!("touch {}", mark.display())]);
    repo.edit("hosts/clinic-001/front-desk/system.nix", "Welcome", "Come in");
    let ran = repo.diff(&["--from", "start"]);
    assert!(
        ran.stdout.contains("EX-HIDDEN") && ran.stdout.contains("(hosts/clinic-001/front-desk/system.nix"),
        "{}",
        ran.stdout
    );
    assert!(!mark.exists(), "a program of the repository's configuration ran");
}

const WITH_EXCEPTION: &str = r#"writ.appliance {
  exceptions."EX-HIDDEN" = writ.exception {
    check = "file.motd";
    reason = "None.";
    risk = "Some.";
    compensating = "Nothing.";
    owner = "Sam Okafor";
    approved_by = "Dr. Ruth Alvarez";
    approval = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    approved_at = "2026-09-01T00:00:00Z";
    expires = "2027-03-01T00:00:00Z";
  };
}"#;

#[test]
fn a_system_that_needs_more_than_the_tree_is_unknown_and_the_rest_is_compared() {
    let repo = Repo::new();
    repo.write("hosts/clinic-001/back-office/system.nix", "{ minimalSystem, ... }: (import <nixpkgs> { }).hello\n");
    repo.write("hosts/clinic-001/ward/policy.nix", "{ writ, ... }: writ.appliance { }\n");
    repo.write("hosts/clinic-001/ward/system.nix", "{ services.openssh.enable = true; }\n");
    repo.commit("nixpkgs");
    repo.edit("hosts/clinic-001/front-desk/system.nix", "Welcome", "Come in");
    repo.commit("both");
    let json = repo.json(0, &["--from", "nixpkgs", "--to", "both"]);
    let of = |name: &str| json["sites"]["clinic-001"]["appliances"][name]["closure"].clone();
    assert_eq!(of("front-desk")["is"], "changed", "{json}");
    assert_eq!(of("back-office")["is"], "unknown", "{json}");
    assert!(of("back-office")["why"].as_str().unwrap().contains("nixpkgs"), "{json}");
    assert!(of("ward")["why"].as_str().unwrap().contains("NixOS configuration"), "{json}");
    let removed = repo.json(0, &["--from", "both", "--to", "start"]);
    assert_eq!(removed["sites"]["clinic-001"]["appliances"]["back-office"]["closure"]["is"], "unknown");
}

#[test]
fn a_file_that_nix_reads_counts_wherever_it_is() {
    let repo = Repo::new();
    repo.write("data/age", "26h");
    repo.edit("baselines/small/figures.nix", "\"26h\"", "(builtins.readFile ../../data/age)");
    repo.edit("hosts/clinic-001/front-desk/system.nix", "\"Welcome\\n\"", "builtins.readFile ../../../data/motd");
    repo.write("data/motd", "Welcome");
    repo.write(".gitignore", "ignored\n");
    repo.commit("read");
    let system = |json: &serde_json::Value| {
        json["sites"]["clinic-001"]["appliances"]["front-desk"]["closure"]["is"].as_str().unwrap().to_owned()
    };
    // The same files on both sides come to the same, of a commit and of the working tree.
    let same = repo.json(0, &["--from", "read", "--deny-unclear"]);
    assert_eq!((system(&same).as_str(), &same["groups"]), ("same", &serde_json::json!([])), "{same}");
    repo.write("data/age", "50h");
    repo.write("data/motd", "Come in");
    repo.commit("older");
    for to in [&["--to", "older"][..], &[]] {
        let json = repo.json(1, &[&["--from", "read", "--deny-weaker"][..], to].concat());
        assert_eq!(json["groups"][0]["changes"][0]["after"], 180_000, "{json}");
        assert_eq!(system(&json), "changed", "{json}");
    }
    // Of the working tree, new files count, and what git ignores does not, wherever they are.
    repo.write("data/ignored", "9h");
    repo.write("data/new", "9h");
    repo.edit("baselines/small/figures.nix", "data/age", "data/ignored");
    let ran = repo.diff(&["--from", "read"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("data/ignored"), "{}", ran.stderr);
    repo.edit("baselines/small/figures.nix", "data/ignored", "data/new");
    let ran = repo.diff(&["--from", "read"]);
    assert!(ran.stdout.contains("expect.quick_scan_age_seconds.le: 93600 → 32400"), "{}{}", ran.stdout, ran.stderr);
    // What is in another repository is not there to be read.
    let head = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(repo.path()).output().unwrap().stdout;
    let head = String::from_utf8(head).unwrap();
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},shared", head.trim())]);
    repo.git(&["commit", "--quiet", "--message", "submodule"]);
    for to in [&["--to", "HEAD"][..], &[]] {
        let ran = repo.diff(&[&["--from", "read"][..], to].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains("shared is a submodule"), "{}", ran.stderr);
    }
}

#[test]
fn that_a_file_may_be_run_counts() {
    let repo = Repo::new();
    repo.edit("hosts/clinic-001/front-desk/system.nix", "files.", "programs.tool = \"${./tool.sh}\";\n  files.");
    repo.write("hosts/clinic-001/front-desk/tool.sh", "exit\n");
    repo.commit("text");
    let tool = repo.path().join("hosts/clinic-001/front-desk/tool.sh");
    fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let closure = |more: &[&str]| {
        let json = repo.json(0, more);
        json["sites"]["clinic-001"]["appliances"]["front-desk"]["closure"].clone()
    };
    // Of the working tree, and of a commit; both come to the same.
    let edited = closure(&["--from", "text"]);
    assert_eq!(edited["is"], "changed", "{edited}");
    repo.commit("program");
    assert_eq!(closure(&["--from", "program"]), serde_json::json!({ "is": "same", "path": edited["after"] }));
}

#[test]
fn temporary_files_within_the_tree_are_no_tree() {
    let repo = Repo::new();
    repo.git(&["checkout", "--quiet", "--orphan", "empty"]);
    repo.git(&["rm", "-r", "--quiet", "--force", "--cached", "."]);
    repo.git(&["commit", "--quiet", "--allow-empty", "--message", "nothing"]);
    fs::create_dir(repo.path().join("tmp")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(["diff", "--from", "HEAD"]).current_dir(repo.path()).env("TMPDIR", repo.path().join("tmp"));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("HEAD holds no policy"), "{said}");
}

#[test]
fn a_name_of_two_revisions_is_refused() {
    let repo = Repo::new();
    repo.git(&["branch", "both"]);
    repo.git(&["config", "core.warnAmbiguousRefs", "false"]);
    repo.edit("baselines/small/figures.nix", "\"26h\"", "\"50h\"");
    repo.commit("both");
    let ran = repo.diff(&["--from", "both"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("`both` names more than one revision"), "{}", ran.stderr);
    for (name, code) in [("refs/heads/both", 1), ("refs/tags/both", 0)] {
        assert_eq!(repo.diff(&["--from", name, "--deny-weaker"]).code, code, "{name}");
    }
    // A branch whose name could be a commit's.
    let head = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(repo.path()).output().unwrap().stdout;
    let short = String::from_utf8(head).unwrap()[..8].to_owned();
    repo.git(&["branch", &short, "start"]);
    assert_eq!(repo.diff(&["--from", &short]).code, 2);
}

#[test]
fn a_busybox_of_the_working_tree_changes_no_system() {
    let repo = Repo::new();
    let folder = repo.path().join("hosts/clinic-001/busybox/bin");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("busybox"), "another program").unwrap();
    fs::set_permissions(folder.join("busybox"), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    fs::write(repo.path().join(".git/info/exclude"), "busybox/\n").unwrap();
    let json = repo.json(0, &["--from", "HEAD", "--deny-unclear"]);
    assert_eq!(json["sites"]["clinic-001"]["appliances"]["front-desk"]["closure"]["is"], "same", "{json}");
}

#[test]
fn nothing_is_written_through_a_link_of_a_commit() {
    let repo = Repo::new();
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(repo.path().join("hosts/clinic-001/busybox")).unwrap();
    std::os::unix::fs::symlink(outside.path(), repo.path().join("hosts/clinic-001/busybox/bin")).unwrap();
    repo.commit("link");
    for from in ["start", "link"] {
        let ran = repo.diff(&["--from", from, "--to", "link"]);
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        assert!(ran.stderr.contains("is no folder"), "{}", ran.stderr);
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_system_that_cannot_be_named_or_is_gone_is_undecided() {
    let repo = Repo::new();
    repo.write("hosts/clinic-001/front-desk/system.nix", "{ ... }: (import <nixpkgs> { }).hello\n");
    repo.commit("nixpkgs");
    let ran = repo.diff(&["--from", "start", "--to", "nixpkgs", "--deny-unclear"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("1 change cannot be decided"), "{}", ran.stdout);
    assert_eq!(repo.diff(&["--from", "start", "--to", "nixpkgs", "--deny-weaker"]).code, 0);
    fs::remove_file(repo.path().join("hosts/clinic-001/front-desk/system.nix")).unwrap();
    repo.commit("gone");
    let json = repo.json(1, &["--from", "start", "--to", "gone", "--deny-unclear"]);
    assert_eq!(json["unclear"], 1, "{json}");
}

#[test]
fn a_repository_of_somebody_else_is_named_with_what_to_do() {
    let repo = Repo::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(["diff", "--from", "HEAD"]).current_dir(repo.path()).env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("git config --global --add safe.directory"), "{said}");
}
