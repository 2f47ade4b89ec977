//! Taking in evidence bundle by bundle, as a walk hands it out.

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::bundle::{Kind, ReleaseRef};
use writ_evidence::incident::{Execution, Incident, ResolutionStatus, ResolutionType, Tier, step_hash};
use writ_evidence::records::PlanRecord;
use writ_evidence::{Bundle, IncidentId};
use writ_policy::observation::Observation;
use writ_policy::policy::Policy;
use writ_policy::predicate::Truth;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};

use super::count;
use super::model::{Decisions, Figures, Library};
use super::signature::parameters;
use super::terms::{Term, broken, terms};
use super::told::{At, By, Came, Case, Ending, Key, Names, Ran, Shown, split};
use crate::archive::{Archive, Stored};
use crate::costs::Calls;
use crate::story;
use crate::verify::VerifyReport;

/// The most runbooks of one plan that are looked at; no plan that is allowed has more.
const MOST_RUNBOOKS: usize = writ_wire::plan::MAX_RUNBOOKS;

/// What failed, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Situation {
    /// What sort of event.
    pub incident_type: String,
    /// The check.
    pub check: String,
    /// The terms of its expectation that did not hold.
    pub broken: BTreeSet<String>,
}

/// What a policy says, worked out once.
#[derive(Debug, Default)]
struct Known {
    /// The terms of checks.
    terms: BTreeMap<String, Vec<Term>>,
    /// The parameters of runbooks, and the hashes of their steps in order.
    runbooks: BTreeMap<String, (Digest, Vec<Digest>)>,
}

/// Evidence on its way to a [`Library`]: what is kept grows with incidents, by some hundred bytes each, and with patterns.
///
/// ```text
/// let mut gathering = Gathering::begin(&archive);
/// let report = archive.walk(&mut |stored| gathering.take(&stored));
/// let library = gathering.finish(&report, &Figures::default(), &Decisions::default());
/// ```
pub struct Gathering<'a> {
    pub(super) archive: &'a Archive,
    /// Only this site.
    only: Option<SiteId>,
    known: BTreeMap<Digest, Known>,
    pub(super) appliances: Names<(SiteId, ApplianceId)>,
    pub(super) folders: Names<String>,
    pub(super) situations: Names<Situation>,
    pub(super) ran: Names<Ran>,
    pub(super) words: Names<String>,
    pub(super) cases: BTreeMap<Key, Case>,
}

impl<'a> Gathering<'a> {
    /// Nothing yet, of all sites of an archive.
    pub fn begin(archive: &'a Archive) -> Self {
        Self {
            archive,
            only: None,
            known: BTreeMap::new(),
            appliances: Names::default(),
            folders: Names::default(),
            situations: Names::default(),
            ran: Names::default(),
            words: Names::default(),
            cases: BTreeMap::new(),
        }
    }

    /// The same, of one site.
    #[must_use]
    pub fn of_site(archive: &'a Archive, site: &SiteId) -> Self {
        Self { only: Some(site.clone()), ..Self::begin(archive) }
    }

    /// Takes in a verified bundle. Order, and bundles that come twice, mean nothing.
    pub fn take(&mut self, stored: &Stored<'_>) {
        let bundle = &stored.bundle;
        if self.only.as_ref().is_some_and(|site| *site != bundle.client_id) {
            return;
        }
        match (bundle.kind, &bundle.incident, &bundle.plan) {
            (Kind::IncidentOpened, Some(incident), _) => self.opened(stored, incident),
            (Kind::IncidentClosed, Some(incident), _) => self.closed(stored, incident),
            (Kind::Plan, _, Some(plan)) => self.planned(stored, plan),
            _ => {}
        }
    }

