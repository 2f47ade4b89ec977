//! One appliance: what it had to obey when, and what is known of it.

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::bundle::ReleaseRef;
use writ_policy::exception::Exception;
use writ_policy::policy::Policy;
use writ_trust::history::PastRelease;
use writ_trust::ids::ApplianceId;
use writ_trust::time::Time;

use super::Evidence;
use super::check::seconds;
use super::timeline::Timeline;
use crate::period::Period;
use crate::words::{lasting, of};

/// So many releases whose policies are not known are named.
const NAMED: usize = 3;

/// An appliance that has never said anything.
static SILENT: Timeline = Timeline::new();

/// What an appliance had to obey for a while.
pub(super) struct Stretch<'a> {
    /// When.
    pub period: Period,
    /// The release that it obeyed, or was to obey.
    pub release: ReleaseRef,
    /// Whether it said that it obeyed it: before its first word it was given orders, and nobody knows what it made of them.
    pub obeyed: bool,
    /// Its policy for the appliance; null when that is not known.
    pub policy: Option<&'a Policy>,
}

impl Stretch<'_> {
    /// The release as `epoch-serial`.
    pub fn point(&self) -> String {
        point(&self.release)
    }
}

/// A release as `epoch-serial`.
pub(super) fn point(release: &ReleaseRef) -> String {
    format!("{}-{}", release.epoch, release.serial)
}

/// One appliance with all that is known of it.
pub(super) struct Subject<'a> {
    /// Its name.
    pub appliance: ApplianceId,
    /// What it said.
    pub timeline: &'a Timeline,
    /// What it had to obey within the period that is judged.
    pub stretches: Vec<Stretch<'a>>,
    /// What it had to obey at any time, up to what is known.
    pub whole: Vec<Stretch<'a>>,
    /// The newest release that names it and was issued before the period ended.
    pub newest: Option<String>,
}

impl<'a> Subject<'a> {
    /// The policy in force at the end of the period.
    pub fn policy(&self) -> Option<&'a Policy> {
        self.stretches.last().and_then(|s| s.policy)
    }

    /// Exceptions of every policy in force within the period, the latest of each name.
    pub fn exceptions(&self) -> BTreeMap<&'a str, &'a Exception> {
        let all = self.stretches.iter().filter_map(|s| s.policy).flat_map(|p| &p.exceptions);
        all.map(|(id, e)| (id.as_str(), e)).collect()
    }

    /// What of it nobody could judge within the period, in words: all of it where nothing was in force, otherwise the time in which
    /// it was to obey releases whose policies are not known.
    pub fn not_assessable(&self) -> Option<String> {
        if self.stretches.is_empty() {
            return Some("no release was in force there in this period: nothing was asked of it".to_owned());
        }
        let lasting_ones = self.stretches.iter().filter(|s| s.period.millis() > 0);
        let (known, unknown): (Vec<_>, Vec<_>) = lasting_ones.partition(|s| s.policy.is_some());
        let mut by_release: BTreeMap<_, (String, i64)> = BTreeMap::new();
        for stretch in unknown {
            let release = &stretch.release;
            let of_release = (release.epoch, release.serial, release.digest);
            by_release.entry(of_release).or_insert_with(|| (stretch.point(), 0)).1 += stretch.period.millis();
        }
        let why = |(point, millis): &(String, i64)| {
            let time = if known.is_empty() { String::new() } else { format!(" for {}", lasting(seconds(*millis))) };
            format!(
                "the policy of release {point} is missing, altered or of an unknown schema: nothing there was judged{time}"
            )
        };
        let named: Vec<String> = by_release.values().take(NAMED).map(why).collect();
        let more = by_release.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!("; and so of {} more", of(more as u64, "release")) };
        (!named.is_empty()).then(|| format!("{}{more}", named.join("; ")))
    }
}

