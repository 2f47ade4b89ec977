//! Business hours at a site: what was written outside of them deserves a second look after a key was stolen.

use std::collections::BTreeMap;
use std::str::FromStr;

use writ_agent::zone::Zone;
use writ_audit::Archive;
use writ_audit::query::Row;
use writ_policy::settings::maintenance::{Day, LocalMinute};
use writ_trust::ids::SiteId;

use crate::screen;

/// From and to, in minutes after midnight, of the days of business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: u32,
    to: u32,
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let two = |text: &str| {
                (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u32>().ok())?
            };
            let (hour, minute) = (two(hour)?, two(minute)?);
            (hour < 24 && minute < 60 || (hour, minute) == (24, 0)).then_some(hour * 60 + minute)
        };
        let parsed = text.split_once('-').and_then(|(from, to)| Some(Self { from: minute(from)?, to: minute(to)? }));
        parsed
            .filter(|hours| hours.from < hours.to)
            .ok_or_else(|| "expected two times of a day, the earlier first, as in 08:00-18:00".to_owned())
    }
}

impl Hours {
    /// Keeps what was written outside, by the clocks of each site.
    pub fn keep_outside(self, archive: &Archive, rows: &mut Vec<Row>) {
        let mut zones: BTreeMap<SiteId, Zone> = BTreeMap::new();
        rows.retain(|row| {
            let zone = zones.entry(row.site.clone()).or_insert_with(|| {
                let zone = Zone::of(archive.time_zone(&row.site).unwrap_or_default());
                screen::aside(&format!("hours of {} are by {}", row.site, zone.called()));
                zone
            });
            self.are_over(zone.local(row.generated_at))
        });
    }

    fn are_over(self, local: LocalMinute) -> bool {
        matches!(local.day, Day::Sat | Day::Sun) || !(self.from..self.to).contains(&local.minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nights_and_weekends_are_outside() {
        let hours: Hours = "08:00-18:00".parse().unwrap();
        let over = |day, hour: u32, minute| hours.are_over(LocalMinute { day, minute: hour * 60 + minute });
        assert!(over(Day::Mon, 7, 59) && !over(Day::Mon, 8, 0) && !over(Day::Fri, 17, 59) && over(Day::Fri, 18, 0));
        assert!(over(Day::Sat, 12, 0) && over(Day::Sun, 12, 0));
        // By the clocks of the site: a Friday evening in New York is a Saturday in UTC.
        let zone = Zone::of("America/New_York");
        if zone.is_known() {
            assert!(!hours.are_over(zone.local("2026-11-27T22:30:00Z".parse().unwrap())));
            assert!(hours.are_over(zone.local("2026-11-27T23:30:00Z".parse().unwrap())));
        }
    }

    #[test]
    fn hours_are_two_times_of_a_day() {
        assert_eq!("08:00-18:30".parse(), Ok(Hours { from: 480, to: 1110 }));
        assert_eq!("00:00-24:00".parse(), Ok(Hours { from: 0, to: 1440 }));
        for bad in
            ["", "08:00", "8:00-18:00", "18:00-08:00", "08:00-08:00", "08:60-18:00", "25:00-26:00", "08:00-18:00-"]
        {
            assert!(bad.parse::<Hours>().is_err(), "{bad}");
        }
    }
}
