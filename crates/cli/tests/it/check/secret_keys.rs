//! Secret keys among the files that git tracks or that a flake would see: told by name, and never shown.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::tree::{Tree, run, run_in};

/// Real keys, made by `writ keys new`: what each is called, and its secret half.
fn keys(folder: &Path) -> Vec<(&'static str, String)> {
    let make = |name: &str, role: &[&str], file: &'static str| {
        let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
        writ.args(["keys", "new", "--name", name, "--out"]).arg(folder).args(role);
        assert!(writ.output().unwrap().status.success(), "{name}");
        (file, fs::read_to_string(folder.join(file)).unwrap())
    };
    vec![
        make("front-desk", &["--role", "appliance", "--no-passphrase"], "front-desk.key"),
        make("cache-1", &["--role", "cache"], "cache-1.nix-key"),
    ]
}

/// The parts of a key that nothing may print: every word that is longer than a comment's.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    secret.split([' ', ':', '\n']).filter(|part| part.len() > 40)
}

fn messages(tree: &Tree) -> Vec<String> {
    let findings = run(tree, &["--format", "json"]).findings();
    assert!(findings.iter().all(|f| f["code"] == "secret-in-clear"), "{findings:#?}");
    findings.iter().map(|f| f["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn keys_that_git_tracks_are_told_and_not_shown() {
    let outside = tempfile::tempdir().unwrap();
    let tree = Tree::of_cases();
    tree.git(&["init", "-q"]);
    tree.git(&["add", "."]);
    fs::create_dir(tree.path().join("keys")).unwrap();
    let keys = keys(outside.path());
    for (file, secret) in &keys {
        tree.write(&format!("keys/{file}"), secret);
    }
    assert_eq!(messages(&tree), Vec::<String>::new(), "git does not have them");
    tree.git(&["add", "."]);
    let told = [
        "keys/cache-1.nix-key is a secret key of a binary cache: whoever reads the repository or its history has it",
        "keys/front-desk.key is a secret key: whoever reads the repository or its history has it",
    ];
    assert_eq!(messages(&tree), told);
    for format in ["human", "json", "sarif", "github"] {
        let output = run(&tree, &["--format", format]);
        assert_eq!(output.code, 1);
        for part in keys.iter().flat_map(|(_, secret)| parts(secret)) {
            assert!(!output.stdout.contains(part) && !output.stderr.contains(part), "{format}");
        }
    }
    // What git had once is for its history; here it is about what the tree is now.
    tree.git(&["rm", "-rqf", "keys"]);
    assert_eq!(messages(&tree), Vec::<String>::new());
}

#[test]
fn a_key_of_the_repository_around_the_tree_is_told() {
    let tree = Tree::of_cases();
    let around = tree.path().parent().unwrap().to_owned();
    let git = |arguments: &[&str]| {
        assert!(Command::new("git").args(arguments).current_dir(&around).status().unwrap().success());
    };
    keys(&around.join("keys"));
    git(&["init", "-q"]);
    git(&["add", "."]);
    let told = messages(&tree);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("../keys/cache-1.nix-key is a secret key of a binary cache"), "{told:?}");
}

/// Silence would be taken for an answer.
#[test]
fn where_git_fails_it_is_told_that_nobody_looked() {
    let tree = Tree::of_cases();
    tree.git(&["init", "-q"]);
    tree.git(&["add", "."]);
    let tools = tempfile::tempdir().unwrap();
    let git = tools.path().join("git");
    let path = std::env::join_paths(
        [tools.path().to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    for (script, why) in [
        ("echo 'fatal: index file corrupt' >&2; exit 128", "git says: fatal: index file corrupt"),
        ("echo \"fatal: detected dubious ownership in repository at '$PWD'\" >&2; exit 128", "in repository at '.'"),
        ("exit 3", "git ended (exit status: 3)"),
        ("kill -9 $$", "git ended (signal: 9"),
        ("head -c 2000000 /dev/zero", "git wrote more than 1048576 bytes"),
    ] {
        fs::write(&git, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
        let output = run_in(tree.path(), &["--format", "json"], Some(path.as_ref()));
        let findings = output.findings();
        assert_eq!(findings.len(), 1, "{script}: {findings:#?}");
        assert_eq!((&findings[0]["code"], &findings[0]["severity"]), (&"search-failed".into(), &"warning".into()));
        assert!(findings[0]["message"].as_str().unwrap().contains(why), "{findings:#?}");
        let strict = run_in(tree.path(), &["--deny-warnings"], Some(path.as_ref()));
        assert_eq!((output.code, strict.code), (0, 1));
    }
}

/// As one that was built without PCRE.
#[test]
fn a_git_that_knows_no_perl_expressions_finds_the_same() {
    let tree = Tree::of_cases();
    let outside = tempfile::tempdir().unwrap();
    tree.write("lost.key", &keys(outside.path()).remove(0).1);
    tree.git(&["init", "-q"]);
    tree.git(&["add", "."]);
    let tools = tempfile::tempdir().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|file| file.is_file()).unwrap();
    let git = tools.path().join("git");
    let refuses = "case \"$*\" in *--perl-regexp*) echo 'fatal: no PCRE' >&2; exit 128;; esac";
    fs::write(&git, format!("#!/bin/sh\n{refuses}\nexec {} \"$@\"\n", real.display())).unwrap();
    fs::set_permissions(&git, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::join_paths([tools.path().to_owned()].into_iter().chain(std::env::split_paths(&path))).unwrap();
    let findings = run_in(tree.path(), &["--format", "json"], Some(path.as_ref())).findings();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0]["at"]["file"], "lost.key");
}

#[test]
fn what_only_looks_like_a_key_is_none() {
    let outside = tempfile::tempdir().unwrap();
    let secret = keys(outside.path()).remove(1).1;
    let tree = Tree::of_cases();
    // A signature has as many bytes, and the public half is no secret.
    let signature = format!("cache-1:{}==", "A".repeat(86));
    tree.write("cache.narinfo", &format!("Sig: {signature}\n{signature}\nkeys = \"{}\"\n", secret.trim()));
    tree.write("public", &fs::read_to_string(outside.path().join("front-desk.pub")).unwrap());
    tree.write("flake.nix", "{ outputs = _: { }; }\n");
    assert_eq!(messages(&tree), Vec::<String>::new());
    // The same file with the key as a line of its own.
    tree.write("cache.narinfo", &secret);
    assert_eq!(messages(&tree), ["cache.narinfo is a secret key of a binary cache: whoever reads this tree has it"]);
    // Neither in a repository nor seen by a flake.
    fs::remove_file(tree.path().join("flake.nix")).unwrap();
    assert_eq!(messages(&tree), Vec::<String>::new());
}

#[test]
fn a_secret_key_for_the_public_one_is_one_mistake() {
    let outside = tempfile::tempdir().unwrap();
    let secret = keys(outside.path()).remove(0).1;
    let tree = Tree::of_cases();
    tree.git(&["init", "-q"]);
    tree.git(&["add", "."]);
    let file = "hosts/clinic-001/front-desk/key.pub";
    tree.write(file, &secret);
    for tracked in [false, true] {
        if tracked {
            tree.git(&["add", "."]);
        }
        let findings = run(&tree, &["--format", "json"]).findings();
        assert_eq!(findings.len(), 1, "{findings:#?}");
        let text = findings[0].to_string();
        assert!(
            text.contains("holds a secret key, not the public one") && text.contains("clinic-001/front-desk"),
            "{text}"
        );
        assert_eq!(findings[0]["at"]["line"], 2);
    }
    // The public one beside it is as good as nothing: the file still gives the secret away.
    let public = fs::read_to_string(outside.path().join("front-desk.pub")).unwrap();
    tree.write(file, &format!("{public}{secret}"));
    assert_eq!(messages(&tree).len(), 1);
}
