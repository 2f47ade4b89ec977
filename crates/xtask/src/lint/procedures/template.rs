//! The template: its fields, its sections, and steps that each say how one sees that it is done.

use std::collections::BTreeSet;

use super::dates;

/// The sections, in their order.
const SECTIONS: [&str; 8] = [
    "Purpose",
    "Scope",
    "Roles and Responsibilities",
    "Prerequisites",
    "Procedure",
    "Emergency Contacts",
    "Related Documents",
    "Revision History",
];
/// Review cycles, and how many months each has.
pub const CYCLES: [(&str, u32); 3] = [("Monthly", 1), ("Quarterly", 3), ("Annual", 12)];
/// Roles of contacts, as the settings of a site have them.
const CONTACTS: [&str; 7] = ["primary", "secondary", "manager", "security", "account", "after-hours", "clinic"];
/// What of a table of contacts is in no policy.
const OUTSIDE: &str = "counsel, insurer, HHS";

/// What a document says of itself.
#[derive(Default)]
pub struct Document {
    pub id: String,
    pub file: String,
    pub title: String,
    pub updated: String,
    pub owner: String,
    pub cycle: String,
    /// All versions of its history, the newest first.
    pub versions: Vec<String>,
}

/// Reads a document; gives it with what is wrong.
pub fn read(file: &str, text: &str, roles: &BTreeSet<String>) -> (Document, Vec<String>) {
    let mut faults = Vec::new();
    let id = file.split('_').next().unwrap_or_default().trim_end_matches(".md").to_owned();
    let lines = plain(text);
    let heading = lines.first().and_then(|l| l.strip_prefix("# ")?.split_once(": ")).unwrap_or_default();
    if heading.0 != id {
        faults.push(format!("the title begins with {:?}, and the file's name with {id:?}", heading.0));
    }
    if !is_id(&id) {
        faults.push(format!("{id:?} is no number of a procedure"));
    }
    let mut field = |name: &str| {
        let found = lines.iter().find_map(|l| l.strip_prefix(&format!("- **{name}:** ")));
        if found.is_none() {
            faults.push(format!("no {name}"));
        }
        found.unwrap_or_default().to_owned()
    };
    let (version, updated) = (field("Version"), field("Last Updated"));
    let (owner, cycle) = (field("Owner"), field("Review Cycle"));
    if number(&version).is_none() {
        faults.push(format!("{version:?} is no version: expected such as 1.0"));
    }
    if dates::parse(&updated).is_none() {
        faults.push(format!("{updated:?} is no date: expected such as 2026-11-28"));
    }
    if !CYCLES.iter().any(|(name, _)| *name == cycle) {
        faults.push(format!("{cycle:?} is no review cycle: expected Monthly, Quarterly or Annual"));
    }
    let sections = sections(&lines);
    let names: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
    if names != SECTIONS {
        faults.push(format!("the sections are {names:?}: expected {SECTIONS:?}"));
    }
    let body = |name: &str| sections.iter().find(|(n, _)| *n == name).map(|(_, b)| b.as_slice()).unwrap_or_default();
    faults
        .extend(sections.iter().filter(|(_, b)| b.iter().all(|l| l.is_empty())).map(|(n, _)| format!("{n} is empty")));
    for part in ["Covered: ", "Not covered: "] {
        if !body("Scope").iter().any(|l| l.strip_prefix(part).is_some_and(|rest| !rest.is_empty())) {
            faults.push(format!("Scope does not say what is {}", part.trim_end_matches(": ").to_lowercase()));
        }
    }
    let named = first_cells(body("Roles and Responsibilities")).into_iter().chain([owner.as_str()]);
    faults.extend(named.filter(|role| !roles.contains(*role)).map(|role| format!("{role} is no role of the index")));
    let contacts = first_cells(body("Emergency Contacts"));
    let strange = contacts.iter().filter(|role| !CONTACTS.contains(role) && **role != OUTSIDE);
    faults.extend(strange.map(|role| format!("{role} is no role of contacts")));
    if contacts.is_empty() {
        faults.push("no contacts".to_owned());
    }
    faults.extend(steps(body("Procedure")));
    let (versions, wrong) = history(body("Revision History"), &version, &updated);
    faults.extend(wrong);
    let title = heading.1.to_owned();
    (Document { id, file: file.to_owned(), title, updated, owner, cycle, versions }, faults)
}

