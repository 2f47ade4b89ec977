//! What the sections of one site's packet are made from: the comparison of the whole period, what became of each slice of it, and
//! the bundles.

use std::collections::BTreeMap;

use writ_policy::policy::Policy;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

use super::Kind;
use super::model::{BundleRow, BundleSet, Cell, NotJudged, Value};
use super::span::{Slice, Span, slices};
use super::tally::{Tally, is_automatic, needed_people, tier};
use super::walk::{Walk, Walked};
use crate::archive::Archive;
use crate::compare::Comparison;
use crate::compare::model::{ApplianceFinding, IncidentFinding, IncidentStatus, Link, Score};
use crate::costs::Costs;
use crate::learn::Library;
use crate::period::Period;

/// A slice of the period.
pub struct Part {
    /// Which.
    pub slice: Slice,
    /// Controls that are met, exceptions counted.
    pub score: Score,
    /// The same without them.
    pub score_without_exceptions: Score,
    /// Incidents that were detected in it.
    pub tally: Tally,
    /// Bundles that were written in it.
    pub bundles: u64,
}

/// Positions of the sets of bundles that figures rest on.
pub struct SetsOf {
    /// Every bundle of the period.
    pub all: usize,
    /// Of every incident.
    pub incidents: usize,
    /// Of those that ended.
    pub closed: usize,
    /// Of those that were resolved.
    pub resolved: usize,
    /// Of those that were resolved without people.
    pub automatic: usize,
    /// Of those that needed people.
    pub people: usize,
    /// Of those of which it is known whether they kept the time.
    pub judged: usize,
    /// Of those that did not.
    pub late: usize,
    /// Of those that are open.
    pub open: usize,
    /// Of those that rules, a planner and people resolved.
    pub tiers: [usize; 3],
    /// Of those that learned rules resolved.
    pub learned: usize,
    /// That tell of calls of a language model.
    pub calls: usize,
}

/// One site in one period.
pub struct Site<'a> {
    /// The archive.
    pub archive: &'a Archive,
    /// The site.
    pub id: SiteId,
    /// What sort of packet.
    pub kind: Kind,
    /// The period as it was asked for.
    pub span: &'a Span,
    /// As of when.
    pub now: Time,
    /// The whole period.
    pub whole: Comparison,
    /// Its incidents in sums.
    pub tally: Tally,
    /// Incidents that were detected before it, and open in it.
    pub before: Tally,
    /// What its tiers took and cost.
    pub costs: Costs,
    /// What was learned there, from all of its evidence.
    pub library: Library,
    /// Its slices.
    pub parts: Vec<Part>,
    /// The bundles that the packet rests on.
    pub bundles: Vec<BundleRow>,
    /// Where each is, by its file.
    index: BTreeMap<String, usize>,
    /// Sets of them.
    pub sets: Vec<BundleSet>,
    /// Which set is which.
    pub set: SetsOf,
}

impl<'a> Site<'a> {
    /// Judges a site over a period and over its slices.
    pub fn judge(
        archive: &'a Archive,
        walk: &Walk<'_>,
        walked: &Walked<'_>,
        kind: Kind,
        span: &'a Span,
        now: Time,
    ) -> Self {
        let period = span.until(now);
        let id = walked.site.clone();
        let whole = Comparison { verification: walk.of_site(&id), ..walked.evidence.over(Some(period), now) };
        let parts = parts(walked, &whole, &period, now);
        let bundles = rests_on(walked, &whole, &period);
        let index: BTreeMap<String, usize> = bundles.iter().enumerate().map(|(i, b)| (b.path.clone(), i)).collect();
        let costs = Costs::of(&whole, &walked.evidence);
        let (sets, set) = sets(&whole, &costs, &bundles, &index, &period);
        let before = Tally::of(whole.incidents.iter().filter(|i| i.detected_at < period.from));
        let tally = Tally::of(&whole.incidents);
        let library = walked.library.clone();
        Self { archive, id, kind, span, now, whole, tally, before, costs, library, parts, bundles, index, sets, set }
    }

    /// The period that was judged.
    pub fn period(&self) -> Period {
        self.whole.period
    }

    /// A cell that leads to bundles.
    pub fn evidence<'l>(&self, links: impl IntoIterator<Item = &'l Link>) -> Cell {
        Value::Bundles(rows(&self.index, links)).into()
    }

    /// The bundles of the period, what people attest among them, and how many bytes they have.
    pub fn written(&self) -> (u64, u64) {
        let rows = &self.sets[self.set.all].bundles;
        (rows.len() as u64, rows.iter().map(|row| self.bundles[*row].size).sum())
    }

    /// The policy that each appliance obeyed at the end of the period, where it is known.
    pub fn policies(&self) -> Vec<(&ApplianceId, &Policy)> {
        let Some(record) = self.archive.sites.get(&self.id) else { return Vec::new() };
        let one = |appliance: &'_ ApplianceFinding| {
            let past = record.releases.iter().rfind(|past| Some(past.digest) == appliance.release_digest)?;
            let generation = past.release.generations.get(&appliance.appliance)?;
            self.archive.policies.get(&generation.policy.digest)
        };
        self.whole.appliances.iter().filter_map(|a| Some((&a.appliance, one(a)?))).collect()
    }

    /// The appliances that could not be judged, or not all the time.
    pub fn not_judged(&self) -> Vec<NotJudged> {
        NotJudged::of(&self.whole)
    }

    /// Whether the period is not over.
    pub fn is_partial(&self) -> bool {
        self.period().to < self.span.period.to
    }
}

