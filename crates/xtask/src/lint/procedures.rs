//! docs/procedures: each document is in the template, and the index says of each what the document itself says.

mod dates;
mod index;
mod template;
mod training;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use writ_tools::phase::root;
use writ_tools::run;

const INDEX: &str = "README.md";
const LOG: &str = "training-log.csv";

/// The files, by name.
struct Set {
    index: String,
    log: String,
    documents: BTreeMap<String, String>,
}

/// What a look comes to.
#[derive(Default)]
struct Judged {
    /// What must be mended.
    faults: Vec<String>,
    /// What somebody has to do, and nobody can mend here: reviews that are due, quizzes that were not passed.
    notes: Vec<String>,
}

/// Refuses what is not as it must be, and prints which reviews are due.
pub fn hold(folder: &Path, files: &[PathBuf]) -> Result<()> {
    let today = run::checked(Command::new("date").args(["-u", "+%F"]))?;
    let set = read(folder)?;
    let mut judged = set.judge(today.trim());
    for file in files.iter().filter(|f| f.starts_with("baselines") && f.extension().is_some_and(|e| e == "nix")) {
        let text = fs::read_to_string(root().join(file)).with_context(|| file.display().to_string())?;
        judged
            .faults
            .extend(set.unknown_in(&text).map(|id| format!("{} cites {id}, and it is no document", file.display())));
    }
    judged.notes.iter().for_each(|note| eprintln!("   {note}"));
    if judged.faults.is_empty() { Ok(()) } else { bail!("{}:\n  {}", folder.display(), judged.faults.join("\n  ")) }
}

fn read(folder: &Path) -> Result<Set> {
    let text =
        |name: &str| fs::read_to_string(folder.join(name)).with_context(|| folder.join(name).display().to_string());
    let mut documents = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") && name != INDEX {
            documents.insert(name.clone(), text(&name)?);
        }
    }
    Ok(Set { index: text(INDEX)?, log: text(LOG)?, documents })
}

