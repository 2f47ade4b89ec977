//! Months, quarters and years, and the smaller spans that a trend is drawn over.

use writ_trust::time::Time;

use crate::calendar::year_and_month;
use crate::period::Period;

const DAY: i64 = 86_400_000;

/// What a packet is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// As it was asked for.
    pub asked: String,
    /// The same, fit for a file name: `2026-10`, `2026-Q4`, `20251101-20261031`.
    pub name: String,
    /// The whole of it.
    pub period: Period,
}

/// Why a text names no span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a {1}")]
pub struct SpanError(String, &'static str);

fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The first instant of a month.
fn month_start(year: u32, month: u32) -> Option<Time> {
    format!("{year:04}-{month:02}-01T00:00:00Z").parse().ok()
}

/// So many months from a first one on.
fn months(year: u32, month: u32, count: u32) -> Option<Period> {
    let after = month - 1 + count;
    Some(Period { from: month_start(year, month)?, to: month_start(year + after / 12, after % 12 + 1)? })
}

fn span(text: &str, what: &'static str, period: Option<Period>) -> Result<Span, SpanError> {
    let period = period.ok_or_else(|| SpanError(text.chars().take(40).collect(), what))?;
    Ok(Span { asked: text.to_owned(), name: text.to_owned(), period })
}

impl Span {
    /// A month: `2026-10`.
    pub fn month(text: &str) -> Result<Self, SpanError> {
        let month = || {
            let (year, month) = text.split_once('-')?;
            let (year, month) = (digits(year, 4)?, digits(month, 2)?);
            (1..=12).contains(&month).then(|| months(year, month, 1))?
        };
        span(text, "month: expected one such as 2026-10", month())
    }

    /// A quarter: `2026-Q4`.
    pub fn quarter(text: &str) -> Result<Self, SpanError> {
        let quarter = || {
            let (year, quarter) = text.split_once("-Q")?;
            let (year, quarter) = (digits(year, 4)?, digits(quarter, 1)?);
            (1..=4).contains(&quarter).then(|| months(year, 3 * quarter - 2, 3))?
        };
        span(text, "quarter: expected one such as 2026-Q4", quarter())
    }

    /// A week from Monday to Sunday (ISO 8601): `2026-W48`.
    pub fn week(text: &str) -> Result<Self, SpanError> {
        let week = || {
            let (year, week) = text.split_once("-W")?;
            let (year, week) = (digits(year, 4)?, digits(week, 2)?);
            // The first week is the one that the fourth of January is in, and each is of the year that its Thursday is in.
            let fourth: Time = format!("{year:04}-01-04T00:00:00Z").parse().ok()?;
            let since_monday = (fourth.unix_millis() / DAY + 3).rem_euclid(7);
            let from = fourth.plus_millis((7 * (i64::from(week) - 1) - since_monday) * DAY);
            let thursday = from.plus_millis(3 * DAY).to_string();
            let is_of_year = week > 0 && thursday.starts_with(&format!("{year:04}-"));
            is_of_year.then(|| Period { from, to: from.plus_millis(7 * DAY) })
        };
        span(text, "week: expected one such as 2026-W48", week())
    }

    /// A year: `2026`.
    pub fn year(text: &str) -> Result<Self, SpanError> {
        span(text, "year: expected one such as 2026", digits(text, 4).and_then(|year| months(year, 1, 12)))
    }

    /// The last whole month at an instant: that before the one which it lies in.
    ///
    /// # Errors
    /// There was none: time begins with 1970.
    pub fn last_month(now: Time) -> Result<Self, SpanError> {
        let (year, month) = year_and_month(now);
        let (year, month) = if month == 1 { (year.saturating_sub(1), 12) } else { (year, month - 1) };
        Self::month(&format!("{year:04}-{month:02}"))
    }

    /// The last whole quarter at an instant, in the same way.
    ///
    /// # Errors
    /// There was none.
    pub fn last_quarter(now: Time) -> Result<Self, SpanError> {
        let (year, month) = year_and_month(now);
        let quarter = month.div_ceil(3);
        let (year, quarter) = if quarter == 1 { (year.saturating_sub(1), 4) } else { (year, quarter - 1) };
        Self::quarter(&format!("{year:04}-Q{quarter}"))
    }

    /// The last whole year at an instant, in the same way.
    ///
    /// # Errors
    /// There was none.
    pub fn last_year(now: Time) -> Result<Self, SpanError> {
        let (year, _) = year_and_month(now);
        Self::year(&format!("{:04}", year.saturating_sub(1)))
    }

    /// A month, a quarter, a year, or anything else that [`Period::parse`] reads, but for what only `now` would end or begin.
    pub fn any(text: &str, now: Time) -> Result<Self, SpanError> {
        if let Ok(span) = Self::month(text).or_else(|_| Self::quarter(text)).or_else(|_| Self::year(text)) {
            return Ok(span);
        }
        let period = Period::parse(text, now).ok();
        let mut span = span(text, "period: expected one such as 2026, 2026-Q4, 2026-10 or 2025-11..2026-10", period)?;
        span.name = format!("{}-{}", span.period.from.date_digits(), span.period.to.plus_millis(-1).date_digits());
        Ok(span)
    }

    /// What of it has gone by.
    pub fn until(&self, now: Time) -> Period {
        let to = self.period.to.min(now).max(self.period.from);
        Period { from: self.period.from, to }
    }
}

/// A part of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// What it is called on an axis.
    pub name: String,
    /// The part.
    pub period: Period,
}

