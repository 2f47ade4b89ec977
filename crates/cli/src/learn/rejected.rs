//! `rules/learned/rejected.nix`: the patterns that people turned down, with who and why. It is read as it stands, without
//! evaluating it, and a new entry is put behind the others: nothing else in it is touched.

use rnix::ast::{Entry as Binding, Expr, HasEntry as _, InterpolPart, List, LiteralKind};
use rowan::ast::AstNode as _;
use writ_audit::decided::pattern_id;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use crate::nix_text::string;

/// The most entries that are read.
const MOST: usize = 10_000;

/// A pattern that was turned down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The pattern.
    pub id: String,
    /// Who decided it.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub rejected_at: String,
}

impl Entry {
    /// Who turned it down, when, and why, in one line.
    pub fn in_words(&self) -> String {
        let Self { by, why, rejected_at, .. } = self;
        match rejected_at.is_empty() {
            true => one_line(format!("by {by}: {why}")),
            false => one_line(format!("by {by} at {rejected_at}: {why}")),
        }
    }
}

/// The file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its entries, in order.
    pub entries: Vec<Entry>,
    text: String,
    /// Where its list ends.
    end: usize,
}

/// What a new entry says.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// The pattern.
    pub id: &'a str,
    /// What it is, for people.
    pub about: String,
    /// When it was first seen.
    pub seen_first: Time,
    /// When it was last seen.
    pub seen_last: Time,
    /// How often.
    pub occurrences: u64,
    /// In which share of them it helped.
    pub success_percent: u64,
    /// When it was decided.
    pub rejected_at: Time,
    /// Who decided it.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
}

impl Rejected {
    /// Reads the file.
    ///
    /// # Errors
    /// It is no list of sets whose ids stand there plainly.
    pub fn parse(text: String) -> Result<Self, String> {
        let (entries, end) = read(&text)?;
        Ok(Self { entries, text, end })
    }

    /// The text of the file with one entry more.
    ///
    /// # Errors
    /// What would come of it cannot be read again.
    pub fn with(&self, new: &New<'_>) -> Result<String, String> {
        let (before, after) = self.text.split_at(self.end);
        let text = format!("{}\n{}{after}", before.trim_end(), new.text());
        let (entries, _) = read(&text)?;
        match entries.last() {
            Some(last) if entries.len() == self.entries.len() + 1 && last.id == new.id && last.why == new.why => {
                Ok(text)
            }
            _ => Err("the new entry would not be read as it was meant".to_owned()),
        }
    }
}

impl New<'_> {
    fn text(&self) -> String {
        let Self { id, about, seen_first, seen_last, occurrences, success_percent, rejected_at, by, why } = self;
        format!(
            "  # {}\n  {{\n    id = {};\n    seen_first = {};\n    seen_last = {};\n    occurrences = {occurrences};\n    \
             success_percent = {success_percent};\n    rejected_at = {};\n    by = {};\n    why = {};\n  }}\n",
            one_line(about),
            string(id),
            string(&seen_first.to_string()),
            string(&seen_last.to_string()),
            string(&rejected_at.to_string()),
            string(by),
            string(why),
        )
    }
}

/// The entries, and where the list ends.
fn read(text: &str) -> Result<(Vec<Entry>, usize), String> {
    let parsed = rnix::Root::parse(text);
    if let Some(error) = parsed.errors().first() {
        return Err(error.to_string());
    }
    let list = parsed.tree().expr().and_then(list_of).ok_or("it is no list")?;
    let end = list.r_brack_token().ok_or("its list has no end")?.text_range().start();
    let mut entries = Vec::new();
    for item in list.items() {
        if entries.len() == MOST {
            return Err(format!("it has more than {MOST} entries"));
        }
        let Expr::AttrSet(set) = item else { return Err("something in the list is no set".to_owned()) };
        let mut entry = Entry::default();
        for binding in set.entries() {
            let Binding::AttrpathValue(binding) = binding else { continue };
            let Some(name) = binding.attrpath().map(|path| path.syntax().text().to_string()) else { continue };
            let value = binding.value().and_then(|value| plain(&value));
            match (name.as_str(), value) {
                ("id", Some(value)) => entry.id = value,
                ("by", Some(value)) => entry.by = value,
                ("why", Some(value)) => entry.why = value,
                ("rejected_at", Some(value)) => entry.rejected_at = value,
                _ => {}
            }
        }
        if entry.id.is_empty() {
            return Err(format!("entry {} has no id that stands there plainly", entries.len() + 1));
        }
        let Some(id) = pattern_id(&entry.id) else {
            return Err(format!("entry {} names no pattern: an id is 12 hexadecimal digits", entries.len() + 1));
        };
        entry.id = id;
        entries.push(entry);
    }
    Ok((entries, usize::from(end)))
}

