//! Instants and durations as documents write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant in UTC with millisecond precision, written as RFC 3339 with `Z` (`2026-11-23T14:40:56Z`, or with `.123`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// Why a string is not a [`Time`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time: expected RFC 3339 in UTC, as in 2026-11-23T14:40:56Z")]
pub struct TimeError(String);

/// The last instant that can be written, 9999-12-30T22:00:00Z: as far as `jiff::Timestamp` takes milliseconds. The first is 1970.
const LAST_MILLIS: i64 = 253_402_207_200_000;

impl Time {
    /// The instant this many milliseconds after 1970-01-01T00:00:00Z, clamped to what can be written: 1970 to the end of 9999.
    pub fn from_unix_millis(millis: i64) -> Self {
        Self(millis.clamp(0, LAST_MILLIS))
    }

    /// The instant this many seconds after 1970-01-01T00:00:00Z; `None` beyond what can be written. For what others claim.
    pub fn from_unix_seconds(seconds: u64) -> Option<Self> {
        let millis = i64::try_from(seconds).ok()?.checked_mul(1000)?;
        (millis <= LAST_MILLIS).then_some(Self(millis))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_millis(self) -> i64 {
        self.0
    }

    /// This instant moved by some milliseconds, clamped to what can be written.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_unix_millis(self.0.saturating_add(millis))
    }

    /// This instant moved forward by a span, clamped to what can be written.
    #[must_use]
    pub fn plus(self, span: &Span) -> Self {
        self.plus_millis(span.millis())
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    pub fn millis_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// The UTC date as eight digits, `YYYYMMDD`.
    pub fn date_digits(self) -> String {
        self.to_string().chars().take(10).filter(|c| *c != '-').collect()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Within `LAST_MILLIS`, always; printing a time must never fail.
        let stamp = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        fmt::Display::fmt(&stamp, f)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let bad = || TimeError(text.chars().take(60).collect());
        if text.len() > 30 || !text.is_ascii() || !text.ends_with('Z') || text.as_bytes().get(10) != Some(&b'T') {
            return Err(bad());
        }
        let stamp: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        let millis = stamp.as_millisecond();
        if (0..=LAST_MILLIS).contains(&millis) { Ok(Self(millis)) } else { Err(bad()) }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A duration as people write it: digits and one unit of `ms s m h d w y` (a year is 365 days). Keeps its spelling.
#[derive(Debug, Clone)]
pub struct Span {
    text: String,
    millis: i64,
}

/// Why a string is not a [`Span`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a duration: expected digits and one of ms, s, m, h, d, w, y, as in \"60s\" or \"26h\", at most 1000y"
)]
pub struct SpanError(String);

const UNITS: [(&str, i64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
    ("y", 31_536_000_000),
];

impl Span {
    /// The length in milliseconds.
    pub fn millis(&self) -> i64 {
        self.millis
    }

    /// The length in whole seconds, rounded down.
    pub fn seconds(&self) -> i64 {
        self.millis / 1_000
    }

    /// The length as the standard library's duration.
    pub fn duration(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.millis.unsigned_abs())
    }

    /// The spelling it was given in.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.millis == other.millis
    }
}

impl Eq for Span {}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let bad = || SpanError(text.chars().take(60).collect());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?.1;
        let number: i64 = number.parse().map_err(|_| bad())?;
        let millis = number.checked_mul(factor).filter(|m| *m <= 31_536_000_000_000).ok_or_else(bad)?;
        Ok(Self { text: text.to_owned(), millis })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_read_and_write_as_rfc_3339() {
        assert_eq!(Time::from_unix_millis(1_795_444_856_123).to_string(), "2026-11-23T14:40:56.123Z");
        assert_eq!("2026-11-23T14:40:56Z".parse::<Time>().unwrap().unix_millis(), 1_795_444_856_000);
        assert_eq!("2026-11-23T14:40:56Z".parse::<Time>().unwrap().date_digits(), "20261123");
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23 14:40:56Z",
            "2026-11-23T14:40:56+01:00",
            "2026-13-01T00:00:00Z",
            "1969-01-01T00:00:00Z",
            "now",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_and_the_last_instant_can_be_written_and_read() {
        assert!(jiff::Timestamp::from_millisecond(LAST_MILLIS).is_ok());
        assert!(jiff::Timestamp::from_millisecond(LAST_MILLIS + 1).is_err(), "nothing is lost at the end");
        let last = Time::from_unix_millis(i64::MAX);
        let far = [
            (Time::from_unix_millis(i64::MIN), "1970-01-01T00:00:00Z"),
            (Time::from_unix_millis(-1), "1970-01-01T00:00:00Z"),
            (last, "9999-12-30T22:00:00Z"),
            (last.plus_millis(i64::MAX), "9999-12-30T22:00:00Z"),
            (last.plus(&"1000y".parse().unwrap()), "9999-12-30T22:00:00Z"),
            (Time::from_unix_millis(253_402_300_799_000), "9999-12-30T22:00:00Z"),
        ];
        for (time, text) in far {
            assert_eq!(time.to_string(), text);
            assert_eq!(format!("{time:?}"), text);
            assert_eq!(serde_json::to_string(&time).unwrap(), format!("\"{text}\""));
            assert_eq!(text.parse::<Time>(), Ok(time));
        }
        assert_eq!(last.date_digits(), "99991230");
        for beyond in ["9999-12-30T22:00:00.001Z", "9999-12-30T22:00:01Z", "9999-12-31T23:59:59Z"] {
            assert!(beyond.parse::<Time>().is_err(), "{beyond}");
        }
    }

    #[test]
    fn seconds_that_others_claim_are_not_clamped() {
        assert_eq!(Time::from_unix_seconds(0), Some(Time::from_unix_millis(0)));
        assert_eq!(Time::from_unix_seconds(253_402_207_200), Some(Time::from_unix_millis(253_402_207_200_000)));
        for beyond in [253_402_207_201, 253_402_300_799, 999_999_999_999, u64::MAX / 1000, u64::MAX] {
            assert_eq!(Time::from_unix_seconds(beyond), None, "{beyond}");
        }
    }

    #[test]
    fn spans_are_digits_and_one_unit() {
        assert_eq!("26h".parse::<Span>().unwrap().seconds(), 93_600);
        assert_eq!("500ms".parse::<Span>().unwrap().millis(), 500);
        assert_eq!("6y".parse::<Span>().unwrap().seconds(), 6 * 365 * 86_400);
        for bad in ["", "h", "26", "26 h", "-1h", "1.5h", "1h30m", "9999999999999999999s", "2000y", "5M"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_round_trips(millis in 0..=LAST_MILLIS) {
            let time = Time::from_unix_millis(millis);
            prop_assert_eq!(time.to_string().parse::<Time>(), Ok(time));
        }
    }
}