    /// The sites that are looked at.
    pub(super) fn sites(&self) -> impl Iterator<Item = &'a SiteId> {
        self.archive.sites.keys().filter(|site| self.only.as_ref().is_none_or(|only| only == *site))
    }

    /// What all of it teaches; `report` is what the walk came to. Incidents about whose evidence it says something bad do not count.
    pub fn finish(self, report: &VerifyReport, figures: &Figures, decisions: &Decisions) -> Library {
        count::library(&self, report, figures, decisions)
    }

    /// The case that a bundle is about.
    fn case(&mut self, stored: &Stored<'_>, incident: IncidentId) -> &mut Case {
        let bundle = &stored.bundle;
        let folder = split(stored.path).map_or(stored.path, |(folder, _)| folder);
        let lies = At { folder: self.folders.number(&folder.to_owned()), sequence: bundle.chain.sequence };
        let appliance = self.appliances.number(&(bundle.client_id.clone(), bundle.appliance.clone()));
        let case = self.cases.entry((appliance, incident)).or_default();
        case.lies.insert(lies);
        case
    }

    fn opened(&mut self, stored: &Stored<'_>, incident: &Incident) {
        let shown = self.shown(&stored.bundle, incident);
        self.case(stored, incident.incident_id).open(by(stored), shown);
    }

    fn closed(&mut self, stored: &Stored<'_>, incident: &Incident) {
        let Some(execution) = &stored.bundle.execution else { return };
        let shown = self.shown(&stored.bundle, incident);
        let ending = self.ending(&stored.bundle, incident, execution);
        self.case(stored, incident.incident_id).close(by(stored), shown, ending);
    }

    fn planned(&mut self, stored: &Stored<'_>, plan: &PlanRecord) {
        let policy = self.policy(&stored.bundle, stored.bundle.release.as_ref());
        let mut outcomes = Vec::new();
        for (runbook, came) in outcomes_of(plan, &stored.bundle.artifacts.outputs) {
            let parameters = policy.and_then(|(digest, policy)| self.parameters(digest, policy, runbook));
            outcomes.push((self.ran.number(&Ran { runbook: runbook.to_owned(), parameters }), came));
        }
        let transcript = plan.transcript.as_ref();
        let call = transcript.and_then(|t| Some((Calls::key(&stored.bundle, t), Calls::told(t)?)));
        let case = self.case(stored, plan.incident_id);
        case.calls.extend(call);
        case.outcomes.extend(outcomes);
    }

    /// The policy that an appliance obeyed under a release, and its digest.
    fn policy(&self, bundle: &Bundle, release: Option<&ReleaseRef>) -> Option<(Digest, &'a Policy)> {
        let past = self.archive.sites.get(&bundle.client_id)?.release(release?)?;
        let digest = past.release.generations.get(&bundle.appliance)?.policy.digest;
        Some((digest, self.archive.policies.get(&digest)?))
    }

    fn shown(&mut self, bundle: &Bundle, incident: &Incident) -> Shown {
        let nothing = Observation::new();
        let seen = bundle.drift.as_ref().and_then(|drift| drift.before.as_ref()).unwrap_or(&nothing);
        let policy = self.policy(bundle, bundle.release.as_ref());
        let situation = policy.and_then(|(digest, policy)| {
            let expect = &policy.checks.get(&incident.check)?.expect;
            let known = self.known.entry(digest).or_default();
            if !known.terms.contains_key(&incident.check) {
                known.terms.insert(incident.check.clone(), terms(expect));
            }
            let broken = broken(known.terms.get(&incident.check)?, seen);
            let (incident_type, check) = (incident.event_type.clone(), incident.check.clone());
            Some(self.situations.number(&Situation { incident_type, check, broken }))
        });
        Shown { detected_at: incident.detected_at, situation }
    }

    fn ending(&mut self, bundle: &Bundle, incident: &Incident, execution: &Execution) -> Ending {
        let resolved = bundle.outputs.is_some_and(|o| o.resolution_status == ResolutionStatus::Success);
        let resolved_by = execution.tier.filter(|_| resolved);
        let policy = self.policy(bundle, bundle.release.as_ref());
        let by_plan = resolved_by == Some(Tier::L2) && execution.resolution_type == ResolutionType::Auto;
        let last_run = bundle.runbook.as_ref().filter(|_| by_plan).map(|ran| {
            let parameters = policy.and_then(|(digest, policy)| {
                // What ran under an older policy is not what this one has by the same name.
                let same = policy.runbooks.get(&ran.runbook_id)?.digest() == ran.runbook_hash;
                same.then(|| self.parameters(digest, policy, &ran.runbook_id))?
            });
            self.ran.number(&Ran { runbook: ran.runbook_id.clone(), parameters })
        });
        let alone = resolved_by == Some(Tier::L1) && execution.attempts <= 1;
        let ran_too = match policy.filter(|_| !alone && !bundle.actions_taken.is_empty()) {
            Some(policy) => self.ran_too(bundle, incident, execution, policy),
            None => Vec::new(),
        };
        Ending {
            resolved_by,
            last_run,
            took_ms: story::took_millis(incident, execution),
            rule: execution.rule.as_ref().map(|rule| self.words.number(rule)),
            ran_too,
        }
    }

    /// The rules, but the one that ran last, whose runbooks were run for an incident, as far as the steps that were done tell it: a
    /// runbook begins with its first step, and a step that others have too does not tell which of them ran. Which of them ran because a
    /// plan said so is known in the end.
    fn ran_too(
        &mut self,
        bundle: &Bundle,
        incident: &Incident,
        execution: &Execution,
        (digest, policy): (Digest, &'a Policy),
    ) -> Vec<(u32, u32)> {
        let done: BTreeSet<Digest> = bundle.actions_taken.iter().filter(|a| !a.undo).map(|a| a.script_hash).collect();
        let seen = bundle.drift.as_ref().and_then(|drift| drift.before.as_ref());
        // Rules whose runbooks may have run, and the steps of these; also those of the runbook that is known to have run last.
        let mut begun: Vec<(&String, &String, Vec<Digest>)> = Vec::new();
        let last = bundle.runbook.as_ref().map(|last| &last.runbook_id);
        let last_steps = last.and_then(|last| self.runbook(digest, policy, last).map(|(_, steps)| steps.clone()));
        for (id, rule) in policy.rules.iter().filter(|(_, rule)| rule.when.check == incident.check) {
            let Some(runbook) = rule.run.as_ref().filter(|_| execution.rule.as_ref() != Some(id)) else { continue };
            let narrowed = rule.when.observation.as_ref().zip(seen);
            let matched = narrowed.is_none_or(|(narrowed, seen)| narrowed.evaluate(seen) != Truth::False);
            let steps = self.runbook(digest, policy, runbook).map(|(_, steps)| steps.clone()).unwrap_or_default();
            if matched && steps.first().is_some_and(|first| done.contains(first)) {
                begun.push((id, runbook, steps));
            }
        }
        let elsewhere = |runbook: &String, step: &Digest| {
            let of_last = last.filter(|last| *last != runbook).and(last_steps.as_ref());
            let others = begun.iter().filter(|(_, other, _)| *other != runbook).map(|(_, _, steps)| steps);
            others.chain(of_last).any(|steps| steps.contains(step))
        };
        let told = |one: &&(&String, &String, Vec<Digest>)| {
            one.2.iter().any(|step| done.contains(step) && !elsewhere(one.1, step))
        };
        begun.iter().filter(told).map(|(id, runbook, _)| (self.words.number(id), self.words.number(runbook))).collect()
    }

    fn parameters(&mut self, digest: Digest, policy: &Policy, runbook: &str) -> Option<Digest> {
        self.runbook(digest, policy, runbook).map(|(parameters, _)| *parameters)
    }

    /// The parameters of a runbook and the hashes of its steps, worked out once.
    fn runbook(&mut self, digest: Digest, policy: &Policy, id: &str) -> Option<&(Digest, Vec<Digest>)> {
        let runbooks = &mut self.known.entry(digest).or_default().runbooks;
        if !runbooks.contains_key(id) {
            let runbook = policy.runbooks.get(id)?;
            let steps = runbook.steps.iter().map(step_hash).collect();
            runbooks.insert(id.to_owned(), (parameters(runbook), steps));
        }
        runbooks.get(id)
    }
}

