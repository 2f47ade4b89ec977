//! Rules on archives on their way to a bucket.

use super::table::{Alert, ship};
use crate::pages::page;

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "WritArchivesWaiting",
        // A day has ended, and one more.
        expression: "writ_ship_waiting_seconds > 93600",
        wait: "30m",
        severity: Some("critical"),
        figure: None,
        metric: ship("writ_ship_waiting_seconds"),
        summary: "an archive has not come into its bucket for {{ $value | humanizeDuration }} after its day",
        next: concat!("run writ-depot ship, which says why: what waits is kept until then: ", page!("depot.md")),
    },
    Alert {
        name: "WritArchivesWrong",
        expression: "writ_ship_problems > 0",
        wait: "3h",
        severity: Some("warning"),
        figure: None,
        metric: ship("writ_ship_problems"),
        summary: "{{ $value }} things went wrong again and again when archives were sent to their bucket",
        next: concat!("run writ-depot ship, which says what: ", page!("depot.md")),
    },
    Alert {
        name: "WritArchivesUnknown",
        // Three rounds of an hour.
        expression: "time() - writ_ship_at_seconds > 10800",
        wait: "0m",
        severity: Some("warning"),
        figure: None,
        metric: ship("writ_ship_at_seconds"),
        summary: "nobody has tried for {{ $value | humanizeDuration }} to send archives to their bucket",
        next: concat!("see the timer of writ-depot ship: ", page!("depot.md")),
    },
];
