//! When people are left to sleep.

use serde::{Deserialize, Serialize};

use super::maintenance::{LocalMinute, minutes};
use crate::declared::Severity;

/// The hours, in the site's time zone, in which nobody is called for some severities. They pass midnight where `to` is earlier
/// than `from`. What is critical never waits, whatever is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// When they begin, `HH:MM`.
    pub from: String,
    /// When they end, `HH:MM`.
    pub to: String,
    /// What waits until they end; nothing does where none is listed.
    pub severities: Vec<Severity>,
}

impl QuietHours {
    /// Those of a site that says nothing of them: medium and low severity from 22:00 to 07:00.
    pub fn usual() -> Self {
        Self { from: "22:00".to_owned(), to: "07:00".to_owned(), severities: vec![Severity::Medium, Severity::Low] }
    }

    /// In how many minutes they end, for this severity; none where they do not hold now, and always for what is critical.
    pub fn left(&self, severity: Severity, now: LocalMinute) -> Option<u32> {
        if severity == Severity::Critical || !self.severities.contains(&severity) {
            return None;
        }
        let (from, to) = (minutes(&self.from)?, minutes(&self.to)?);
        let within = match from < to {
            true => (from..to).contains(&now.minute),
            false => from != to && (now.minute >= from || now.minute < to),
        };
        within.then(|| (to + 1440 - now.minute) % 1440)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::maintenance::Day;
    use super::*;

    fn at(time: &str) -> LocalMinute {
        LocalMinute { day: Day::Mon, minute: minutes(time).unwrap() }
    }

    #[test]
    fn they_pass_midnight_and_say_when_they_end() {
        let usual = QuietHours::usual();
        let left = |time| usual.left(Severity::Low, at(time));
        assert_eq!((left("22:00"), left("06:59"), left("00:00")), (Some(540), Some(1), Some(420)));
        assert_eq!((left("07:00"), left("21:59")), (None, None));
        assert_eq!(usual.left(Severity::High, at("23:00")), None);
        let noon = QuietHours { from: "12:00".into(), to: "13:00".into(), severities: vec![Severity::High] };
        assert_eq!(noon.left(Severity::High, at("12:30")), Some(30));
        assert_eq!(noon.left(Severity::Low, at("12:30")), None);
        for (from, to) in [("12:00", "12:00"), ("25:00", "26:00")] {
            let never = QuietHours { from: from.into(), to: to.into(), ..noon.clone() };
            assert_eq!(never.left(Severity::High, at("12:00")), None, "{from}");
        }
    }

    proptest! {
        #[test]
        fn what_is_critical_never_waits(from in 0_u32..1440, to in 0_u32..1440, minute in 0_u32..1440) {
            let text = |m: u32| format!("{:02}:{:02}", m / 60, m % 60);
            let quiet = QuietHours { from: text(from), to: text(to), severities: Severity::ALL.to_vec() };
            let now = LocalMinute { day: Day::Sun, minute };
            prop_assert_eq!(quiet.left(Severity::Critical, now), None);
            if let Some(left) = quiet.left(Severity::High, now) {
                prop_assert!(left > 0 && (minute + left) % 1440 == to);
                prop_assert_eq!(quiet.left(Severity::High, LocalMinute { day: Day::Mon, minute: to }), None);
            }
        }
    }
}