/// When a policy that asks for something was in force, touching stretches joined.
pub(super) fn asked(stretches: &[Stretch<'_>], wants: impl Fn(&Policy) -> bool) -> Vec<Period> {
    let mut asked: Vec<Period> = Vec::new();
    for stretch in stretches.iter().filter(|s| s.policy.is_some_and(&wants) && s.period.millis() > 0) {
        match asked.last_mut() {
            Some(last) if last.to == stretch.period.from => last.to = stretch.period.to,
            _ => asked.push(stretch.period),
        }
    }
    asked
}

/// The appliances of a site that anything was asked of, or heard from, before a period ended; all of them where that is none.
/// What is published later changes nothing of the period: neither who is there, nor what they were to obey.
pub(super) fn all<'a>(evidence: &'a Evidence<'a>, period: &Period, now: Time) -> Vec<Subject<'a>> {
    let releases = &evidence.archive.sites[&evidence.site].releases;
    let named = |before: Time| -> BTreeSet<&ApplianceId> {
        let issued = releases.iter().filter(|p| p.release.issued_at < before);
        let mut named: BTreeSet<&ApplianceId> = issued.flat_map(|p| p.release.generations.keys()).collect();
        let heard = |timeline: &Timeline| timeline.written.iter().any(|at| *at < before);
        named.extend(evidence.timelines.iter().filter(|(_, t)| heard(t)).map(|(a, _)| a));
        named
    };
    let mut appliances = named(period.to);
    if appliances.is_empty() {
        appliances = named(Period::ever().to);
    }
    appliances.into_iter().map(|appliance| one(evidence, appliance, period, now)).collect()
}

/// What an appliance was given to obey, and from when on: the newest of the releases that name it, once it was issued and the
/// entry's own time had come. An entry that is held until people promote it was never given. `orders` are oldest first.
fn given(appliance: &ApplianceId, orders: &[&PastRelease]) -> Vec<(Time, ReleaseRef)> {
    let mut given: Vec<(Time, ReleaseRef)> = Vec::new();
    for past in orders {
        let entry = past.release.generations.get(appliance).filter(|entry| !past.release.is_held(entry));
        let Some(entry) = entry else { continue };
        let at = entry.not_before.max(past.release.issued_at);
        // An older one whose time comes no sooner is not taken up any more.
        given.retain(|(before, _)| *before < at);
        let (epoch, serial) = past.release.point();
        given.push((at, ReleaseRef { epoch, serial, digest: past.digest }));
    }
    given
}

fn one<'a>(evidence: &'a Evidence<'a>, appliance: &ApplianceId, period: &Period, now: Time) -> Subject<'a> {
    let timeline = evidence.timelines.get(appliance).unwrap_or(&SILENT);
    let releases = evidence.archive.sites[&evidence.site].releases.iter();
    let orders: Vec<&PastRelease> = releases.filter(|p| p.release.generations.contains_key(appliance)).collect();
    let newest = orders.iter().rfind(|p| p.release.issued_at < period.to);
    // Until it answers for the first time, if it ever does, an appliance is judged by the orders that it was given: what it says
    // later changes nothing of its silence before.
    let answered = timeline.obeyed.first().map(|(at, _)| *at);
    let mut asked = given(appliance, &orders);
    asked.retain(|(at, _)| answered.is_none_or(|answered| *at < answered));
    let unanswered = asked.len();
    asked.extend(timeline.obeyed.iter().copied());
    let last = timeline.written.iter().max().map_or(now, |at| at.plus_millis(1));
    let known = Period { from: Period::ever().from, to: now.max(last).max(period.to) };
    let stretches = |within: &Period| -> Vec<Stretch<'a>> {
        let mut out = Vec::new();
        for (i, (from, release)) in asked.iter().enumerate() {
            let to = asked.get(i + 1).map_or(known.to, |(next, _)| *next);
            let whole = Period { from: *from, to };
            if whole.to <= within.from || whole.from >= within.to {
                continue;
            }
            let policy = evidence.archive.policy(&evidence.site, appliance, release);
            out.push(Stretch { period: whole.and(within), release: *release, obeyed: i >= unanswered, policy });
        }
        out
    };
    Subject {
        appliance: appliance.clone(),
        timeline,
        stretches: stretches(period),
        whole: stretches(&known),
        newest: newest.map(|p| format!("{}-{}", p.release.epoch, p.release.serial)),
    }
}
