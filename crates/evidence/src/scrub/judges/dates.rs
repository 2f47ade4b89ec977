//! Which dates without a label are somebody's.

use super::whole;

/// A date of the last century: no log is that old. The first of January 1970 is a clock that was never set.
pub fn long_ago(text: &str) -> Option<usize> {
    let year = text.split(|c: char| !c.is_ascii_digit()).find(|g| g.len() == 4);
    whole(text, year.is_some_and(|y| ("1900".."2000").contains(&y)) && !text.starts_with("1970-01-01"))
}

/// A day, a month in either place, and a year that somebody can have been born in or treated in.
pub fn numeric(text: &str) -> Option<usize> {
    let numbers: Vec<u32> = text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let [first, second, year] = numbers[..] else { return None };
    let day_and_month = matches!((first, second), (1..=31, 1..=12) | (1..=12, 1..=31));
    whole(text, day_and_month && (1900..2100).contains(&year))
}
