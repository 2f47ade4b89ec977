//! Quarters and months, in UTC.

use writ_evidence::id::Date;
use writ_trust::time::Time;

use crate::period::Period;

/// The quarter of a year that an instant lies in, such as `2026-Q4`.
pub fn quarter(at: Time) -> String {
    let (year, month) = year_and_month(at);
    format!("{year:04}-Q{}", month.div_ceil(3))
}

/// The quarters that a period touches, the first `MOST_QUARTERS` of them.
pub fn quarters(period: &Period) -> Vec<String> {
    let (mut year, mut month) = year_and_month(period.from);
    month = (month - 1) / 3 * 3 + 1;
    let mut quarters = Vec::new();
    while let Some(begins) = first_of(year, month).filter(|begins| *begins < period.to) {
        if quarters.len() == MOST_QUARTERS {
            break;
        }
        quarters.push(quarter(begins));
        (year, month) = if month == 10 { (year + 1, 1) } else { (year, month + 3) };
    }
    quarters
}

/// More quarters than evidence is kept for, by far.
const MOST_QUARTERS: usize = 200;

/// The whole month before the one that an instant lies in. Null only before 1970-02.
pub fn last_month(now: Time) -> Option<Period> {
    let (year, month) = year_and_month(now);
    let (before_year, before) = if month == 1 { (year.checked_sub(1)?, 12) } else { (year, month - 1) };
    Some(Period { from: first_of(before_year, before)?, to: first_of(year, month)? })
}

/// When a day of an id begins.
pub fn midnight(date: Date) -> Option<Time> {
    let digits = date.to_string();
    format!("{}-{}-{}T00:00:00Z", digits.get(..4)?, digits.get(4..6)?, digits.get(6..8)?).parse().ok()
}

/// The year, and the month from 1, that an instant lies in.
pub(crate) fn year_and_month(at: Time) -> (u32, u32) {
    let digits = at.date_digits();
    let number = |part: Option<&str>| part.and_then(|digits| digits.parse().ok());
    (number(digits.get(..4)).unwrap_or(1970), number(digits.get(4..6)).unwrap_or(1))
}

fn first_of(year: u32, month: u32) -> Option<Time> {
    format!("{year:04}-{month:02}-01T00:00:00Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarters_and_months_are_those_of_the_calendar() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        for (time, expected) in [
            ("2026-01-01T00:00:00Z", "2026-Q1"),
            ("2026-03-31T23:59:59.999Z", "2026-Q1"),
            ("2026-04-01T00:00:00Z", "2026-Q2"),
            ("2026-12-31T23:59:59Z", "2026-Q4"),
        ] {
            assert_eq!(quarter(at(time)), expected, "{time}");
        }
        let touched = |from: &str, to: &str| quarters(&Period { from: at(from), to: at(to) });
        assert_eq!(touched("2026-11-23T00:00:00Z", "2027-04-01T00:00:00Z"), ["2026-Q4", "2027-Q1"]);
        assert_eq!(touched("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z").len(), 4);
        assert_eq!(quarters(&Period::ever()).len(), MOST_QUARTERS);
        let last = |text: &str| last_month(at(text)).unwrap().to_string();
        assert_eq!(last("2026-11-28T07:00:00Z"), "2026-10-01T00:00:00Z to 2026-11-01T00:00:00Z");
        assert_eq!(last("2026-01-31T07:00:00Z"), "2025-12-01T00:00:00Z to 2026-01-01T00:00:00Z");
        assert_eq!(midnight("20261123".parse().unwrap()), Some(at("2026-11-23T00:00:00Z")));
    }
}
