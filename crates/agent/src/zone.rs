//! The time of day at a site: what a time of UTC is called there, by the machine's own time zone database.
//!
//! Zones are read from where systems keep them (tzfile(5), RFC 9636). On a machine without the zone everything is by UTC,
//! and whoever speaks of a time says so: [`Zone::called`].

use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use writ_policy::settings::maintenance::{Day, LocalMinute};
use writ_policy::time_zones;
use writ_trust::time::Time;

/// Where zones are kept, besides what TZDIR names: NixOS, then everybody else.
const FOLDERS: [&str; 2] = ["/etc/zoneinfo", "/usr/share/zoneinfo"];
/// The largest zone file, in bytes; real ones have up to 4 KB.
const LARGEST: usize = 64 * 1024;

/// A site's time zone; UTC by default.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    name: String,
    rules: Option<TimeZone>,
}

impl Zone {
    /// The zone of this name, as this machine knows it.
    pub fn of(name: &str) -> Self {
        let given = std::env::var_os("TZDIR");
        let folders = given.iter().map(Path::new).chain(FOLDERS.iter().map(Path::new));
        Self::from(name, folders)
    }

    fn from<'a>(name: &str, mut folders: impl Iterator<Item = &'a Path>) -> Self {
        // Only what is on the list is ever made a path of.
        let read = |folder: &Path| {
            let bytes = writ_durable::read_bounded(&folder.join(name), LARGEST).ok()?;
            TimeZone::tzif(name, &bytes).ok()
        };
        let rules = match name {
            "UTC" | "Etc/UTC" => Some(TimeZone::UTC),
            _ if time_zones::exists(name) => folders.find_map(read),
            _ => None,
        };
        Self { name: name.to_owned(), rules }
    }

    /// Whether this machine knows the zone. Otherwise all is by UTC.
    pub fn is_known(&self) -> bool {
        self.rules.is_some()
    }

    /// What times are said in: `America/New_York`, or `UTC, because this machine does not know the zone …`.
    pub fn called(&self) -> String {
        match (self.is_known(), self.name.as_str()) {
            (true, name) => name.to_owned(),
            (false, "") => "UTC".to_owned(),
            (false, _) => format!("UTC, because this machine does not know the zone {}", self.name),
        }
    }

    fn civil(&self, at: Time) -> DateTime {
        let at = Timestamp::from_millisecond(at.unix_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
        self.rules.as_ref().unwrap_or(&TimeZone::UTC).to_datetime(at)
    }

    /// The minute of the week at a time.
    pub fn local(&self, at: Time) -> LocalMinute {
        let at = self.civil(at);
        let day = Day::WEEK[usize::from(at.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
        LocalMinute { day, minute: u32::from(at.hour().unsigned_abs()) * 60 + u32::from(at.minute().unsigned_abs()) }
    }

    /// The first time after this one at which it is so many minutes after midnight on one of these days. A time that a
    /// change of the clocks leaves out is the one after it, and one that comes twice the first.
    pub fn next(&self, after: Time, days: &[Day], minute: u32) -> Option<Time> {
        let start = self.civil(after);
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        (0..=7_i64).find_map(|on| {
            let date = start.date().checked_add(Span::new().days(on)).ok()?;
            let day = Day::WEEK[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
            if !days.contains(&day) {
                return None;
            }
            let zoned = self.rules.as_ref().unwrap_or(&TimeZone::UTC).to_timestamp(date.at(hour, minute, 0, 0)).ok()?;
            let at = Time::from_unix_millis(zoned.as_millisecond());
            (at > after).then_some(at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn a_sites_time_follows_its_clocks() {
        let zone = Zone::of("America/New_York");
        assert!(zone.is_known() && zone.called() == "America/New_York", "tzdata is installed where this is tested");
        let at = |text: &str| {
            let LocalMinute { day, minute } = zone.local(time(text));
            (day, minute)
        };
        assert_eq!(at("2026-11-29T07:00:00Z"), (Day::Sun, 120), "winter: 5 hours behind");
        assert_eq!(at("2026-07-05T06:00:00Z"), (Day::Sun, 120), "summer: 4 hours behind");
        assert_eq!(at("2026-11-30T04:59:59Z"), (Day::Sun, 23 * 60 + 59));
    }

    #[test]
    fn the_end_of_the_next_business_day_is_found_across_a_change_of_the_clocks() {
        let zone = Zone::of("America/New_York");
        let business = &Day::WEEK[..5];
        let end = |after: &str| zone.next(time(after), business, 17 * 60).unwrap();
        assert_eq!(end("2026-11-27T12:00:00Z"), time("2026-11-27T22:00:00Z"), "Friday");
        assert_eq!(end("2026-11-27T22:00:00Z"), time("2026-11-30T22:00:00Z"), "over the weekend");
        assert_eq!(end("2026-03-06T22:30:00Z"), time("2026-03-09T21:00:00Z"), "summer time began on Sunday");
        assert_eq!(zone.next(time("2026-03-08T00:00:00Z"), &[Day::Sun], 150), Some(time("2026-03-08T07:30:00Z")));
        assert_eq!(zone.next(time("2026-03-08T00:00:00Z"), &[], 0), None);
    }

    #[test]
    fn what_is_not_known_here_is_utc_and_says_so_and_no_name_leads_elsewhere() {
        let empty = tempfile::tempdir().unwrap();
        let zone = Zone::from("America/New_York", std::iter::once(empty.path()));
        assert_eq!(zone.local(time("2026-11-29T07:00:00Z")), LocalMinute { day: Day::Sun, minute: 420 });
        assert_eq!(zone.called(), "UTC, because this machine does not know the zone America/New_York");
        std::fs::create_dir(empty.path().join("America")).unwrap();
        std::fs::write(empty.path().join("America/New_York"), b"TZif2 and nothing more").unwrap();
        assert!(!Zone::from("America/New_York", std::iter::once(empty.path())).is_known());
        assert!(Zone::from("Etc/UTC", std::iter::once(empty.path())).is_known(), "nobody has to be asked for that");
        for name in ["../../etc/passwd", "/etc/passwd", "posixrules", ""] {
            assert!(!Zone::of(name).is_known(), "{name}");
        }
    }
}
