//! docs/operations.md, docs/auditor.md and docs/procedures: whoever is called at night types what stands there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use writ_scenarios::flake::repository;

use super::help::{Help, all};
use crate::house::{program, ran};

/// The helps of all commands, by how they are called.
type Helps = BTreeMap<String, String>;

fn helps() -> Helps {
    let of = |binary: &'static str| {
        let call = move |path: &[String]| [&[binary.to_owned()], path].concat().join(" ");
        all(binary).into_iter().map(move |Help { path, text, .. }| (call(&path), text))
    };
    PROGRAMS.into_iter().flat_map(of).collect()
}

/// The programs that pages tell people to call.
const PROGRAMS: [&str; 5] = ["writ", "writ-depot", "writ-enforce", "writ-portal", "writ-switch"];

/// What a page has in code, in lines of their own and within others.
fn code(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.push(line);
        } else {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// The calls of our programs among some code.
fn calls<'a>(code: &[&'a str]) -> Vec<&'a str> {
    let parts = code.iter().flat_map(|line| line.split(['|', ';'])).flat_map(|part| part.split("&&"));
    let plain = parts.map(|part| part.trim().trim_start_matches("runuser -u writ-depot -- "));
    plain.filter(|call| call.split_once(' ').is_some_and(|(name, _)| PROGRAMS.contains(&name))).collect()
}

/// A page in which each command is one line: what goes on behind a `\\` is put behind it, and a prompt is taken away.
fn joined(page: &str) -> String {
    page.replace("\\\n", " ").lines().map(|line| line.strip_prefix("$ ").unwrap_or(line).to_owned() + "\n").collect()
}

/// What of a call there is not.
fn unknown(call: &str, helps: &Helps) -> Option<String> {
    let words: Vec<&str> = call.split_whitespace().collect();
    let known = (1..=words.len()).rev().find_map(|n| Some((n, helps.get(&words[..n].join(" "))?)));
    let alone = |n: usize| n == 1 && words.get(1).is_none_or(|word| word.starts_with("--"));
    let known = known.filter(|(n, _)| *n > 1 || alone(*n));
    let Some((n, help)) = known else { return Some("there is no such command".to_owned()) };
    let has = |option: &str| help.split([' ', ',', '\n', '[', '=']).any(|word| word == option);
    let options = words[n..].iter().filter(|word| word.starts_with("--")).map(|word| word.split('=').next().unwrap());
    options.into_iter().find(|option| !has(option)).map(|option| format!("it has no {option}"))
}

#[test]
fn the_page_for_operators_names_only_what_there_is() {
    let page = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let (code, helps) = (code(&page), helps());
    let calls = calls(&code);
    assert!(calls.len() > 20, "{calls:?}");
    let wrong: Vec<String> =
        calls.iter().filter_map(|call| Some(format!("{call}: {}", unknown(call, &helps)?))).collect();
    assert_eq!(wrong, Vec::<String>::new());
    assert!(unknown("writ audit compare audit --no-such-option", &helps).is_some());
    assert!(unknown("writ no-such-command", &helps).is_some());

    let exported = ran(program("writ").args(["export", "alerts", "--all"]).arg(repository()));
    let rules: BTreeSet<&str> = exported
        .stdout
        .lines()
        .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("alert: "))
        .collect();
    let is_rule = |word: &&&str| word.starts_with("Writ") && word.chars().all(|c| c.is_ascii_alphanumeric());
    let named: Vec<_> = code.iter().filter(is_rule).filter(|word| !rules.contains(**word)).collect();
    assert!(named.is_empty(), "no such rules: {named:?}");
    let metrics = fs::read_to_string(repository().join("docs/metrics.md")).unwrap();
    let is_metric = |word: &&&str| word.starts_with("writ_");
    let named: Vec<_> = code.iter().filter(is_metric).filter(|word| !metrics.contains(&format!("`{word}"))).collect();
    assert!(named.is_empty(), "no such metrics: {named:?}");
    // Nothing that alerts is left without a word on what to do.
    let told = code.iter().filter(is_rule).count();
    assert!(told >= 20, "{told}");
}

#[test]
fn procedures_and_the_auditors_page_name_only_what_there_is() {
    let helps = helps();
    let mut wrong = Vec::new();
    let mut looked = 0;
    let auditor = repository().join("docs/auditor.md");
    for page in super::pages("docs/procedures").into_iter().chain([auditor]) {
        let text = joined(&fs::read_to_string(&page).unwrap());
        let code = code(&text);
        let calls = calls(&code);
        looked += calls.len();
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        wrong.extend(calls.iter().filter_map(|call| Some(format!("{name}: {call}: {}", unknown(call, &helps)?))));
    }
    assert!(looked > 150, "{looked}");
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(calls(&code(&joined("```\nwrit audit show \\\n    --flat\n```\n"))), ["writ audit show      --flat"]);
    assert!(unknown("writ-enforce --no-such-option", &helps).is_some());
    assert!(unknown("writ no-such-command", &helps).is_some());
}

/// Each code that verifying prints is told of on the page for auditors.
#[test]
fn the_auditors_page_tells_of_every_code() {
    let page = fs::read_to_string(repository().join("docs/auditor.md")).unwrap();
    let source = fs::read_to_string(repository().join("crates/audit/src/problem.rs")).unwrap();
    let words =
        source.lines().filter_map(|l| l.trim().strip_prefix("Self::")?.split_once(" => \"")?.1.strip_suffix("\","));
    let words: Vec<&str> = words.collect();
    assert!(words.len() > 20, "{words:?}");
    let untold: Vec<_> = words.iter().filter(|word| !page.contains(&format!("`{word}`"))).collect();
    assert!(untold.is_empty(), "not told of: {untold:?}");
}
