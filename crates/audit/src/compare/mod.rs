//! Holding a baseline against its evidence: each control's verdict, and everything behind it.
//!
//! Only verified bundles count. Each is judged under the policy in force when it was written: the release that it names
//! leads to the policy document, and the policy says what was to be looked at, and how often.

mod changes;
mod check;
mod control;
mod events;
mod figures;
mod holes;
mod incidents;
mod instant;
mod lifted;
mod matrix;
pub mod model;
mod series;
mod subject;
mod terms;
mod timeline;
mod untold;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use writ_policy::exception::Exception;
use writ_policy::policy::Policy;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

use check::{Facts, Question};
use model::{ApplianceFinding, CheckFinding, RetiredCheck};
pub use model::{Comparison, Verdict};
use subject::{Stretch, Subject};
use terms::{Term, Terms};
use timeline::Timeline;

use crate::archive::{Archive, Stored};
use crate::period::Period;
use crate::verify::VerifyReport;

/// Why a comparison could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// There is no verified release of the site, so nobody knows what was asked for.
    #[error("no verified release of site {site} in this folder{}", others(.there))]
    NoReleases {
        /// The site.
        site: SiteId,
        /// Sites that are there.
        there: Vec<SiteId>,
    },
    /// Several sites, none named.
    #[error("the folder holds several sites: name one of {}", list(.0))]
    Which(Vec<SiteId>),
    /// No site at all.
    #[error("the folder holds no site")]
    Empty,
}

fn list(sites: &[SiteId]) -> String {
    sites.iter().map(SiteId::as_str).collect::<Vec<_>>().join(", ")
}

fn others(sites: &[SiteId]) -> String {
    if sites.is_empty() { String::new() } else { format!("; there are {}", list(sites)) }
}

/// The site to compare: the one named, or the only one there is.
pub fn which_site(archive: &Archive, named: Option<&SiteId>) -> Result<SiteId, CompareError> {
    let there: Vec<SiteId> =
        archive.sites.iter().filter(|(_, r)| !r.releases.is_empty()).map(|(site, _)| site.clone()).collect();
    match (named, &there[..]) {
        (Some(site), _) if there.contains(site) => Ok(site.clone()),
        (Some(site), _) => Err(CompareError::NoReleases { site: site.clone(), there }),
        (None, []) => Err(CompareError::Empty),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(CompareError::Which(there)),
    }
}

/// The verified evidence of a site, put in order of time once, to be held against its baselines as often as wanted.
pub struct Evidence<'a> {
    archive: &'a Archive,
    site: SiteId,
    timelines: BTreeMap<ApplianceId, Timeline>,
    verification: VerifyReport,
}

impl<'a> Evidence<'a> {
    /// Verifies the evidence and keeps what was said by whom of the site.
    ///
    /// # Errors
    /// There is no verified release of the site.
    pub fn gather(archive: &'a Archive, site: &SiteId) -> Result<Self, CompareError> {
        let mut evidence = Self::begin(archive, which_site(archive, Some(site))?);
        let verification = archive.walk(&mut |stored| evidence.take(stored));
        evidence.finish(verification);
        Ok(evidence)
    }

    /// Nothing yet, of a site of the archive that has a verified release, as [`which_site`] gives it: for whoever walks an archive of
    /// several sites once. What is walked is given to [`Evidence::take`], and in the end [`Evidence::finish`] is called.
    pub fn begin(archive: &'a Archive, site: SiteId) -> Self {
        Self { archive, site, timelines: BTreeMap::new(), verification: VerifyReport::begin(archive) }
    }

    /// Takes in a verified bundle of an appliance that a release names. Those of other sites are passed over, and what people
    /// attest too: it says nothing of when appliances spoke.
    pub fn take(&mut self, stored: Stored<'_>) {
        let appliance = &stored.bundle.appliance;
        if stored.bundle.client_id == self.site && (self.timelines.contains_key(appliance) || self.names(appliance)) {
            self.timelines.entry(appliance.clone()).or_default().take(stored);
        }
    }

    /// Whether a release of the site names an appliance.
    fn names(&self, appliance: &ApplianceId) -> bool {
        self.archive.sites[&self.site].releases.iter().any(|past| past.release.generations.contains_key(appliance))
    }

    /// Puts everything in order of time, once all bundles were taken. What the walk came to becomes part of every comparison.
    pub fn finish(&mut self, verification: VerifyReport) {
        self.timelines.values_mut().for_each(Timeline::finish);
        self.verification = verification;
    }

