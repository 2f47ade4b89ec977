//! Spans of time as people name them on a command line.

use std::fmt;

use serde::Serialize;
use writ_trust::time::{Span, Time};

/// From an instant up to, and not including, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Beginning.
    pub from: Time,
    /// End, not included.
    pub to: Time,
}

/// Why a text is not a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a period: expected a day (2026-11-23), a month (2026-11), a quarter (2026-Q4), a year (2026), the time up \
     to now (90d), or two of these or of times with `..` between (2026-10-01..2026-11-23); all in UTC"
)]
pub struct PeriodError(String);

impl Period {
    /// All the time there is.
    pub fn ever() -> Self {
        Self { from: Time::from_unix_millis(0), to: Time::from_unix_millis(i64::MAX) }
    }

    /// Whether an instant lies within.
    pub fn contains(&self, at: Time) -> bool {
        self.from <= at && at < self.to
    }

    /// Length in milliseconds; 0 when it ends before it begins.
    pub fn millis(&self) -> i64 {
        self.to.millis_since(self.from).max(0)
    }

    /// The part that two periods share; empty when there is none.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let from = self.from.max(other.from);
        Self { from, to: self.to.min(other.to).max(from) }
    }

    /// The millisecond that begins with an instant.
    pub fn instant(at: Time) -> Self {
        Self { from: at, to: at.plus_millis(1) }
    }

    /// Reads a period; `now` is the end of one that is given as a duration or left open.
    pub fn parse(text: &str, now: Time) -> Result<Self, PeriodError> {
        let bad = || PeriodError(text.chars().take(60).collect());
        let period = match text.split_once("..") {
            Some((from, to)) => Self {
                from: if from.is_empty() { Time::from_unix_millis(0) } else { unit(from).ok_or_else(bad)?.from },
                // "2026-10..2026-11" means both months whole.
                to: if to.is_empty() { now } else { unit(to).ok_or_else(bad)?.to },
            },
            None => match text.parse::<Span>() {
                Ok(span) => Self { from: now.plus_millis(-span.millis()), to: now },
                Err(_) => unit(text).ok_or_else(bad)?,
            },
        };
        if period.from < period.to { Ok(period) } else { Err(bad()) }
    }
}

/// A day, a month, a quarter, a year, or an instant (which lasts a millisecond).
fn unit(text: &str) -> Option<Period> {
    if let Ok(at) = text.parse::<Time>() {
        return Some(Period::instant(at));
    }
    let parts: Vec<&str> = text.split('-').collect();
    let number = |i: usize, digits: usize| {
        let part = parts.get(i)?;
        (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u32>().ok())?
    };
    let start = |y: u32, m: u32, d: u32| format!("{y:04}-{m:02}-{d:02}T00:00:00Z").parse::<Time>().ok();
    let year = number(0, 4)?;
    match parts.len() {
        1 => Some(Period { from: start(year, 1, 1)?, to: start(year + 1, 1, 1)? }),
        2 if parts[1].starts_with('Q') => {
            let quarter = ["Q1", "Q2", "Q3", "Q4"].iter().position(|name| *name == parts[1])?;
            let first = [1, 4, 7, 10][quarter];
            let (next_year, next) = if first == 10 { (year + 1, 1) } else { (year, first + 3) };
            Some(Period { from: start(year, first, 1)?, to: start(next_year, next, 1)? })
        }
        2 => {
            let month = number(1, 2)?;
            let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            Some(Period { from: start(year, month, 1)?, to: start(next_year, next, 1)? })
        }
        3 => {
            let from = start(year, number(1, 2)?, number(2, 2)?)?;
            Some(Period { from, to: from.plus_millis(86_400_000) })
        }
        _ => None,
    }
}

/// Periods in order of time, those joined that touch or overlap, without the empty.
pub fn joined(mut all: Vec<Period>) -> Vec<Period> {
    all.sort_by_key(|p| (p.from, p.to));
    let mut out: Vec<Period> = Vec::new();
    for period in all.into_iter().filter(|p| p.millis() > 0) {
        match out.last_mut() {
            Some(last) if period.from <= last.to => last.to = last.to.max(period.to),
            _ => out.push(period),
        }
    }
    out
}

/// What is left of some periods outside of others; both are in order and do not overlap.
pub fn outside(all: &[Period], others: &[Period]) -> Vec<Period> {
    let mut out = Vec::new();
    for period in all {
        let mut from = period.from;
        // Others are in order, so those that end before this one begins stand first.
        let start = others.partition_point(|o| o.to <= period.from);
        for other in others[start..].iter().take_while(|o| o.from < period.to) {
            out.push(Period { from, to: other.from.max(from) });
            from = other.to.min(period.to);
        }
        out.push(Period { from, to: period.to });
    }
    out.retain(|p| p.millis() > 0);
    out
}

/// How long some periods are together, in milliseconds.
pub fn total(all: &[Period]) -> i64 {
    all.iter().map(Period::millis).sum()
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        Period::parse(text, "2026-11-23T14:00:00Z".parse().unwrap()).ok().map(|p| p.to_string())
    }

    fn spans(all: &[(i64, i64)]) -> Vec<Period> {
        let at = Time::from_unix_millis;
        all.iter().map(|(from, to)| Period { from: at(*from), to: at(*to) }).collect()
    }

    #[test]
    fn periods_are_joined_and_cut_out_of_one_another() {
        assert_eq!(joined(spans(&[(5, 9), (0, 2), (2, 3), (8, 12), (4, 4)])), spans(&[(0, 3), (5, 12)]));
        let left = |all: &[(i64, i64)], others: &[(i64, i64)]| outside(&spans(all), &spans(others));
        assert_eq!(left(&[(0, 10)], &[]), spans(&[(0, 10)]));
        assert_eq!(left(&[(0, 10)], &[(2, 4), (6, 20)]), spans(&[(0, 2), (4, 6)]));
        assert_eq!(left(&[(0, 3), (5, 9)], &[(0, 1), (2, 6)]), spans(&[(1, 2), (6, 9)]));
        assert_eq!(left(&[(4, 6)], &[(0, 4), (6, 9)]), spans(&[(4, 6)]));
        assert_eq!(left(&[(4, 6)], &[(0, 9)]), spans(&[]));
        assert_eq!(total(&spans(&[(0, 3), (5, 9)])), 7);
    }

    #[test]
    fn periods_are_what_people_write() {
        for (text, expected) in [
            ("2026-11-23", "2026-11-23T00:00:00Z to 2026-11-24T00:00:00Z"),
            ("2026-12", "2026-12-01T00:00:00Z to 2027-01-01T00:00:00Z"),
            ("2026", "2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z"),
            ("2026-Q1", "2026-01-01T00:00:00Z to 2026-04-01T00:00:00Z"),
            ("2026-Q4", "2026-10-01T00:00:00Z to 2027-01-01T00:00:00Z"),
            ("24h", "2026-11-22T14:00:00Z to 2026-11-23T14:00:00Z"),
            ("2026-10..2026-11", "2026-10-01T00:00:00Z to 2026-12-01T00:00:00Z"),
            ("2026-10-05..", "2026-10-05T00:00:00Z to 2026-11-23T14:00:00Z"),
            ("..2026-10-05", "1970-01-01T00:00:00Z to 2026-10-06T00:00:00Z"),
        ] {
            assert_eq!(parse(text).as_deref(), Some(expected), "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "2026-13",
            "2026-02-30",
            "2026-11..2026-10",
            "26",
            "2026-1-1",
            "2026-11-23-01",
            "..x",
            "2026-Q5",
            "2026-Q",
            "2026-q1",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
