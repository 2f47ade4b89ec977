//! The days of a log: which of its entries belong to which.

use writ_trust::time::Time;

/// A day in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;
/// How long after midnight a day has ended: what was begun before is in the log by then, and a clock that was set back a little is
/// past midnight again.
const SETTLED: i64 = 3600 * 1000;

/// A day, in UTC, by its number since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The day of an instant.
    pub fn of(time: Time) -> Self {
        Self(time.unix_millis().div_euclid(DAY))
    }

    /// The first day that has not ended.
    pub fn open_at(now: Time) -> Self {
        Self::of(now.plus_millis(-SETTLED))
    }

    /// When it begins.
    pub fn begins(self) -> Time {
        Time::from_unix_millis(self.0.saturating_mul(DAY))
    }

    /// When the next one begins.
    pub fn ends(self) -> Time {
        Time::from_unix_millis((self.0 + 1).saturating_mul(DAY))
    }

    /// Seconds since 1970 at its end.
    pub fn end_seconds(self) -> u64 {
        u64::try_from(self.ends().unix_millis() / 1000).unwrap_or(0)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.begins().date_digits();
        write!(f, "{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..8])
    }
}

impl std::str::FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let midnight: Result<Time, _> = format!("{text}T00:00:00Z").parse();
        let day = midnight.map(Self::of).map_err(|_| format!("{text:?} is no day: expected one as in 2026-11-28"))?;
        Ok(day)
    }
}

/// Which entries belong to each day, by the times of all of them in order: from an index up to another. A clock that went back
/// takes none back into a day that has ended: each belongs to the latest day that was seen so far.
pub fn days(times: impl IntoIterator<Item = Time>) -> Vec<(Day, u64, u64)> {
    let mut days: Vec<(Day, u64, u64)> = Vec::new();
    for (index, time) in (0..).zip(times) {
        let day = Day::of(time);
        match days.last_mut() {
            Some((last, _, to)) if day <= *last => *to = index + 1,
            _ => days.push((day, index, index + 1)),
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_belongs_to_one_day() {
        let time = |text: &str| text.parse::<Time>().unwrap();
        let times = [
            "2026-11-27T23:59:59.999Z",
            "2026-11-28T00:00:00Z",
            "2026-11-27T12:00:00Z",
            "2026-11-28T23:00:00Z",
            "2026-12-02T01:00:00Z",
        ];
        let days: Vec<_> = days(times.map(time)).iter().map(|(day, from, to)| (day.to_string(), *from, *to)).collect();
        let expected = [("2026-11-27", 0, 1), ("2026-11-28", 1, 4), ("2026-12-02", 4, 5)];
        assert_eq!(days, expected.map(|(day, from, to)| (day.to_owned(), from, to)));
        assert!(super::days([]).is_empty());
    }

    #[test]
    fn a_day_has_ended_an_hour_after_midnight() {
        let open = |now: &str| Day::open_at(now.parse().unwrap()).to_string();
        assert_eq!(open("2026-11-28T23:59:59Z"), "2026-11-28");
        assert_eq!(open("2026-11-29T00:59:59.999Z"), "2026-11-28");
        assert_eq!(open("2026-11-29T01:00:00Z"), "2026-11-29");
    }

    #[test]
    fn a_day_is_read_as_it_is_written() {
        let day: Day = "2026-11-28".parse().unwrap();
        assert_eq!((day.to_string().as_str(), day.ends().to_string().as_str()), ("2026-11-28", "2026-11-29T00:00:00Z"));
        for bad in ["", "2026-11-31", "20261128", "today", "2026-11-28T00:00:00Z", "-001-01-01"] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }
}