    /// Compares over a period, under the policies in force in it. Without one, over all there is, up to `now`: silence until
    /// today is silence. A period that is not over is judged up to `now`.
    pub fn over(&self, period: Option<Period>, now: Time) -> Comparison {
        let period = match period {
            // What is to come has no evidence, and needs none.
            Some(period) if period.from < now => Period { to: period.to.min(now), ..period },
            Some(period) => period,
            None => self.all(now),
        };
        Comparer::new(self, period, None, now).run()
    }

    /// Compares as of an instant: what held then, under the policies in force then, with the exceptions in force and the
    /// incidents open then. `now` is as far as anything can be known.
    pub fn at(&self, instant: Time, now: Time) -> Comparison {
        Comparer::new(self, Period::instant(instant), Some(instant), now).run()
    }

    /// All the time that an appliance says anything of, up to `now`.
    fn all(&self, now: Time) -> Period {
        let written = || self.timelines.values().flat_map(|t| &t.written).copied();
        let issued = self.archive.sites[&self.site].releases.iter().map(|p| p.release.issued_at).min();
        let from = written().min().or(issued).unwrap_or(now).min(now);
        let last = written().max().map_or(now, |at| at.plus_millis(1));
        Period { from, to: now.max(last).max(from.plus_millis(1)) }
    }
}

/// Compares a site's baseline with its evidence over a period, as [`Evidence::over`] does.
///
/// # Errors
/// There is no verified release of the site.
pub fn compare(
    archive: &Archive,
    site: &SiteId,
    period: Option<Period>,
    now: Time,
) -> Result<Comparison, CompareError> {
    compare_and_visit(archive, site, period, now, &mut |_| {})
}

/// The same, and shows each bundle of the site that verified to `visit`: whoever needs both verifies once.
///
/// # Errors
/// There is no verified release of the site.
pub fn compare_and_visit(
    archive: &Archive,
    site: &SiteId,
    period: Option<Period>,
    now: Time,
    visit: &mut dyn FnMut(&Stored<'_>),
) -> Result<Comparison, CompareError> {
    let mut evidence = Evidence::begin(archive, which_site(archive, Some(site))?);
    let verification = archive.walk(&mut |stored| {
        if stored.bundle.client_id == evidence.site {
            visit(&stored);
        }
        evidence.take(stored);
    });
    evidence.finish(verification);
    Ok(evidence.over(period, now))
}

/// Compares a site's baseline with its evidence as of an instant, as [`Evidence::at`] does.
///
/// # Errors
/// There is no verified release of the site.
pub fn compare_at(archive: &Archive, site: &SiteId, instant: Time, now: Time) -> Result<Comparison, CompareError> {
    Ok(Evidence::gather(archive, site)?.at(instant, now))
}

struct Comparer<'a> {
    evidence: &'a Evidence<'a>,
    period: Period,
    instant: Option<Time>,
    subjects: Vec<Subject<'a>>,
}

impl<'a> Comparer<'a> {
    fn new(evidence: &'a Evidence<'a>, period: Period, instant: Option<Time>, now: Time) -> Self {
        let subjects = subject::all(evidence, &period, now);
        Self { evidence, period, instant, subjects }
    }

    fn run(self) -> Comparison {
        let mut checks = Vec::new();
        let mut retired = Vec::new();
        for subject in &self.subjects {
            self.judge_checks(subject, &mut checks, &mut retired);
        }
        let controls = control::judge(&self, &checks);
        let (score, score_without_exceptions) = control::scores(&controls);
        let mut verdicts: BTreeMap<&'static str, u64> = Verdict::ALL.iter().map(|v| (v.as_str(), 0)).collect();
        controls.iter().for_each(|c| *verdicts.entry(c.verdict.as_str()).or_default() += 1);
        let incidents = incidents::of(&self);
        let checks: Vec<CheckFinding> = checks.into_iter().map(|(finding, _)| finding).collect();
        let site = &self.evidence.site;
        let policies = || self.subjects.iter().filter_map(Subject::policy);
        Comparison {
            schema: "writ.comparison.v1",
            title: policies().next().map_or_else(|| site.to_string(), |p| p.settings.title.clone()),
            baselines: policies().flat_map(|p| p.baselines.clone()).collect(),
            period: self.period,
            instant: self.instant,
            appliances: self.subjects.iter().map(|s| self.appliance(s)).collect(),
            verdicts,
            score,
            score_without_exceptions,
            exceptions: control::exceptions(&self, &controls),
            matrix: matrix::of(&controls),
            controls,
            figures: figures::of(&self, &checks, &incidents),
            checks,
            retired_checks: retired,
            incident_summary: incidents::summary(&incidents),
            incidents,
            changes: changes::of(&self),
            switches: events::switches(&self),
            events: events::others(&self),
            verification: self.evidence.verification.clone(),
            site: site.clone(),
        }
    }