/// What came of the runbooks of a plan, as far as they ran to their ends: `came_to` says it of each, as in `RB-A: failed, RB-B: helped,
/// RB-C: not-run`; where it is not there, `result` says it of all. Of what was interrupted nobody knows what it would have come to.
fn outcomes_of<'p>(plan: &'p PlanRecord, said: &BTreeMap<String, String>) -> Vec<(&'p str, Came)> {
    let runbooks = plan.runbooks.iter().take(MOST_RUNBOOKS).map(String::as_str);
    let Some(mut rest) = said.get("came_to").map(String::as_str) else {
        let came = said.get("result").and_then(|word| came(word)).filter(|_| plan.allowed);
        // Which of several helped, the end of the incident says.
        let came = came.filter(|came| *came == Came::Failed || plan.runbooks.len() == 1);
        return runbooks.zip(std::iter::repeat(came)).filter_map(|(runbook, came)| Some((runbook, came?))).collect();
    };
    let mut outcomes = Vec::new();
    for runbook in runbooks {
        let Some(after) = rest.strip_prefix(runbook).and_then(|rest| rest.strip_prefix(": ")) else { break };
        let (word, next) = after.split_once(", ").unwrap_or((after, ""));
        outcomes.extend(came(word).map(|came| (runbook, came)));
        rest = next;
    }
    outcomes
}

fn came(word: &str) -> Option<Came> {
    match word {
        "helped" => Some(Came::Helped),
        "failed" => Some(Came::Failed),
        _ => None,
    }
}

fn by(stored: &Stored<'_>) -> By {
    By { at: stored.bundle.generated_at, digest: stored.digest, id: stored.bundle.bundle_id }
}
