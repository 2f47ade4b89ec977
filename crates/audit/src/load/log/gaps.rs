//! Days without a timestamp of a log, where the trust root lists authorities.

use std::collections::BTreeSet;

use writ_trust::time::Time;

use super::outside::{Said, Sort, TIMESTAMPS};
use crate::load::path_in;
use crate::problem::{Code, Problems};
use crate::words::of;

const DAY_MILLIS: i64 = 86_400_000;
/// How long after the newest timestamp the log may have gone on, in milliseconds: 2 days.
const TAIL_MILLIS: i64 = 2 * DAY_MILLIS;
/// The most runs of days that are told of one by one.
const MOST: usize = 50;

/// Tells of the days between the first and the last timestamp that have none, and of a log that went on without.
///
/// A day in between is made good by the token after it, only later: that must be known, and nothing is lost. What comes after the
/// last token nobody but the log vouches for.
pub fn judge(path: &str, size: u64, fresh_at: Option<Time>, said: &[Said], bare: bool, problems: &mut Problems) {
    let place = path_in(path, TIMESTAMPS);
    let days: BTreeSet<i64> =
        said.iter().filter(|one| one.sort == Sort::Timestamp).map(|one| one.at.unix_millis() / DAY_MILLIS).collect();
    let mut bad = |what: String, so: &str| {
        if bare {
            problems.note(Code::TokenMissing, &place, what, so)
        } else {
            problems.bad(Code::TokenMissing, &place, what, so)
        }
    };
    let newest = said.iter().filter(|one| one.sort == Sort::Timestamp).max_by_key(|one| one.at);
    let Some(newest) = newest else {
        if size > 0 {
            let what = "the trust root lists authorities of time, and there is no timestamp of this log".to_owned();
            bad(what, "when anything was logged rests on the word of the log's own key");
        }
        return;
    };
    if let Some(fresh_at) = fresh_at.filter(|fresh_at| fresh_at.millis_since(newest.at) > TAIL_MILLIS) {
        let after = newest.checkpoint.size;
        let what = format!(
            "the newest timestamp is of {}, of {}; the log went on until {fresh_at}",
            newest.at,
            of(after, "entry")
        );
        bad(what, "when the entries after those were logged rests on the word of the log's own key");
    }
    let gaps = days.iter().zip(days.iter().skip(1)).filter(|(day, next)| **next > **day + 1);
    for (day, next) in gaps.take(MOST) {
        let date = |day: i64| Time::from_unix_millis(day * DAY_MILLIS).to_string()[..10].to_owned();
        let (first, last, count) = (day + 1, next - 1, u64::try_from(next - day - 1).unwrap_or(0));
        let what = match count {
            1 => format!("no timestamp of {}", date(first)),
            _ => format!("no timestamp of the {} from {} to {}", of(count, "day"), date(first), date(last)),
        };
        let so = format!("what was logged then is shown to be no later than the timestamp of {}", date(*next));
        problems.note(Code::TokenMissing, &place, what, so);
    }
}

/// Tells of what a log took in after the newest word of anybody else.
pub fn uncovered(path: &str, size: u64, said: &[Said], problems: &mut Problems) {
    let Some(newest) = said.iter().max_by_key(|one| (one.checkpoint.size, one.at)) else { return };
    if let Some(after) = size.checked_sub(newest.checkpoint.size).filter(|after| *after > 0) {
        let kind = if newest.sort == Sort::Timestamp { "timestamp" } else { "cosignature" };
        let entries = if after == 1 { "entry was".to_owned() } else { format!("{after} entries were") };
        let what = format!("the last {entries} logged after the newest {kind}, of {}", newest.at);
        let so = "until the next one, when that was rests on the word of the log's own key";
        problems.note(Code::NotCovered, &path_in(path, TIMESTAMPS), what, so);
    }
}