fn rows<'l>(index: &BTreeMap<String, usize>, links: impl IntoIterator<Item = &'l Link>) -> Vec<usize> {
    let mut rows: Vec<usize> = links.into_iter().filter_map(|link| index.get(&link.path).copied()).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

fn parts(walked: &Walked<'_>, whole: &Comparison, period: &Period, now: Time) -> Vec<Part> {
    let slices = slices(period);
    let (mut tallies, mut bundles) = (vec![Tally::default(); slices.len()], vec![0_u64; slices.len()]);
    // Of a very long period the first slices are left out.
    let which = |at: Time| {
        let index = slices.partition_point(|slice| slice.period.to <= at);
        slices.get(index).filter(|slice| slice.period.contains(at)).map(|_| index)
    };
    for incident in whole.incidents.iter().filter(|i| i.detected_at >= period.from) {
        if let Some(tally) = which(incident.detected_at).and_then(|index| tallies.get_mut(index)) {
            tally.take(incident);
        }
    }
    for row in walked.bundles.iter().filter(|row| period.contains(row.generated_at)) {
        if let Some(count) = which(row.generated_at).and_then(|index| bundles.get_mut(index)) {
            *count += 1;
        }
    }
    let judged = |slice: &Slice| {
        // Nothing of what was verified is told of a slice.
        let comparison = walked.evidence.over(Some(slice.period), now);
        (comparison.score, comparison.score_without_exceptions)
    };
    let all = slices.into_iter().zip(tallies).zip(bundles);
    all.map(|((slice, tally), bundles)| {
        let (score, score_without_exceptions) = judged(&slice);
        Part { slice, score, score_without_exceptions, tally, bundles }
    })
    .collect()
}

/// The bundles of the period, and those outside of it that something of it refers to; in order of time.
fn rests_on(walked: &Walked<'_>, whole: &Comparison, period: &Period) -> Vec<BundleRow> {
    let incidents = whole.incidents.iter().flat_map(|incident| &incident.evidence);
    let checks = whole.checks.iter().flat_map(|c| c.evidence.iter().chain(c.observed.as_ref().map(|o| &o.link)));
    let named: std::collections::BTreeSet<&str> = incidents.chain(checks).map(|link| link.path.as_str()).collect();
    let wanted = |row: &&BundleRow| period.contains(row.generated_at) || named.contains(row.path.as_str());
    let mut bundles: Vec<BundleRow> = walked.bundles.iter().filter(wanted).cloned().collect();
    bundles.sort_by(|a, b| (a.generated_at, &a.appliance, &a.path).cmp(&(b.generated_at, &b.appliance, &b.path)));
    bundles
}

/// A, B … Z, AA, AB …
fn letter(position: usize) -> String {
    let of = |n: usize| char::from(b'A' + u8::try_from(n % 26).unwrap_or(0));
    match position / 26 {
        0 => of(position).to_string(),
        more => [of(more - 1), of(position)].iter().collect(),
    }
}

fn sets(
    whole: &Comparison,
    costs: &Costs,
    bundles: &[BundleRow],
    index: &BTreeMap<String, usize>,
    period: &Period,
) -> (Vec<BundleSet>, SetsOf) {
    let mut sets: Vec<BundleSet> = Vec::new();
    let mut add = |what: &str, bundles: Vec<usize>| {
        sets.push(BundleSet { letter: letter(sets.len()), what: what.to_owned(), bundles });
        sets.len() - 1
    };
    let of = |wanted: &dyn Fn(&IncidentFinding) -> bool| {
        rows(index, whole.incidents.iter().filter(|i| wanted(i)).flat_map(|i| &i.evidence))
    };
    let written = bundles.iter().enumerate().filter(|(_, row)| period.contains(row.generated_at)).map(|(i, _)| i);
    let set = SetsOf {
        all: add("every bundle of the period", written.collect()),
        incidents: add("of incidents of the period: opened, closed", of(&|_| true)),
        closed: add("of incidents that ended", of(&|i| i.status != IncidentStatus::Open)),
        resolved: add("of incidents that were resolved", of(&|i| i.status == IncidentStatus::Resolved)),
        automatic: add("of incidents that were resolved without people", of(&is_automatic)),
        people: add("of incidents that needed people", of(&needed_people)),
        judged: add("of incidents of which it is known whether they kept their time", of(&|i| i.sla_met.is_some())),
        late: add("of incidents that did not keep their time", of(&|i| i.sla_met == Some(false))),
        open: add("of incidents that are open", of(&|i| i.status == IncidentStatus::Open)),
        tiers: [
            add("of incidents that rules resolved (L1)", of(&|i| tier(i) == Some(0))),
            add("of incidents that a planner resolved (L2)", of(&|i| tier(i) == Some(1))),
            add("of incidents that people resolved (L3)", of(&|i| tier(i) == Some(2))),
        ],
        learned: add(
            "of incidents that learned rules resolved",
            rows(index, costs.learned.iter().flat_map(|rule| &rule.evidence)),
        ),
        calls: add(
            "that tell of calls of a language model",
            rows(index, costs.incidents.iter().flat_map(|incident| &incident.evidence)),
        ),
    };
    (sets, set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_go_on_behind_z() {
        assert_eq!([0, 25, 26, 51, 52].map(letter), ["A", "Z", "AA", "AZ", "BA"]);
    }
}
