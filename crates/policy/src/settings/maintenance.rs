//! When what disturbs people may happen. Pure: the time comes in as people at the site call it.

use serde::{Deserialize, Serialize};

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// What a window allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Activating a new generation.
    Switch,
    /// Booting it.
    Reboot,
    /// Full scans.
    Scan,
    /// Restoring a backup to see whether that works.
    RestoreTest,
}

/// One window, in the site's time zone. It passes midnight where `to` is earlier than `from`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    pub days: Vec<Day>,
    /// When it begins, `HH:MM`.
    pub from: String,
    /// When it ends, `HH:MM`.
    pub to: String,
    /// What may happen in it.
    pub allows: Vec<Work>,
}

/// All windows of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// The windows; none means that nothing has to wait.
    pub windows: Vec<Window>,
}

/// Minutes in a day.
const DAY: u32 = 24 * 60;

impl Day {
    /// The days in order, beginning with Monday as ISO 8601 does.
    pub const WEEK: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// The day so many days later.
    #[must_use]
    pub fn plus(self, days: usize) -> Self {
        Self::WEEK[(self as usize + days) % Self::WEEK.len()]
    }

    /// Its name, as a sentence has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mon => "Monday",
            Self::Tue => "Tuesday",
            Self::Wed => "Wednesday",
            Self::Thu => "Thursday",
            Self::Fri => "Friday",
            Self::Sat => "Saturday",
            Self::Sun => "Sunday",
        }
    }
}

impl Work {
    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Reboot => "reboot",
            Self::Scan => "scan",
            Self::RestoreTest => "restore-test",
        }
    }
}

/// A minute of the week in the site's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMinute {
    /// The day.
    pub day: Day,
    /// Minutes since midnight, below 1,440.
    pub minute: u32,
}

/// Whether work may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// No window is about this work: it has to wait for none.
    Unbound,
    /// A window is open.
    Open,
    /// A window opens later; none where every window that is about it is no time of day at all.
    Closed(Option<Opens>),
}

/// When a window opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opens {
    /// On this day.
    pub day: Day,
    /// At this time, `HH:MM`.
    pub at: String,
    /// In so many minutes, where nobody changes the clocks until then.
    pub minutes: u32,
}

impl Opening {
    /// Whether work has to wait.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// Whether work may begin at a minute. A window counts from its first minute to the one before its last.
pub fn open(windows: &[Window], work: Work, now: LocalMinute) -> Opening {
    let about: Vec<&Window> = windows.iter().filter(|window| window.allows.contains(&work)).collect();
    if about.is_empty() {
        return Opening::Unbound;
    }
    if about.iter().any(|window| window.holds(now)) {
        return Opening::Open;
    }
    Opening::Closed(about.iter().filter_map(|window| window.opens(now)).min_by_key(|opens| opens.minutes))
}

impl Window {
    fn holds(&self, now: LocalMinute) -> bool {
        let (Some(from), Some(to)) = (minutes(&self.from), minutes(&self.to)) else { return false };
        let (today, yesterday) = (self.days.contains(&now.day), self.days.contains(&now.day.plus(6)));
        if from < to {
            today && (from..to).contains(&now.minute)
        } else {
            today && now.minute >= from || yesterday && now.minute < to
        }
    }

    fn opens(&self, now: LocalMinute) -> Option<Opens> {
        let from = minutes(&self.from)?;
        minutes(&self.to)?;
        // Seven days on is the same day a week later.
        let on = (0..=7).find(|days| self.days.contains(&now.day.plus(*days)) && (*days > 0 || from > now.minute))?;
        let minutes = on as u32 * DAY + from - now.minute;
        Some(Opens { day: now.day.plus(on), at: self.from.clone(), minutes })
    }
}

/// `HH:MM` as minutes since midnight.
pub fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    let part = |text: &str| digits(text).then(|| text.parse::<u32>().ok()).flatten();
    let (hours, minutes) = (part(hours)?, part(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(days: &[Day], from: &str, to: &str, allows: &[Work]) -> Window {
        Window { days: days.to_vec(), from: from.to_owned(), to: to.to_owned(), allows: allows.to_vec() }
    }

    fn at(day: Day, time: &str) -> LocalMinute {
        LocalMinute { day, minute: minutes(time).unwrap() }
    }

    #[test]
    fn a_window_passes_midnight_and_says_when_it_opens() {
        let windows = [
            window(&[Day::Sat], "22:00", "02:00", &[Work::Scan]),
            window(&[Day::Sun], "02:00", "06:00", &[Work::Switch, Work::Reboot]),
        ];
        let scan = |day, time| open(&windows, Work::Scan, at(day, time));
        assert_eq!(scan(Day::Sat, "22:00"), Opening::Open);
        assert_eq!(scan(Day::Sun, "01:59"), Opening::Open, "it began yesterday");
        assert!(scan(Day::Sun, "02:00").is_closed() && scan(Day::Sat, "01:00").is_closed());
        let opens = |day, at: &str, minutes| Opening::Closed(Some(Opens { day, at: at.to_owned(), minutes }));
        assert_eq!(scan(Day::Sat, "21:30"), opens(Day::Sat, "22:00", 30));
        let switch = |day, time| open(&windows, Work::Switch, at(day, time));
        assert_eq!(switch(Day::Sun, "06:00"), opens(Day::Sun, "02:00", 7 * 1440 - 240), "a week later");
        assert_eq!(switch(Day::Mon, "00:00"), opens(Day::Sun, "02:00", 6 * 1440 + 120));
        assert_eq!(open(&windows, Work::RestoreTest, at(Day::Mon, "00:00")), Opening::Unbound);
        assert_eq!(open(&[], Work::Switch, at(Day::Mon, "00:00")), Opening::Unbound);
        let never = window(&[Day::Mon], "25:00", "26:00", &[Work::Switch]);
        assert_eq!(open(&[never], Work::Switch, at(Day::Mon, "00:00")), Opening::Closed(None), "it is no way around");
    }

    #[test]
    fn only_a_time_of_day_is_one() {
        assert_eq!(["00:00", "23:59"].map(minutes), [Some(0), Some(1439)]);
        for text in ["24:00", "9:00", "09:60", "0900", "+9:00", "09:0", ""] {
            assert_eq!(minutes(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_closed_opens_when_it_says_and_not_before(
            days in proptest::collection::btree_set(0_usize..7, 1..7),
            (from, to) in (0_u32..1440, 0_u32..1440).prop_filter("empty", |(from, to)| from != to),
            day in 0_usize..7,
            minute in 0_u32..1440,
        ) {
            let text = |m: u32| format!("{:02}:{:02}", m / 60, m % 60);
            let days: Vec<Day> = days.into_iter().map(|day| Day::WEEK[day]).collect();
            let windows = [window(&days, &text(from), &text(to), &[Work::Switch])];
            let later = |minutes: u32| {
                let all = minute + minutes;
                LocalMinute { day: Day::WEEK[day].plus((all / 1440) as usize), minute: all % 1440 }
            };
            if let Opening::Closed(opens) = open(&windows, Work::Switch, later(0)) {
                let opens = opens.unwrap();
                for before in 0..opens.minutes {
                    prop_assert!(open(&windows, Work::Switch, later(before)).is_closed());
                }
                prop_assert_eq!(open(&windows, Work::Switch, later(opens.minutes)), Opening::Open);
                prop_assert_eq!((later(opens.minutes).day, text(later(opens.minutes).minute)), (opens.day, opens.at));
            }
        }
    }
}
