//! Exceptions, and the times in which they count: never outside of what a person accepted, nor of what an appliance obeyed or
//! was given to obey.

use writ_policy::exception::Exception;
use writ_trust::time::Time;

use super::subject::Stretch;
use super::{Comparer, Subject};
use crate::period::{Period, joined, outside, total};

/// A time in which an exception was in force: the policy that was obeyed had it, it was approved, and had not expired.
#[derive(Debug, Clone, Copy)]
pub struct Lifted<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it said then.
    pub exception: &'a Exception,
    /// The time, clipped to the period that is judged.
    pub period: Period,
}

/// The times of all exceptions of an appliance that match, in order, within what is judged.
pub(super) fn times<'s>(subject: &'s Subject<'_>, wants: impl Fn(&Exception) -> bool) -> Vec<Lifted<'s>> {
    of(&subject.stretches, wants)
}

/// The same, but of an instant all the time until then: a failure that lasts at it may have been excepted for a part.
pub(super) fn so_far<'s>(
    comparer: &Comparer<'_>,
    subject: &'s Subject<'_>,
    wants: impl Fn(&Exception) -> bool,
) -> Vec<Lifted<'s>> {
    if comparer.instant.is_none() {
        return times(subject, wants);
    }
    let mut all = of(&subject.whole, wants);
    all.iter_mut().for_each(|lifted| lifted.period.to = lifted.period.to.min(comparer.period.to));
    all.retain(|lifted| lifted.period.millis() > 0);
    all
}

fn of<'s>(stretches: &'s [Stretch<'_>], wants: impl Fn(&Exception) -> bool) -> Vec<Lifted<'s>> {
    let mut out = Vec::new();
    for stretch in stretches {
        for (name, exception) in stretch.policy.iter().flat_map(|p| &p.exceptions).filter(|(_, e)| wants(e)) {
            let approved = Period { from: exception.approved_at, to: exception.expires };
            let period = approved.and(&stretch.period);
            if period.millis() > 0 {
                out.push(Lifted { name, exception, period });
            }
        }
    }
    out
}

/// The times of exceptions together.
pub fn together(all: &[Lifted<'_>]) -> Vec<Period> {
    joined(all.iter().map(|lifted| lifted.period).collect())
}

/// The exception that is in force at an instant.
pub fn at<'l, 'e>(all: &'l [Lifted<'e>], instant: Time) -> Option<&'l Lifted<'e>> {
    all.iter().find(|lifted| lifted.period.contains(instant))
}

/// How much of some times lies within exceptions, in milliseconds, and within which.
pub fn share(of: &[Period], all: &[Lifted<'_>]) -> (i64, Vec<String>) {
    let left = |times: &[Period]| total(&outside(of, times));
    let names = all.iter().filter(|lifted| left(&[lifted.period]) < total(of)).map(|lifted| lifted.name.to_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    (total(of) - left(&together(all)), names)
}
