//! Holding a baseline against its evidence: each control's verdict, and everything behind it.
//!
//! Only verified bundles count. Each is judged under the policy in force when it was written: the release that it names
//! leads to the policy document, and the policy says what was to be looked at, and how often.

mod check;
mod control;
mod events;
mod figures;
mod incidents;
pub mod model;
mod series;
mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::bundle::ReleaseRef;
use writ_policy::exception::Exception;
use writ_policy::policy::Policy;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;

use model::{ApplianceFinding, CheckFinding, RetiredCheck};
pub use model::{Comparison, Verdict};
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

/// Compares a site's baseline with its evidence over a period. Without one, over all there is, up to `now`: silence until
/// today is silence.
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
/// [`CompareError`]
pub fn compare_and_visit(
    archive: &Archive,
    site: &SiteId,
    period: Option<Period>,
    now: Time,
    visit: &mut dyn FnMut(&Stored<'_>),
) -> Result<Comparison, CompareError> {
    let site = which_site(archive, Some(site))?;
    let mut timelines: BTreeMap<ApplianceId, Timeline> = BTreeMap::new();
    let verification = archive.walk(&mut |stored: Stored<'_>| {
        if stored.bundle.client_id == site {
            visit(&stored);
            timelines.entry(stored.bundle.appliance.clone()).or_default().take(stored);
        }
    });
    timelines.values_mut().for_each(Timeline::finish);
    Ok(Comparer::new(archive, site, period, now, timelines).run(verification))
}

/// What an appliance had to obey for a while.
struct Stretch<'a> {
    period: Period,
    release: ReleaseRef,
    policy: Option<&'a Policy>,
}

/// One appliance with all that is known of it.
struct Subject<'a> {
    appliance: ApplianceId,
    timeline: Timeline,
    stretches: Vec<Stretch<'a>>,
    newest: Option<String>,
}

impl Subject<'_> {
    /// The policy in force at the end of the period.
    fn policy(&self) -> Option<&Policy> {
        self.stretches.last().and_then(|s| s.policy)
    }

    /// When a policy that asks for something was in force, touching stretches joined.
    fn asked(&self, wants: impl Fn(&Policy) -> bool) -> Vec<Period> {
        let mut asked: Vec<Period> = Vec::new();
        for stretch in self.stretches.iter().filter(|s| s.policy.is_some_and(&wants) && s.period.millis() > 0) {
            match asked.last_mut() {
                Some(last) if last.to == stretch.period.from => last.to = stretch.period.to,
                _ => asked.push(stretch.period),
            }
        }
        asked
    }

    /// Exceptions of every policy in force within the period, the latest of each name.
    fn exceptions(&self) -> BTreeMap<&str, &Exception> {
        let all = self.stretches.iter().filter_map(|s| s.policy).flat_map(|p| &p.exceptions);
        all.map(|(id, e)| (id.as_str(), e)).collect()
    }
}

struct Comparer<'a> {
    site: SiteId,
    period: Period,
    subjects: Vec<Subject<'a>>,
}

impl<'a> Comparer<'a> {
    fn new(
        archive: &'a Archive,
        site: SiteId,
        period: Option<Period>,
        now: Time,
        mut timelines: BTreeMap<ApplianceId, Timeline>,
    ) -> Self {
        let releases = &archive.sites[&site].releases;
        let first = timelines.values().flat_map(|t| t.written.iter().min()).min().copied();
        let last = timelines.values().flat_map(|t| t.written.iter().max()).max().map(|at| at.plus_millis(1));
        let issued = releases.iter().map(|p| p.release.issued_at).min();
        let period = period.unwrap_or_else(|| {
            let from = first.or(issued).unwrap_or(now).min(now);
            Period { from, to: now.max(last.unwrap_or(now)).max(from.plus_millis(1)) }
        });
        let named: BTreeSet<ApplianceId> =
            releases.iter().flat_map(|p| p.release.generations.keys()).cloned().collect();
        let subjects = named
            .into_iter()
            .map(|appliance| {
                let timeline = timelines.remove(&appliance).unwrap_or_default();
                let orders: Vec<_> =
                    releases.iter().filter(|p| p.release.generations.contains_key(&appliance)).collect();
                let newest = orders.last().map(|p| format!("{}-{}", p.release.epoch, p.release.serial));
                let mut obeyed = timeline.obeyed.clone();
                // An appliance that has never answered is judged by the newest orders it was given.
                if let (true, Some(past)) = (obeyed.is_empty(), orders.last()) {
                    let release =
                        ReleaseRef { epoch: past.release.epoch, serial: past.release.serial, digest: past.digest };
                    obeyed.push((past.release.issued_at, release));
                }
                let stretches = stretches(archive, &site, &appliance, &obeyed, &period);
                Subject { appliance, timeline, stretches, newest }
            })
            .collect();
        Self { site, period, subjects }
    }

