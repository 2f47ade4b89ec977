//! The master index: every document once, as it says of itself, and who must read what.

use std::collections::{BTreeMap, BTreeSet};

use super::template::{CYCLES, Document, rows};
use super::{Judged, dates};

/// The lines of a section of the index.
fn section<'a>(index: &'a str, name: &str) -> Vec<&'a str> {
    let heading = format!("## {name}");
    index.lines().skip_while(|l| *l != heading).skip(1).take_while(|l| !l.starts_with("## ")).collect()
}

/// The roles that there are.
pub fn roles(index: &str) -> BTreeSet<String> {
    let rows = rows(&section(index, "Roles"));
    rows.into_iter().filter_map(|cells| cells.first().map(|name| (*name).to_owned())).collect()
}

/// Holds index and documents against one another.
pub fn hold(index: &str, known: &BTreeMap<String, Document>, today: &str, judged: &mut Judged) {
    let listed = section(index, "Documents");
    let mut seen = BTreeSet::new();
    for line in listed.iter().filter(|l| l.starts_with("| [")) {
        let cells: Vec<&str> = line.trim_start_matches("| ").trim_end_matches(" |").split(" | ").collect();
        let [link, title, owner, cycle, reviewed, next] = cells[..] else {
            judged.faults.push(format!("{line}: expected six cells"));
            continue;
        };
        let link = link.strip_prefix('[').and_then(|l| l.strip_suffix(')')?.split_once("]("));
        let (id, file) = link.unwrap_or_default();
        let Some(document) = known.get(id) else {
            judged.faults.push(format!("{id} is no document"));
            continue;
        };
        if !seen.insert(id) {
            judged.faults.push(format!("{id} is in the index twice"));
        }
        row(document, file, title, owner, cycle, judged);
        review(document, reviewed, next, today, judged);
    }
    let missing = known.keys().filter(|id| !seen.contains(id.as_str()));
    judged.faults.extend(missing.map(|id| format!("{id} is not in the index")));
    readers(index, known, judged);
}

fn row(document: &Document, file: &str, title: &str, owner: &str, cycle: &str, judged: &mut Judged) {
    let id = &document.id;
    let mut differs = |what: &str, here: &str, there: &str| {
        if here != there {
            judged.faults.push(format!("{id} is {what} {here} here and {there} there"));
        }
    };
    differs("the file", file, &document.file);
    differs("called", title, &document.title);
    differs("owned by", owner, &document.owner);
    differs("reviewed", cycle, &document.cycle);
}

fn review(document: &Document, reviewed: &str, next: &str, today: &str, judged: &mut Judged) {
    let id = &document.id;
    if dates::parse(reviewed).is_none() {
        judged.faults.push(format!("{id}: {reviewed:?} is no date"));
        return;
    }
    if reviewed < document.updated.as_str() {
        judged.faults.push(format!("{id} was changed on {}, after its review of {reviewed}", document.updated));
    }
    let months = CYCLES.iter().find(|(name, _)| *name == document.cycle).map(|(_, months)| *months);
    let due = months.and_then(|months| dates::later(reviewed, months)).unwrap_or_default();
    if next != due {
        judged.faults.push(format!("{id}: the next review is on {due}, and not on {next}"));
    }
    if due.as_str() <= today {
        judged.notes.push(format!("{id} is due for its review since {due}, by: {}", document.owner));
    }
}

/// Whom each document concerns, and that each concerns somebody.
fn readers(index: &str, known: &BTreeMap<String, Document>, judged: &mut Judged) {
    let table = rows(&section(index, "Roles"));
    let named: BTreeSet<&str> =
        table.iter().flat_map(|cells| cells.iter().skip(2)).flat_map(|cell| cell.split(", ")).collect();
    let strange = named.iter().filter(|id| !known.contains_key(**id));
    judged.faults.extend(strange.map(|id| format!("the roles name {id}, and {id} is no document")));
    let unread = known.keys().filter(|id| !named.contains(id.as_str()));
    judged.faults.extend(unread.map(|id| format!("no role is to read {id}")));
}