impl Set {
    /// The numbers of procedures that a policy cites and that there are not.
    fn unknown_in<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let cited = text.split('"').skip(1).step_by(2).filter(|word| template::is_id(word));
        cited.filter(|id| !self.documents.keys().any(|name| name.starts_with(&format!("{id}_"))))
    }

    fn judge(&self, today: &str) -> Judged {
        let mut judged = Judged::default();
        let roles = index::roles(&self.index);
        let mut known = BTreeMap::new();
        for (name, text) in &self.documents {
            let (document, faults) = template::read(name, text, &roles);
            judged.faults.extend(faults.into_iter().map(|fault| format!("{name}: {fault}")));
            known.insert(document.id.clone(), document);
        }
        index::hold(&self.index, &known, today, &mut judged);
        training::hold(&self.log, &known, &mut judged);
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "SOP-001_DAILY_OPERATIONS.md";

    fn set() -> Set {
        read(&root().join("docs/procedures")).unwrap()
    }

    /// What is found when the first document, the index or the log has one text instead of another.
    fn faults_with(file: &str, from: &str, to: &str) -> Vec<String> {
        let mut set = set();
        let text = match file {
            INDEX => &mut set.index,
            LOG => &mut set.log,
            name => set.documents.get_mut(name).unwrap(),
        };
        assert!(from.is_empty() || text.contains(from), "{file} has no {from:?}");
        *text = if from.is_empty() { format!("{text}{to}") } else { text.replacen(from, to, 1) };
        set.judge("2026-11-28").faults
    }

    #[test]
    fn the_procedures_are_as_they_must_be() {
        let judged = set().judge("2026-11-28");
        assert_eq!(judged.faults, Vec::<String>::new());
        assert!(judged.notes.is_empty(), "{:?}", judged.notes);
        assert_eq!(set().documents.len(), 26);
    }

    #[test]
    fn each_fault_of_a_document_is_found() {
        for (from, to, expected) in [
            ("# SOP-001: ", "# SOP-002: ", "the title begins with \"SOP-002\""),
            ("**Version:** 1.1", "**Version:** one", "\"one\" is no version"),
            ("**Last Updated:** 2026-11-28", "**Last Updated:** 2026-02-30", "\"2026-02-30\" is no date"),
            ("- **Owner:** Operations Manager\n", "", "no Owner"),
            ("**Owner:** Operations Manager", "**Owner:** Somebody", "Somebody is no role of the index"),
            ("**Review Cycle:** Monthly", "**Review Cycle:** Weekly", "\"Weekly\" is no review cycle"),
            ("## Purpose\n", "## Reason\n", "the sections are"),
            ("Not covered: ", "Beyond it: ", "Scope does not say what is not covered"),
            ("**Verification:** ", "It is so: ", "step 1 has 0 verifications"),
            ("### Step 2: ", "### Step 3: ", "step 2 is called"),
            ("| Operations Engineer |", "| A passer-by |", "A passer-by is no role of the index"),
            ("| primary | answers", "| anybody | answers", "anybody is no role of contacts"),
            ("| 1.1 | 2026", "| 1.2 | 2026", "the newest line of its history is 1.2"),
            ("| 1.1 | 2026-11-28 |", "| 1.1 | 2026-11-27 |", "the newest line of its history is of 2026-11-27"),
        ] {
            let found = faults_with(FIRST, from, to);
            assert!(found.iter().any(|f| f.starts_with(FIRST) && f.contains(expected)), "{from:?}: {found:#?}");
        }
    }

    #[test]
    fn index_and_documents_are_held_against_one_another() {
        let row = "| [SOP-001](SOP-001_DAILY_OPERATIONS.md) | Daily operations | Operations Manager | Monthly |";
        for (from, to, expected) in [
            (row, "| nothing | a | b | c |", "SOP-001 is not in the index"),
            (row, &row.replace("Monthly", "Annual"), "SOP-001 is reviewed Annual here and Monthly there"),
            (row, &row.replace("Operations Manager", "Security Officer"), "SOP-001 is owned by"),
            (row, &row.replace("Daily", "Nightly"), "SOP-001 is called"),
            (row, &row.replace("SOP-001", "SOP-099"), "SOP-099 is no document"),
            ("2026-11-28 | 2026-12-28", "2026-11-28 | 2026-12-31", "the next review is on 2026-12-28"),
            ("2026-11-28 | 2026-12-28", "2026-11-27 | 2026-12-27", "was changed on 2026-11-28, after its review"),
            ("| SOP-001, SOP-002, SOP-008", "| SOP-001, SOP-098", "SOP-098 is no document"),
        ] {
            let found = faults_with(INDEX, from, to);
            assert!(found.iter().any(|f| f.contains(expected)), "{to:?}: {found:#?}");
        }
    }

    #[test]
    fn the_training_log_is_read() {
        let with = |line: &str| faults_with(LOG, "", &format!("{line}\n"));
        assert_eq!(with("2026-11-28,Kim,SOP-001,1.0,read,"), Vec::<String>::new());
        assert_eq!(with("2026-11-28,Kim,SOP-001,1.0,quiz,92"), Vec::<String>::new());
        for line in [
            "2026-11-28,Kim,SOP-099,1.0,read,",
            "2026-11-28,Kim,SOP-001,7.0,read,",
            "28.11.2026,Kim,SOP-001,1.0,read,",
            "2026-11-28,Kim,SOP-001,1.0,slept,",
            "2026-11-28,Kim,SOP-001,1.0,quiz,101",
            "2026-11-28,,SOP-001,1.0,read,",
            "2026-11-28,Kim",
        ] {
            assert_eq!(with(line).len(), 1, "{line}");
        }
        let mut set = set();
        set.log += "2026-11-28,Kim,SOP-001,1.0,quiz,79\n";
        assert!(set.judge("2026-11-28").notes.iter().any(|n| n.contains("79 of 100")));
    }

    #[test]
    fn what_a_policy_cites_is_there() {
        let set = set();
        let text = r#"maps = { sop = [ "SOP-001" "SOP-098" "EMERG-003" ]; text = "SOP-1"; };"#;
        assert_eq!(set.unknown_in(text).collect::<Vec<_>>(), ["SOP-098"]);
    }

    #[test]
    fn reviews_that_are_due_are_named() {
        let due = set().judge("2026-12-29").notes;
        assert!(due.iter().any(|n| n.contains("SOP-001")) && !due.iter().any(|n| n.contains("SOP-003")), "{due:?}");
    }
}
