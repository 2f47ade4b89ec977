//! docs/requirements.md: every id of its groups has a row, and what a row says shows it is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use writ_scenarios::flake::repository;

/// The groups that ask for code, and how many ids each has.
const GROUPS: &[(&str, usize)] = &[
    ("AG", 15),
    ("SY", 23),
    ("PH", 3),
    ("LI", 9),
    ("TS", 8),
    ("KY", 51),
    ("OR", 19),
    ("LL", 38),
    ("MA", 19),
    ("PV", 45),
    ("EV", 60),
    ("WS", 27),
    ("EC", 32),
    ("HC", 29),
    ("SP", 80),
    ("AU", 21),
    ("CK", 58),
    ("RP", 34),
    ("DB", 25),
];
/// Ids of other groups, of which the rest is policy.
const ALSO: &[&str] = &["IR-13", "IR-14", "IR-17", "IR-18", "IR-19", "IR-52", "IR-55", "IR-56", "AV-12"];
/// How the last cell of a row begins that has no test.
const NOT_BUILT: &str = "not built: ";

/// The last cell of each row of a page, by id.
fn rows(page: &str) -> BTreeMap<&str, &str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let rows = cells
        .filter(|(id, _)| ALSO.contains(id) || GROUPS.iter().any(|(group, _)| id.starts_with(&format!("{group}-"))));
    rows.filter_map(|(id, rest)| Some((id, rest.split_once(" | ")?.1))).collect()
}

/// What is wrong with a page about the tree below `root`.
fn faults(page: &str, root: &Path) -> Vec<String> {
    let rows = rows(page);
    let ids = GROUPS.iter().flat_map(|(group, n)| (1..=*n).map(move |n| format!("{group}-{n:02}")));
    let ids = ids.chain(ALSO.iter().map(|id| (*id).to_owned()));
    let mut faults: Vec<String> =
        ids.clone().filter(|id| !rows.contains_key(id.as_str())).map(|id| format!("{id} has no row")).collect();
    let ids: Vec<String> = ids.collect();
    for (id, shown) in rows {
        if !ids.iter().any(|known| known == id) {
            faults.push(format!("{id} is no id"));
        }
        let wrong = match shown.strip_prefix(NOT_BUILT) {
            Some(reason) if reason.contains('`') || reason.len() < 10 => vec!["a reason and no test".to_owned()],
            Some(_) => Vec::new(),
            None => lacking(shown, root),
        };
        faults.extend(wrong.into_iter().map(|what| format!("{id}: {what}")));
    }
    faults
}

/// The files and tests of a cell that are not there. A name without a `/` is that of a test in the file before it.
fn lacking(shown: &str, root: &Path) -> Vec<String> {
    let names: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
    let mut lacking = Vec::new();
    let mut text = String::new();
    for name in &names {
        if !name.contains('/') {
            if !has_test(&text, name) {
                lacking.push(format!("there is no test {name} in the file before it"));
            }
        } else if let Ok(found) = fs::read_to_string(root.join(name)) {
            text = found;
        } else {
            lacking.push(format!("there is no file {name}"));
            text.clear();
        }
    }
    if names.is_empty() {
        lacking.push("it names nothing".to_owned());
    }
    lacking
}

fn has_test(text: &str, name: &str) -> bool {
    let Some(before) = text.find(&format!("fn {name}(")).and_then(|at| text.get(..at)) else { return false };
    // The attribute stands above, perhaps with others or with a comment between.
    let above = before.lines().rev().map(str::trim).skip_while(|line| line.is_empty());
    above.take_while(|line| line.starts_with('#') || line.starts_with("//")).any(|line| line == "#[test]")
}

#[test]
fn every_row_is_shown_by_what_is_there() {
    let page = fs::read_to_string(repository().join("docs/requirements.md")).unwrap();
    assert_eq!(faults(&page, repository()), Vec::<String>::new());
}

#[test]
fn a_row_that_shows_nothing_is_found() {
    let page = fs::read_to_string(repository().join("docs/requirements.md")).unwrap();
    let own = "`checks/scenarios/tests/it/requirements.rs`";
    let with = |id: &str, shown: &str| {
        let lines = page.lines().map(|line| match line.starts_with(&format!("| {id} |")) {
            true => format!("| {id} | this | {shown} |"),
            false => line.to_owned(),
        });
        faults(&lines.collect::<Vec<_>>().join("\n"), repository())
    };
    assert_eq!(with("AG-01", &format!("{own} `a_row_that_shows_nothing_is_found`")), Vec::<String>::new());
    for (shown, fault) in [
        ("", "AG-01: it names nothing"),
        ("`docs/no-such.md`", "AG-01: there is no file docs/no-such.md"),
        (&format!("{own} `no_such_test`"), "AG-01: there is no test no_such_test in the file before it"),
        (&format!("{own} `has_test`"), "AG-01: there is no test has_test in the file before it"),
        ("not built: ", "AG-01: a reason and no test"),
        ("not built: but see `docs/phi.md`", "AG-01: a reason and no test"),
    ] {
        assert_eq!(with("AG-01", shown), [fault], "{shown}");
    }
    assert_eq!(faults(&page.replace("| SY-23 |", "| SY-24 |"), repository()), ["SY-23 has no row", "SY-24 is no id"]);
}
