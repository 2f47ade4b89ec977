//! Timers of the modules run as often as the baselines' figures ask.

use std::path::Path;
use std::process::Command;

use writ_scenarios::run;
use writ_trust::time::{Span, Time};

use super::machines;

/// What each timer is held against: the sum of these figures is the longest time between two runs.
const BOUNDS: [(&str, &[&str]); 9] = [
    ("backup", &["hipaa/backup.user-data.every", "hipaa/backup.preferred_grace"]),
    ("backup-check", &["hipaa/backup.integrity.every", "hipaa/backup.grace"]),
    ("backup-database", &["hipaa/backup.critical.rpo"]),
    ("backup-forget", &["hipaa/backup.integrity.every", "hipaa/backup.grace"]),
    ("backup-offsite", &["hipaa/backup.offsite.daily", "hipaa/backup.grace"]),
    ("restore-test", &["hipaa/backup.restore.every", "hipaa/backup.grace"]),
    ("scan-full", &["hipaa/malware.full.every", "hipaa/malware.full.duration"]),
    ("scan-quick", &["hipaa/malware.quick.every"]),
    ("store-verify", &["hardening/store.verify"]),
];
/// RandomizedDelaySec= of modules/nixos/job.nix.
const DELAY_MILLIS: i64 = 5 * 60 * 1000;

#[test]
fn timers_keep_to_the_figures() {
    let machines = machines(Path::new("/nix/store/writ"));
    let schedule = machines["schedule"].as_object().unwrap();
    let named: Vec<&str> = BOUNDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(schedule.keys().collect::<Vec<_>>(), named, "a timer is held against nothing");
    for (name, figures) in BOUNDS {
        let most: i64 = figures
            .iter()
            .map(|figure| {
                let (baseline, id) = figure.split_once('/').unwrap();
                machines["figures"][baseline][id].as_str().unwrap().parse::<Span>().unwrap().millis()
            })
            .sum();
        let gap = longest_gap(schedule[name].as_str().unwrap());
        assert!(gap + DELAY_MILLIS <= most, "{name}: {} min between two runs, of {} min", gap / 60_000, most / 60_000);
    }
}

/// The longest time between two runs of a calendar expression, over 50 runs from a leap year's end on, in ms.
fn longest_gap(calendar: &str) -> i64 {
    let mut command = Command::new("systemd-analyze");
    command.env("TZ", "UTC").env("LC_ALL", "C");
    command.args(["calendar", "--iterations=50", "--base-time=2028-12-01 00:00:00 UTC", calendar]);
    let said = run::checked(&mut command).unwrap();
    let times: Vec<Time> = said
        .lines()
        .filter(|line| line.contains("Next elapse:") || line.contains("Iter"))
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().rev().collect();
            assert_eq!(words[0], "UTC", "{line}");
            format!("{}T{}Z", words[2], words[1]).parse().unwrap()
        })
        .collect();
    assert_eq!(times.len(), 50, "{said}");
    times.windows(2).map(|pair| pair[1].millis_since(pair[0])).max().unwrap()
}
