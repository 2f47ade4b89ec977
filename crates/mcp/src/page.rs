//! Parts of long lists. Where to go on is told with a tag of what was read, so that no part is of another reading than the one before.

use serde_json::Value;
use writ_trust::digest::Digest;

use crate::answer::Refusal;
use crate::arguments::{Cursor, Limit};
use crate::plain::{self, Budget};

/// The most bytes of the entries of one part.
const LARGEST: usize = 96 * 1024;
/// The most bytes of one entry.
const LARGEST_ENTRY: usize = 48 * 1024;
/// How many digits a tag has.
const TAG: usize = 12;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The entries.
    pub entries: Vec<Value>,
    /// How many there are in all.
    pub total: usize,
    /// Where to go on; null at the end.
    pub next: Option<String>,
    /// Whether something of an entry was left out.
    pub cut: bool,
}

/// Where a list begins that was asked for, and how much of it is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where to go on.
    pub cursor: Option<&'a Cursor>,
    /// How many.
    pub limit: Option<Limit>,
}

/// A part of `all`, each made a value by `tell`. `of` is what was read and how it was asked for.
///
/// # Errors
/// When the cursor is of another list.
pub fn part<T>(all: &[T], wanted: Wanted<'_>, of: &Digest, tell: impl Fn(&T) -> Value) -> Result<Part, Refusal> {
    let tag = &of.hex()[..TAG];
    let from = wanted.cursor.map_or(Ok(0), |cursor| begin(cursor.as_str(), tag))?;
    let mut part = Part { entries: Vec::new(), total: all.len(), next: None, cut: false };
    let mut size = 0;
    for one in all.iter().skip(from).take(Limit::of(wanted.limit)) {
        let mut budget = Budget::of(LARGEST_ENTRY);
        let value = plain::value(tell(one), &mut budget);
        part.cut |= budget.cut;
        size += value.to_string().len();
        if size > LARGEST && !part.entries.is_empty() {
            break;
        }
        part.entries.push(value);
    }
    let end = from.saturating_add(part.entries.len());
    part.next = (end < all.len() && !part.entries.is_empty()).then(|| format!("{end}-{tag}"));
    Ok(part)
}

fn begin(cursor: &str, tag: &str) -> Result<usize, Refusal> {
    let read = cursor.split_once('-').and_then(|(at, of)| Some((at.parse::<usize>().ok()?, of)));
    match read {
        Some((at, of)) if of == tag => Ok(at),
        Some(_) => Err(Refusal::new(
            "this cursor is of another list: the folder has changed since, or other things were asked for; begin anew without a cursor",
        )),
        None => Err(Refusal::new("a cursor is what an answer gave as next_cursor")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(text: &str) -> Cursor {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn parts_come_to_the_whole_and_belong_together() {
        let all: Vec<u32> = (0..60).collect();
        let of = Digest::of(b"read");
        let get = |cursor: Option<&Cursor>, of: &Digest| {
            part(&all, Wanted { cursor, limit: None }, of, |one| Value::from(*one))
        };
        let mut found = Vec::new();
        let mut next: Option<Cursor> = None;
        loop {
            let part = get(next.as_ref(), &of).unwrap();
            assert_eq!(part.total, 60);
            found.extend(part.entries.iter().filter_map(Value::as_u64));
            match part.next {
                Some(text) => next = Some(cursor(&text)),
                None => break,
            }
        }
        assert_eq!(found, (0..60).collect::<Vec<u64>>());
        let first = cursor(&get(None, &of).unwrap().next.unwrap());
        assert!(get(Some(&first), &Digest::of(b"another")).is_err());
        for bad in ["x", "1", "-1", "99999999999999999999-a", "1-"] {
            assert!(get(Some(&cursor(bad)), &of).is_err(), "{bad}");
        }
        let beyond = cursor(&format!("999999999-{}", &of.hex()[..TAG]));
        assert_eq!(get(Some(&beyond), &of).unwrap().entries.len(), 0);
    }

    #[test]
    fn a_part_is_bounded_in_bytes() {
        let all = vec!["x".repeat(3_000); 90];
        let limit = Some(Limit::try_from(90).unwrap());
        let wanted = Wanted { cursor: None, limit };
        let part = part(&all, wanted, &Digest::of(b""), |one| one.as_str().into()).unwrap();
        assert!(part.entries.len() < 40 && part.next.is_some() && !part.cut);
    }
}
