//! The help of every command, found by asking.

use std::fs;
use std::path::PathBuf;

use writ_scenarios::flake::repository;

use crate::house::{program, ran};

/// A command with its path of names, and what its help says.
pub(super) struct Help {
    pub path: Vec<String>,
    pub text: String,
    commands: Vec<String>,
}

fn help(binary: &str, path: &[String]) -> Help {
    let asked = ran(program(binary).args(path).arg("--help"));
    assert_eq!(asked.code, Some(0), "{binary} {path:?}: {}", asked.stderr);
    let commands = asked.stdout.split("Commands:\n").nth(1).map(|rest| {
        // Names stand two columns in; what they are about continues further to the right.
        let lines = rest.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
        lines
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect()
    });
    Help { path: path.to_vec(), text: asked.stdout, commands: commands.unwrap_or_default() }
}

pub(super) fn all(binary: &str) -> Vec<Help> {
    let mut queue = vec![Vec::new()];
    let mut all = Vec::new();
    while let Some(path) = queue.pop() {
        let one = help(binary, &path);
        queue.extend(one.commands.iter().map(|name| [&path[..], std::slice::from_ref(name)].concat()));
        all.push(one);
    }
    all
}

#[test]
fn every_help_has_an_example() {
    let mut without = Vec::new();
    let mut looked = 0;
    for binary in ["writ", "writ-enforce", "writ-record", "writ-switch"] {
        for Help { path, text, commands } in all(binary) {
            looked += 1;
            // A group of commands leaves the examples to them.
            if !path.is_empty() && !commands.is_empty() {
                continue;
            }
            let called = [&[binary.to_owned()], &path[..]].concat().join(" ");
            // An example is a line behind the options that calls the command itself.
            let behind = text.split("--help").last().unwrap_or_default();
            let calls = |l: &str| l.starts_with("  ") && l.trim_start_matches([' ', '$']).starts_with(&called);
            let shown = behind.lines().any(calls);
            if !shown {
                without.push(called);
            }
        }
    }
    assert!(looked >= 25, "only {looked} commands were found");
    assert!(without.is_empty(), "no example in the help of: {}", without.join(", "));
}

#[test]
fn every_help_of_writ_tells_its_exit_codes_or_its_parent_does() {
    let top = help("writ", &[]);
    assert!(top.text.contains("Exit codes: 0") && top.text.contains("2 could not run"), "{}", top.text);
}

/// Every command that can print JSON is in the list that is tried.
#[test]
fn every_json_is_tried() {
    let mut untried = Vec::new();
    for binary in ["writ", "writ-enforce", "writ-switch"] {
        for Help { path, text, .. } in all(binary) {
            let json = text.contains("--json ") || text.contains("--json\n") || text.contains("--format ");
            let called = [&[binary.to_owned()], &path[..]].concat().join(" ");
            if json && !super::commands::TRIED.contains(&called.as_str()) {
                untried.push(called);
            }
        }
    }
    assert!(untried.is_empty(), "not tried: {untried:?}");
}

/// What cannot be understood is neither a yes nor a no.
#[test]
fn what_cannot_be_understood_ends_with_2() {
    for arguments in [
        &["nonsense"][..],
        &[],
        &["verify"],
        &["verify", "/nonexistent", "--trust", "/nonexistent"],
        &["check", "/nonexistent"],
        &["explain", "nothing.is.called.so", "--tree", "/nonexistent"],
        &["export", "docs", "/nonexistent", "--out", "/nonexistent/reference"],
        &["keys", "show", "/nonexistent"],
        &["audit", "verify", "/nonexistent"],
        &["plan", "review"],
        &["plan", "review", "--audit", "/nonexistent"],
        &["plan", "show", "P-0123456789abcdef0123456789abcdef", "--proposals", "/nonexistent"],
        &["release", "show", "/nonexistent"],
        &["release", "draft", "--flake", "/nonexistent", "--previous", "/nonexistent", "--to", "/nonexistent/draft"],
        &["trust", "show", "/nonexistent"],
        &["verify", "--no-such-option"],
        &["doctor", "--config", "/nonexistent"],
        &["status", "--config", "/nonexistent"],
        &["status", "--watch", "--config", "/nonexistent"],
        &["status", "serve", "--from", "/nonexistent", "--listen", "0.0.0.0:0"],
        &["export", "alerts", "/nonexistent"],
    ] {
        let asked = ran(program("writ").args(arguments));
        assert_eq!(asked.code, Some(2), "writ {arguments:?}: {}{}", asked.stdout, asked.stderr);
        assert!(!asked.stderr.is_empty() && asked.stdout.is_empty(), "writ {arguments:?} speaks on standard error");
    }
    for binary in ["writ-enforce", "writ-switch"] {
        for arguments in [&["--nonsense"][..], &["nonsense"]] {
            assert_eq!(ran(program(binary).args(arguments)).code, Some(2), "{binary} {arguments:?}");
        }
    }
}

/// Options that name a file with a secret in it.
const SECRETS: [&str; 7] =
    ["--key", "--read-key", "--cache-key", "--log-key", "--tls-key", "--passphrase-file", "--credentials"];

/// Where a line of an example writes or reads a secret, as it is written there.
fn secrets(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let makes_keys = line.contains("keys new");
    // An option that prose names stands in backticks, or before a bracket.
    let is_given = |pair: &&[&str]| pair[1].starts_with(|c: char| c.is_ascii_alphanumeric() || "./~<".contains(c));
    let given = words.windows(2).filter(|pair| SECRETS.contains(&pair[0]) || (makes_keys && pair[0] == "--out"));
    let given = given.filter(is_given).map(|pair| pair[1]);
    // Anywhere else, a path to a file of that name.
    let paths = words.iter().map(|word| word.trim_matches(['`', '\'', '"', ';', ')', '(']));
    let paths = paths.filter(|word| word.contains('/') && (word.ends_with(".key") || word.ends_with(".nix-key")));
    let is_public = |name: &&str| name.ends_with(".pub") || name.contains(".pub:");
    // `FILE`, `<FILE>` and `NAME.key` stand for whatever it is.
    let stands_for_any = |name: &&str| name.trim_start_matches('<').starts_with(|c: char| c.is_ascii_uppercase());
    let named = given.chain(paths).map(|name| name.trim_end_matches(['`', ';', ')']));
    named.filter(|name| !is_public(name) && !stands_for_any(name)).collect()
}

/// What git has once had, whoever reads the repository has: no example leads a secret into the tree.
#[test]
fn no_example_has_a_secret_within_the_tree() {
    let mut texts: Vec<(String, String)> = Vec::new();
    for binary in
        ["writ", "writ-enforce", "writ-switch", "writ-sync", "writ-probe", "writ-planner", "writ-depot", "writ-portal"]
    {
        let named = |one: Help| (format!("{binary} {}", one.path.join(" ")), one.text);
        texts.extend(all(binary).into_iter().map(named));
    }
    let own = ["README.md", "SECURITY.md"].map(|name| repository().join(name));
    let pages: Vec<PathBuf> = super::pages("docs").into_iter().chain(own).collect();
    texts.extend(pages.iter().map(|page| (page.display().to_string(), fs::read_to_string(page).unwrap())));
    let mut looked = 0;
    let mut within = Vec::new();
    for (whose, text) in &texts {
        for name in text.lines().flat_map(secrets) {
            looked += 1;
            if !["../", "/", "~/"].iter().any(|outside| name.starts_with(outside)) {
                within.push(format!("{whose}: {name}"));
            }
        }
    }
    assert!(looked >= 40, "only {looked} were found");
    assert!(within.is_empty(), "{within:#?}");
}
