//! `writ procedures`: what people do, offline: the documents of docs/procedures and the page for auditors, as this version has
//! them.

use std::path::PathBuf;

use writ_trust::time::Time;

use crate::embedded::PROCEDURES;
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, files, screen};

const INDEX: &str = "README.md";

/// Read the procedures for people: by number, by role, those that are due for review
///
/// They are part of this program, so an appliance has them too, and they can be read when nothing else answers. Without
/// arguments they are listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ procedures                                   all of them, with their next reviews
  writ procedures EMERG-001 | less                  the service is gone
  writ procedures auditor                           the auditor's hour
  writ procedures --role 'Security Engineer'        what that role must read, and has at hand in an emergency
  writ procedures --due --now 2027-03-01T00:00:00Z
  writ procedures --out procedures                  as files, to be printed

Exit codes: 0 shown; 1 reviews are due (--due), or there is no such document; 2 could not run.")]
pub struct Arguments {
    /// The number of a document, such as SOP-002 or EMERG-003; `auditor` for the auditor's hour
    #[arg(conflicts_with_all = ["role", "due", "out"])]
    document: Option<String>,
    /// What a role must read, should read, and has at hand in an emergency
    #[arg(long, conflicts_with_all = ["due", "out"])]
    role: Option<String>,
    /// Only those whose review is due
    #[arg(long, conflicts_with = "out")]
    due: bool,
    /// What is due is judged as of this instant, such as 2027-03-01T00:00:00Z, instead of now
    #[arg(long, value_name = "TIME", requires = "due")]
    now: Option<Time>,
    /// Write all of them into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match (&self.document, &self.role, &self.out) {
            (Some(id), _, _) => show(id),
            (_, Some(role), _) => for_role(role),
            (_, _, Some(to)) => {
                for (path, text) in PROCEDURES {
                    let path = to.join(path);
                    files::make_directory(files::parent_of(&path))?;
                    files::replace(&path, text.as_bytes(), 0o644, "the procedure")?;
                }
                screen::line(&format!("{} in {}", screen::count(PROCEDURES.len(), "file"), to.display()));
                Ok(Answer::Yes)
            }
            (None, None, None) => Ok(list(self.due, self.now.unwrap_or_else(clock::now))),
        }
    }
}

/// The number that a document's file begins with.
fn number(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split(['_', '.']).next().unwrap_or(name)
}

fn documents() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROCEDURES.iter().filter(|(path, _)| path.ends_with(".md") && !path.ends_with(INDEX)).map(|(p, t)| (number(p), *t))
}

fn index() -> &'static str {
    PROCEDURES.iter().find(|(path, _)| path.ends_with(INDEX)).map(|(_, text)| *text).unwrap_or_default()
}

fn show(id: &str) -> Outcome {
    if let Some((_, text)) = documents().find(|(number, _)| number.eq_ignore_ascii_case(id)) {
        screen::line(text.trim_end());
        return Ok(Answer::Yes);
    }
    let failure = Failure::refused(format!("there is no procedure {id}"));
    Err(failure.nearest(id, documents().map(|(number, _)| number), || "`writ procedures` lists them".to_owned()))
}

/// A row of one of the index's tables.
fn rows(heading: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = index().lines().skip_while(move |line| *line != heading).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("## "));
    lines.filter_map(|line| Some(line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect()))
}

/// The documents, or those whose review is due, a line or two each; and whether any review is.
fn listed(due: bool, now: Time) -> (Vec<String>, bool) {
    let today = now.to_string();
    let today = today.get(..10).unwrap_or_default();
    let (mut lines, mut found) = (Vec::new(), false);
    for row in rows("## Documents") {
        let [link, title, owner, cycle, _, next] = row[..] else { continue };
        let Some(number) = link.strip_prefix('[').and_then(|link| link.split(']').next()) else { continue };
        let overdue = next <= today;
        found |= overdue;
        if overdue || !due {
            let cycle = cycle.to_lowercase();
            lines.push(format!("{number:<10} {title}\n           {owner}, {cycle}, next review {next}"));
        }
    }
    if lines.is_empty() {
        lines.push(format!("no review is due on {today}"));
    }
    (lines, found)
}

fn list(due: bool, now: Time) -> Answer {
    let (lines, found) = listed(due, now);
    lines.iter().for_each(|line| screen::line(line));
    if due && found { Answer::No } else { Answer::Yes }
}

fn for_role(role: &str) -> Outcome {
    let table: Vec<Vec<&str>> = rows("## Roles").skip(1).collect();
    let known = || table.iter().filter_map(|row| row.first().copied());
    let Some(row) = table.iter().find(|row| row.first().is_some_and(|name| name.eq_ignore_ascii_case(role))) else {
        let names = known().collect::<Vec<_>>().join(", ");
        return Err(Failure::refused(format!("there is no role {role}")).nearest(role, known(), || names));
    };
    for (what, cell) in ["must read", "should read", "in an emergency"].iter().zip(row.iter().skip(2)) {
        screen::line(&format!("{what}:"));
        for id in cell.split(", ") {
            let title = documents().find(|(number, _)| *number == id).and_then(|(_, text)| text.lines().next());
            screen::line(&format!("  {}", title.unwrap_or(id).trim_start_matches("# ")));
        }
    }
    Ok(Answer::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_here_by_its_number() {
        let numbers: Vec<&str> = documents().map(|(number, _)| number).collect();
        assert_eq!(numbers.len(), 27, "{numbers:?}");
        for (number, text) in documents().filter(|(number, _)| *number != "auditor") {
            assert!(text.starts_with(&format!("# {number}: ")), "{number}");
        }
        assert!(numbers.contains(&"auditor") && numbers.contains(&"EMERG-003"));
    }

    #[test]
    fn every_row_of_the_index_is_read() {
        assert_eq!(rows("## Documents").filter(|row| row.len() == 6 && row[0].starts_with('[')).count(), 26);
        assert_eq!(rows("## Roles").filter(|row| row.len() == 5).count(), 7);
    }

    #[test]
    fn reviews_become_due() {
        let at = |time: &str, due| listed(due, time.parse().unwrap());
        assert_eq!(at("2026-11-28T00:00:00Z", true), (vec!["no review is due on 2026-11-28".to_owned()], false));
        let (lines, found) = at("2036-11-28T00:00:00Z", true);
        assert!(found && lines.len() == 26 && lines[0].starts_with("SOP-001    Daily operations\n"), "{lines:?}");
        assert_eq!(at("2026-11-28T00:00:00Z", false).0.len(), 26);
    }
}