/// The lines, without those in blocks of code.
fn plain(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let outside = |line: &&str| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    };
    text.lines().filter(outside).collect()
}

/// Whether a word is the number of a procedure.
pub fn is_id(id: &str) -> bool {
    let number = ["SOP-", "OP-", "EMERG-"].iter().find_map(|kind| id.strip_prefix(kind));
    number.is_some_and(|n| n.len() == 3 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// A version's two numbers.
fn number(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn sections<'a>(lines: &[&'a str]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        if let Some(name) = line.strip_prefix("## ") {
            sections.push((name, Vec::new()));
        } else if let Some((_, body)) = sections.last_mut() {
            body.push(line);
        }
    }
    sections
}

/// The cells of a table's rows, without its header and the line below it.
pub fn rows<'a>(lines: &[&'a str]) -> Vec<Vec<&'a str>> {
    let cells = lines.iter().filter_map(|l| l.strip_prefix("| ")?.strip_suffix(" |"));
    cells.map(|cells| cells.split(" | ").collect()).skip(1).collect()
}

fn first_cells<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    rows(lines).into_iter().filter_map(|cells| cells.first().copied()).collect()
}

fn steps(body: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in body {
        if let Some(name) = line.strip_prefix("### ") {
            steps.push((name, Vec::new()));
        } else if let Some((_, lines)) = steps.last_mut() {
            lines.push(line);
        }
    }
    if steps.is_empty() {
        faults.push("no steps".to_owned());
    }
    for (n, (name, lines)) in (1..).zip(&steps) {
        if name.strip_prefix(&format!("Step {n}: ")).is_none_or(str::is_empty) {
            faults.push(format!("step {n} is called {name:?}: expected `Step {n}: …`"));
        }
        let verified =
            lines.iter().filter(|l| l.strip_prefix("**Verification:** ").is_some_and(|rest| !rest.is_empty()));
        match verified.count() {
            1 if last_paragraph(lines).is_some_and(|l| l.starts_with("**Verification:** ")) => {}
            1 => faults.push(format!("step {n} goes on behind its verification")),
            count => faults.push(format!("step {n} has {count} verifications: expected one")),
        }
    }
    faults
}

/// The first line of the last paragraph.
fn last_paragraph<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let back = lines.iter().rev().skip_while(|l| l.is_empty());
    back.take_while(|l| !l.is_empty()).last().copied()
}

fn history(body: &[&str], version: &str, updated: &str) -> (Vec<String>, Vec<String>) {
    let rows = rows(body);
    let mut faults = Vec::new();
    let cell = |row: &Vec<&str>, n: usize| row.get(n).copied().unwrap_or_default().to_owned();
    let versions: Vec<String> = rows.iter().map(|row| cell(row, 0)).collect();
    let newest = rows.first().cloned().unwrap_or_default();
    if cell(&newest, 0) != version {
        faults.push(format!("the newest line of its history is {}, and its version {version}", cell(&newest, 0)));
    }
    if cell(&newest, 1) != updated {
        faults.push(format!(
            "the newest line of its history is of {}, and it was updated on {updated}",
            cell(&newest, 1)
        ));
    }
    if !versions.windows(2).all(|pair| number(&pair[0]) > number(&pair[1])) {
        faults.push(format!("its versions do not go down: {versions:?}"));
    }
    let whole = |row: &Vec<&str>| row.len() == 4 && dates::parse(row[1]).is_some() && row.iter().all(|c| !c.is_empty());
    if !rows.iter().all(whole) {
        faults.push("a line of its history lacks version, date, changes or author".to_owned());
    }
    (versions, faults)
}