fn list_of(expr: Expr) -> Option<List> {
    match expr {
        Expr::List(list) => Some(list),
        Expr::Paren(inner) => list_of(inner.expr()?),
        _ => None,
    }
}

/// A value that stands there as a string or a number.
fn plain(value: &Expr) -> Option<String> {
    match value {
        Expr::Str(string) => match &string.normalized_parts()[..] {
            [] => Some(String::new()),
            [InterpolPart::Literal(text)] => Some(text.clone()),
            _ => None,
        },
        Expr::Literal(literal) => match literal.kind() {
            LiteralKind::Integer(number) => number.value().ok().map(|number| number.to_string()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "# Patterns that were turned down.\n# Reviewed every month.\n";

    fn at() -> Time {
        "2026-11-27T10:00:00Z".parse().unwrap()
    }

    fn new<'a>(id: &'a str, by: &'a str, why: &'a str) -> New<'a> {
        New {
            id,
            about: "check c, runbook \nR".to_owned(),
            seen_first: at(),
            seen_last: at(),
            occurrences: 7,
            success_percent: 42,
            rejected_at: at(),
            by,
            why,
        }
    }

    #[test]
    fn an_entry_is_put_behind_the_others_and_nothing_else_changes() {
        let one = Rejected::parse(format!("{HEAD}[ ]\n")).unwrap().with(&new("0123456789aa", "Sam", "No")).unwrap();
        assert!(one.starts_with(&format!("{HEAD}[\n  # check c, runbook ")) && one.ends_with("  }\n]\n"), "{one}");
        let held = one.replace("  }\n]", "  }\n  # the last word\n]");
        let two = Rejected::parse(held.clone()).unwrap().with(&new("0123456789bb", "Kim", "Nor this")).unwrap();
        assert!(two.starts_with(held.trim_end().trim_end_matches(']').trim_end()), "{two}");
        let read = Rejected::parse(two).unwrap().entries;
        let told: Vec<_> = read.iter().map(|e| (e.id.as_str(), e.by.as_str(), e.why.as_str())).collect();
        assert_eq!(told, [("0123456789aa", "Sam", "No"), ("0123456789bb", "Kim", "Nor this")]);
        assert_eq!(read[0].rejected_at, "2026-11-27T10:00:00Z");
    }

    #[test]
    fn what_is_no_plain_list_is_refused() {
        for text in [
            "",
            "{ }",
            "[ 1 ]",
            "[ { by = \"x\"; } ]",
            "[ { id = x; } ]",
            "[ { id = \"0123456789\"; } ]",
            "[ { id = \"0123456789xy\"; } ]",
            "[ { id = \"${x}\"; } ]",
            "map f [ ]",
            "[",
            "import ./x.nix",
        ] {
            assert!(Rejected::parse(text.to_owned()).is_err(), "{text}");
        }
        let read = Rejected::parse("([ { id = ''0123456789AB''; occurrences = 7; why = f 1; } ])".to_owned()).unwrap();
        assert_eq!(read.entries[0].id, "0123456789ab", "as evidence has it");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn whatever_people_write_is_read_again(by in "[^\0]{0,20}", why in "[\"$\\\\{}'\n\r\t a-z#\\]\\[]{0,30}") {
            // A carriage return ends a line for Nix, and rnix reads it otherwise: it is written as an escape.
            let empty = Rejected::parse("[ ]".to_owned()).unwrap();
            let text = empty.with(&new("0123456789aa", &by, &why)).unwrap();
            prop_assert_eq!(&Rejected::parse(text).unwrap().entries[0].by, &by);
        }
    }
}