/// The parts of a period, in order and without gaps: days of a fortnight, weeks of some months, and months of anything longer,
/// the last [`MOST`] of them. The last may be shorter; weeks are counted from the beginning.
pub fn slices(period: &Period) -> Vec<Slice> {
    let days = period.millis() / DAY;
    let mut slices = Vec::new();
    let mut from = period.from;
    while from < period.to {
        let next = match days {
            0..=15 => from.plus_millis(DAY),
            16..=100 => from.plus_millis(7 * DAY),
            _ => next_month(from),
        };
        // Time ends somewhere.
        let to = if next > from { next.min(period.to) } else { period.to };
        let date = from.to_string();
        let name = if days > 100 { date.get(..7) } else { date.get(..10) };
        slices.push(Slice { name: name.unwrap_or_default().to_owned(), period: Period { from, to } });
        from = to;
    }
    slices.split_off(slices.len().saturating_sub(MOST))
}

/// The most parts: ten years of months.
pub const MOST: usize = 120;

/// The first instant of the month after the one that an instant is in.
fn next_month(at: Time) -> Time {
    let (year, month) = year_and_month(at);
    months(year, month, 1).map_or(at, |month| month.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_quarters_and_years_are_read() {
        let said = |span: Result<Span, SpanError>| span.ok().map(|span| span.period.to_string());
        assert_eq!(said(Span::month("2026-12")).unwrap(), "2026-12-01T00:00:00Z to 2027-01-01T00:00:00Z");
        assert_eq!(said(Span::quarter("2026-Q4")).unwrap(), "2026-10-01T00:00:00Z to 2027-01-01T00:00:00Z");
        assert_eq!(said(Span::quarter("2026-Q1")).unwrap(), "2026-01-01T00:00:00Z to 2026-04-01T00:00:00Z");
        assert_eq!(said(Span::year("2026")).unwrap(), "2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z");
        for bad in ["", "2026-13", "2026-00", "2026-1", "26-01", "2026-Q5", "2026-Q0", "2026-q1", "2026-10-01", "../x"]
        {
            assert_eq!(
                (said(Span::month(bad)), said(Span::quarter(bad)), said(Span::year(bad))),
                (None, None, None),
                "{bad}"
            );
        }
        for (week, from) in [
            ("2026-W01", "2025-12-29"),
            ("2026-W48", "2026-11-23"),
            ("2026-W53", "2026-12-28"),
            ("2025-W01", "2024-12-30"),
            ("2021-W01", "2021-01-04"),
            ("2020-W53", "2020-12-28"),
        ] {
            let period = Span::week(week).unwrap().period;
            assert!(period.from.to_string().starts_with(from) && period.millis() == 7 * DAY, "{week}: {period}");
        }
        for bad in ["2025-W53", "2026-W00", "2026-W54", "2026-W1", "2026-48", "2026-w48", "../x", ""] {
            assert!(Span::week(bad).is_err(), "{bad}");
        }
        let now: Time = "2026-11-23T14:00:00Z".parse().unwrap();
        assert_eq!(Span::any("2026-10-05..2026-10-06", now).unwrap().name, "20261005-20261006");
        assert_eq!(Span::any("2026-Q4", now).unwrap().until(now).to, now);
        assert!(Span::any("../../etc", now).is_err());
    }

    #[test]
    fn the_last_whole_month_quarter_and_year_are_over_and_no_other_is_between() {
        type Last = fn(Time) -> Result<Span, SpanError>;
        let at = |text: &str| text.parse::<Time>().unwrap();
        let names = |now: &str| {
            let all: [Last; 3] = [Span::last_month, Span::last_quarter, Span::last_year];
            all.map(|last| last(at(now)).unwrap().name)
        };
        assert_eq!(names("2026-12-01T00:00:00Z"), ["2026-11", "2026-Q3", "2025"], "with its first instant");
        assert_eq!(names("2026-11-30T23:59:59.999Z"), ["2026-10", "2026-Q3", "2025"], "and not before");
        assert_eq!(names("2027-01-01T00:00:00Z"), ["2026-12", "2026-Q4", "2026"]);
        assert_eq!(names("2028-03-31T23:59:59Z"), ["2028-02", "2027-Q4", "2027"], "after a leap day");
        // What a clock on the wall says is another thing: it is 1 December at 06:00 in Tokyo, and 30 November at 20:00 in New York.
        assert_eq!(names("2026-11-30T21:00:00Z")[0], "2026-10");
        assert_eq!(names("2026-12-01T01:00:00Z")[0], "2026-11");
        for (last, longest) in [(Span::last_month as Last, 31), (Span::last_quarter, 92), (Span::last_year, 366)] {
            let mut day = at("2023-12-30T00:00:00Z");
            while day < at("2029-01-03T00:00:00Z") {
                for now in [day, day.plus_millis(DAY - 1)] {
                    let period = last(now).unwrap().period;
                    assert!(period.to <= now && now.millis_since(period.to) < longest * DAY, "{now}: {period}");
                    assert!(period.millis() <= longest * DAY, "{now}: {period}");
                    // The one that follows is not over.
                    let next = last(period.to.plus_millis(longest * DAY)).unwrap().period;
                    assert!(next.from == period.to && next.to > now, "{now}: {period} and {next}");
                }
                day = day.plus_millis(DAY);
            }
        }
        assert!(Span::last_month(Time::from_unix_millis(0)).is_err(), "time begins with 1970");
    }

    #[test]
    fn slices_cover_a_period_without_gaps() {
        let now: Time = "2027-01-01T00:00:00Z".parse().unwrap();
        for (text, count, first) in [
            ("2026-11", 5, "2026-11-01"),
            ("2026-Q4", 14, "2026-10-01"),
            ("2026", 12, "2026-01"),
            ("2026-11-01..2026-11-03", 3, "2026-11-01"),
            ("2025-06-15..2026-06-14", 13, "2025-06"),
        ] {
            let period = Span::any(text, now).unwrap().period;
            let slices = slices(&period);
            assert_eq!((slices.len(), slices[0].name.as_str()), (count, first), "{text}");
            assert_eq!((slices[0].period.from, slices[count - 1].period.to), (period.from, period.to));
            assert!(slices.windows(2).all(|pair| pair[0].period.to == pair[1].period.from));
        }
        let ever = slices(&Span::any("..2026-10", now).unwrap().period);
        assert_eq!((ever.len(), ever[MOST - 1].name.as_str()), (MOST, "2026-10"));
    }
}
