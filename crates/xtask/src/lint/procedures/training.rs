//! The training log: who read which version when, and who passed which quiz.

use std::collections::BTreeMap;

use super::template::Document;
use super::{Judged, dates};

const HEADER: &str = "date,person,document,version,kind,score";
/// The score from which on a quiz is passed, of 100.
const PASSED: u32 = 80;

/// Reads the log, line by line.
pub fn hold(log: &str, known: &BTreeMap<String, Document>, judged: &mut Judged) {
    let mut lines = log.lines();
    if lines.next() != Some(HEADER) {
        judged.faults.push(format!("the training log begins with another line than {HEADER}"));
    }
    for line in lines.filter(|l| !l.is_empty()) {
        match entry(line, known) {
            Ok(Some(note)) => judged.notes.push(note),
            Ok(None) => {}
            Err(why) => judged.faults.push(format!("training log: {line}: {why}")),
        }
    }
}

fn entry(line: &str, known: &BTreeMap<String, Document>) -> Result<Option<String>, String> {
    let cells: Vec<&str> = line.split(',').collect();
    let [date, person, id, version, kind, score] = cells[..] else { return Err("expected six fields".into()) };
    dates::parse(date).ok_or("the date is none")?;
    if person.is_empty() {
        return Err("nobody is named".into());
    }
    let document = known.get(id).ok_or_else(|| format!("{id} is no document"))?;
    if !document.versions.iter().any(|v| v == version) {
        return Err(format!("there never was a version {version} of {id}"));
    }
    match kind {
        "read" if score.is_empty() => Ok(None),
        "quiz" => match score.parse::<u32>() {
            Ok(score) if score < PASSED => Ok(Some(format!("{person} had {score} of 100 in the quiz on {id}: again"))),
            Ok(0..=100) => Ok(None),
            _ => Err("a score is a number up to 100".into()),
        },
        _ => Err("expected `read` without a score, or `quiz` with one".into()),
    }
}