    fn run(self, verification: VerifyReport) -> Comparison {
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
        let policies = || self.subjects.iter().filter_map(Subject::policy);
        Comparison {
            schema: "writ.comparison.v1",
            title: policies().next().map_or_else(|| self.site.to_string(), |p| p.settings.title.clone()),
            baselines: policies().flat_map(|p| p.baselines.clone()).collect(),
            period: self.period,
            appliances: self.subjects.iter().map(|s| self.appliance(s)).collect(),
            verdicts,
            score,
            score_without_exceptions,
            exceptions: control::exceptions(&self, &controls),
            controls,
            figures: figures::of(&self, &checks, &incidents),
            checks,
            retired_checks: retired,
            incident_summary: incidents::summary(&incidents),
            incidents,
            switches: events::switches(&self),
            events: events::others(&self),
            verification,
            site: self.site,
        }
    }

    fn appliance(&self, subject: &Subject<'_>) -> ApplianceFinding {
        let within = || subject.timeline.written.iter().filter(|at| self.period.contains(**at));
        let last = subject.stretches.last();
        ApplianceFinding {
            appliance: subject.appliance.clone(),
            release: last.map(|s| format!("{}-{}", s.release.epoch, s.release.serial)),
            release_digest: last.map(|s| s.release.digest),
            newest_release: subject.newest.clone(),
            last_heard: within().max().copied(),
            bundles: within().count() as u64,
            not_assessable: match last {
                None => Some("no release was in force there in this period: nothing was asked of it".to_owned()),
                Some(s) if s.policy.is_none() => Some(format!(
                    "the policy of release {}-{} is missing, altered or of an unknown schema: nothing there was judged",
                    s.release.epoch, s.release.serial
                )),
                Some(_) => None,
            },
        }
    }

    fn judge_checks(
        &self,
        subject: &Subject<'_>,
        checks: &mut Vec<(CheckFinding, check::Facts)>,
        retired: &mut Vec<RetiredCheck>,
    ) {
        let ids: BTreeSet<&str> = subject
            .stretches
            .iter()
            .filter_map(|s| s.policy)
            .flat_map(|p| p.checks.keys())
            .map(String::as_str)
            .collect();
        let exceptions = subject.exceptions();
        for id in ids {
            let asked = subject.asked(|p| p.checks.contains_key(id));
            let latest = subject.stretches.iter().rev().find_map(|s| Some((s.policy?, s.policy?.checks.get(id)?)));
            let (Some((policy, check)), Some(last)) = (latest, asked.last()) else { continue };
            let every: Vec<(Time, i64)> = subject
                .stretches
                .iter()
                .filter_map(|s| Some((s.period.from, s.policy?.checks.get(id)?.every.millis())))
                .collect();
            let question = check::Question {
                check,
                asked: &asked,
                every: &every,
                posture_seconds: u64::try_from(policy.settings.posture.vector.seconds()).unwrap_or(0),
                sla_seconds: policy.settings.sla.get(&check.severity).and_then(|s| u64::try_from(s.seconds()).ok()),
            };
            let mut facts = check::Facts::gather(&subject.timeline, &question, id);
            facts.arithmetic.healed_by = incidents::healed_by(subject, id, &self.period);
            let lifting: Vec<(&str, &Exception)> =
                exceptions.iter().filter(|(_, e)| e.check.as_deref() == Some(id)).map(|(n, e)| (*n, *e)).collect();
            let (verdict, reasons) = check::judge(&facts, &lifting, last.to);
            if subject.policy().is_none_or(|p| !p.checks.contains_key(id)) {
                let appliance = subject.appliance.clone();
                retired.push(RetiredCheck { appliance, check: id.to_owned(), until: last.to, verdict, reasons });
                continue;
            }
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
                verdict_without_exceptions: check::judge(&facts, &[], last.to).0,
                reasons,
                arithmetic: facts.arithmetic.clone(),
                observed: facts.observed.clone(),
                numbers: facts.numbers.clone(),
                exceptions: lifting.iter().map(|(name, _)| (*name).to_owned()).collect(),
                bundles: facts.bundles,
                evidence: facts.evidence.clone(),
            };
            checks.push((finding, facts));
        }
    }
}

/// What an appliance had to obey when, clipped to the period.
fn stretches<'a>(
    archive: &'a Archive,
    site: &SiteId,
    appliance: &ApplianceId,
    obeyed: &[(Time, ReleaseRef)],
    period: &Period,
) -> Vec<Stretch<'a>> {
    let mut out = Vec::new();
    for (i, (from, release)) in obeyed.iter().enumerate() {
        let to = obeyed.get(i + 1).map_or(period.to, |(next, _)| *next);
        let whole = Period { from: *from, to };
        if whole.to <= period.from || whole.from >= period.to {
            continue;
        }
        let policy = archive.policy(site, appliance, release);
        out.push(Stretch { period: whole.and(period), release: *release, policy });
    }
    out
}
