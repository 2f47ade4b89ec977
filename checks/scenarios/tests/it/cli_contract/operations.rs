//! docs/operations.md: whoever is called at night types what stands there.

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
    ["writ", "writ-depot"].into_iter().flat_map(of).collect()
}

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
    plain.filter(|call| call.starts_with("writ ") || call.starts_with("writ-depot ")).collect()
}

/// What of a call there is not.
fn unknown(call: &str, helps: &Helps) -> Option<String> {
    let words: Vec<&str> = call.split_whitespace().collect();
    let known = (1..=words.len()).rev().find_map(|n| Some((n, helps.get(&words[..n].join(" "))?)));
    let Some((n, help)) = known.filter(|(n, _)| *n > 1) else { return Some("there is no such command".to_owned()) };
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