    fn appliance(&self, subject: &Subject<'_>) -> ApplianceFinding {
        let within = || subject.timeline.written.iter().filter(|at| self.period.contains(**at));
        let last = subject.stretches.last();
        ApplianceFinding {
            appliance: subject.appliance.clone(),
            release: last.map(Stretch::point),
            obeyed: last.is_some_and(|s| s.obeyed),
            release_digest: last.map(|s| s.release.digest),
            signed_by: last.map(|s| changes::signers(self, &s.release)).unwrap_or_default(),
            newest_release: subject.newest.clone(),
            last_heard: within().max().copied(),
            bundles: within().count() as u64,
            not_assessable: subject.not_assessable(),
        }
    }

    /// What the evidence says of a check, and when it was last asked for.
    fn facts(&self, subject: &Subject<'_>, id: &str) -> Option<(Facts, Period)> {
        let asks = |p: &Policy| p.checks.contains_key(id);
        let asked = subject::asked(&subject.stretches, asks);
        let last = *asked.last()?;
        let term = |s: &Stretch<'_>| Some(Term::of(s.period.from, s.policy?, s.policy?.checks.get(id)?));
        let terms = Terms::new(subject.whole.iter().filter_map(term));
        let whole = self.instant.map(|_| subject::asked(&subject.whole, asks));
        let question = Question { asked: whole.as_ref().unwrap_or(&asked), terms: &terms };
        let facts = match self.instant {
            Some(at) => instant::gather(subject.timeline, &question, id, at),
            None => Facts::gather(subject.timeline, &question, id),
        };
        Some((facts, last))
    }

    fn judge_checks(
        &self,
        subject: &Subject<'_>,
        checks: &mut Vec<(CheckFinding, Facts)>,
        retired: &mut Vec<RetiredCheck>,
    ) {
        let ids: BTreeSet<&str> = subject
            .stretches
            .iter()
            .filter_map(|s| s.policy)
            .flat_map(|p| p.checks.keys())
            .map(String::as_str)
            .collect();
        let mut healed = incidents::healed(subject, &self.period);
        let now = subject.policy();
        for id in ids {
            let Some((mut facts, last)) = self.facts(subject, id) else { continue };
            facts.arithmetic.healed_by = healed.remove(id).unwrap_or_default();
            let of_check = |e: &Exception| e.check.as_deref() == Some(id);
            let lifting = lifted::times(subject, of_check);
            let (excepted, names) = lifted::share(&facts.failing, &lifted::so_far(self, subject, of_check));
            facts.arithmetic.excepted_seconds = facts.scope.seconds(excepted);
            facts.arithmetic.excepted_by = names;
            let (verdict, reasons) = verdict::judge(&facts, &lifting, last.to);
            let Some(check) = now.and_then(|p| p.checks.get(id)) else {
                let appliance = subject.appliance.clone();
                retired.push(RetiredCheck { appliance, check: id.to_owned(), until: last.to, verdict, reasons });
                continue;
            };
            let mut exceptions: Vec<String> = lifting.iter().map(|lifted| lifted.name.to_owned()).collect();
            exceptions.sort();
            exceptions.dedup();
            let finding = CheckFinding {
                appliance: subject.appliance.clone(),
                check: id.to_owned(),
                title: check.title.clone(),
                target: check.target.clone(),
                expects: check.expect.to_string(),
                every: check.every.clone(),
                severity: check.severity,
                declared_at: check.declared_at.clone(),
                verdict,
                verdict_without_exceptions: verdict::judge(&facts, &[], last.to).0,
                reasons,
                arithmetic: facts.arithmetic.clone(),
                observed: facts.observed.clone(),
                numbers: facts.numbers.clone(),
                exceptions,
                bundles: facts.bundles,
                evidence: facts.evidence.clone(),
            };
            checks.push((finding, facts));
        }
    }
}
