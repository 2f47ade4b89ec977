//! What each tier took and cost, and what learned rules saved: counted from evidence, and reckoned only where it is said.
//!
//! Money is always whole millionths of a US dollar. A saving is told only where the evidence has what it is held against: incidents of
//! the same check that the planner resolved by the same runbook. What people would have needed instead is never claimed.

use std::collections::BTreeMap;

use serde::Serialize;
use writ_evidence::records::Transcript;
use writ_evidence::{Bundle, IncidentId};
use writ_policy::declared::DeclaredAt;
use writ_trust::digest::Digest;
use writ_trust::ids::ApplianceId;
use writ_trust::json;
use writ_trust::time::Time;
use writ_wire::plan::{CHOSEN, was_asked};

use crate::compare::model::{IncidentFinding, IncidentStatus, Link};
use crate::compare::{Asked, Comparison, Evidence, Planned};
use crate::learn::RULE_PREFIX;

/// What an incident that a rule resolves costs (`tier.l1.cost_microdollars`).
pub const RULE_MICRODOLLARS: u64 = 0;
/// What an incident that a planner resolves is promised to cost about (`tier.l2.cost_microdollars`).
pub const PLANNER_MICRODOLLARS: u64 = 1000;
/// How long a technician is reckoned to need for an incident, in seconds (`tier.l3.technician`, our own figure).
pub const TECHNICIAN_SECONDS: u64 = 30 * 60;
/// What an hour of a technician is reckoned at (`tier.l3.hour_microdollars`, our own figure).
pub const HOUR_MICRODOLLARS: u64 = 60_000_000;
/// What an incident that people resolve is reckoned at by the two figures above.
pub const PEOPLE_MICRODOLLARS: u64 = TECHNICIAN_SECONDS * HOUR_MICRODOLLARS / 3600;
/// The largest number that every reader of JSON has exactly.
const MOST: u64 = 1 << 53;
/// Where learned rules are declared, relative to the tree.
const LEARNED: &str = "rules/learned/";

/// Calls of language models in sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// How many were made.
    pub made: u64,
    /// Of these, how many came to nothing.
    pub failed: u64,
    /// Tokens of what was asked.
    pub input_tokens: u64,
    /// Tokens of what was answered.
    pub output_tokens: u64,
    /// What they cost, in millionths of a US dollar.
    pub microdollars: u64,
}

/// Adds numbers that anybody may have written: the sum stays one that every reader has exactly.
fn sum(one: u64, other: u64) -> u64 {
    one.saturating_add(other).min(MOST)
}

impl Calls {
    /// The call that a transcript tells of; none where it tells why no model was asked.
    pub fn told(transcript: &Transcript) -> Option<Self> {
        was_asked(&transcript.outcome).then(|| Self {
            made: 1,
            failed: u64::from(transcript.outcome != CHOSEN),
            input_tokens: transcript.input_tokens.unwrap_or(0),
            output_tokens: transcript.output_tokens.unwrap_or(0),
            microdollars: transcript.cost_microdollars,
        })
    }

    /// What tells a call from the others for the same incident of an appliance: several bundles may tell of one.
    pub fn key(bundle: &Bundle, transcript: &Transcript) -> Digest {
        let Transcript { prompt, outcome, answered, cost_microdollars, took_ms, .. } = transcript;
        let request = bundle.artifacts.outputs.get("request");
        Digest::of(&json::canonical(&(request, prompt, outcome, answered, cost_microdollars, took_ms)))
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.made = sum(self.made, other.made);
        self.failed = sum(self.failed, other.failed);
        self.input_tokens = sum(self.input_tokens, other.input_tokens);
        self.output_tokens = sum(self.output_tokens, other.output_tokens);
        self.microdollars = sum(self.microdollars, other.microdollars);
    }
}

/// What a tier resolved, how fast, and at what cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TierCost {
    /// Incidents that it resolved.
    pub resolved: u64,
    /// Of these, how many it is known how long they took.
    pub timed: u64,
    /// How long those took in all, from detection to the end, in milliseconds.
    pub millis: u64,
    /// What all of it cost, in millionths of a US dollar.
    pub microdollars: u64,
}

impl TierCost {
    /// How long one took on average, in milliseconds; null where none did.
    pub fn mean_millis(&self) -> Option<u64> {
        self.millis.checked_div(self.timed)
    }

    /// What one came to, rounded up; null where none was resolved.
    pub fn each(&self) -> Option<u64> {
        (self.resolved > 0).then(|| self.microdollars.div_ceil(self.resolved))
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.resolved = sum(self.resolved, other.resolved);
        self.timed = sum(self.timed, other.timed);
        self.millis = sum(self.millis, other.millis);
        self.microdollars = sum(self.microdollars, other.microdollars);
    }
}

/// What a language model was asked for one incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentCost {
    /// The appliance.
    pub appliance: ApplianceId,
    /// The incident.
    pub incident_id: IncidentId,
    /// The calls.
    pub calls: Calls,
    /// The bundles that tell of them.
    pub evidence: Vec<Link>,
}

/// What incidents came to that the planner resolved, before a rule did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Before {
    /// How many the evidence has.
    pub resolved: u64,
    /// How long they took in all, in milliseconds.
    pub millis: u64,
    /// What was asked for them cost in all, in millionths of a US dollar.
    pub microdollars: u64,
}

/// What one learned rule did in the period, and saved by the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleCost {
    /// The rule.
    pub rule: String,
    /// The check that it answers.
    pub check: String,
    /// The runbook that it runs.
    pub runbook: String,
    /// On how many incidents that ended it was tried.
    pub tried: u64,
    /// How many of them it resolved.
    pub resolved: u64,
    /// How long those took in all, in milliseconds.
    pub millis: u64,
    /// What it is held against; null where the evidence of the site has no such incident, and then nothing is saved.
    pub before: Option<Before>,
    /// The bundles of the incidents that it resolved.
    pub evidence: Vec<Link>,
}

impl RuleCost {
    /// How much sooner its incidents ended than they would have at the mean of before, in milliseconds.
    pub fn saved_millis(&self) -> u64 {
        let mean = self.before.and_then(|before| before.millis.checked_div(before.resolved)).unwrap_or(0);
        self.resolved.saturating_mul(mean).min(MOST).saturating_sub(self.millis)
    }

    /// What was not spent on calls, at the mean of before, in millionths of a US dollar.
    pub fn saved_microdollars(&self) -> u64 {
        let before = self.before.unwrap_or_default();
        let all = u128::from(before.microdollars) * u128::from(self.resolved);
        let saved = all.checked_div(u128::from(before.resolved)).unwrap_or(0);
        u64::try_from(saved).unwrap_or(MOST).min(MOST)
    }

    /// The share that it resolved, in percent.
    pub fn percent(&self) -> Option<u64> {
        (self.resolved * 100).checked_div(self.tried)
    }
}

/// What the tiers took and cost over a period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// Rules, the planner, people.
    pub tiers: [TierCost; 3],
    /// Calls of language models in the period.
    pub calls: Calls,
    /// The same by incident, the first to be asked for first.
    pub incidents: Vec<IncidentCost>,
    /// Every learned rule that was tried, by name.
    pub learned: Vec<RuleCost>,
}

impl Costs {
    /// What the incidents of a comparison came to, by the evidence that it was made from.
    pub fn of(c: &Comparison, evidence: &Evidence<'_>) -> Self {
        let (asked, planned) = (evidence.asked(), evidence.planned());
        let mut costs = Self { learned: learned(c, &asked, &planned), ..Self::default() };
        let mut places: BTreeMap<(&ApplianceId, IncidentId), usize> = BTreeMap::new();
        for one in asked.iter().filter(|one| c.period.contains(one.at)) {
            costs.calls.add(&one.calls);
            let place = places.entry((&one.appliance, one.incident_id)).or_insert(costs.incidents.len());
            costs.note(*place, one);
        }
        for incident in &c.incidents {
            let Some(tier) = tier(incident).and_then(|tier| costs.tiers.get_mut(tier)) else { continue };
            tier.resolved += 1;
            tier.timed += u64::from(incident.took_millis.is_some());
            tier.millis = sum(tier.millis, incident.took_millis.unwrap_or(0));
        }
        costs.tiers[0].microdollars = costs.tiers[0].resolved * RULE_MICRODOLLARS;
        costs.tiers[1].microdollars = costs.calls.microdollars;
        costs.tiers[2].microdollars = costs.tiers[2].resolved.saturating_mul(PEOPLE_MICRODOLLARS).min(MOST);
        costs
    }

    /// Counts a call with those of its incident, which has this place or is the next.
    fn note(&mut self, place: usize, asked: &Asked) {
        if place == self.incidents.len() {
            self.incidents.push(IncidentCost {
                appliance: asked.appliance.clone(),
                incident_id: asked.incident_id,
                calls: Calls::default(),
                evidence: Vec::new(),
            });
        }
        if let Some(of_incident) = self.incidents.get_mut(place) {
            of_incident.calls.add(&asked.calls);
            of_incident.evidence.push(asked.link.clone());
        }
    }

    /// How much sooner incidents ended because of learned rules, in milliseconds.
    pub fn saved_millis(&self) -> u64 {
        self.learned.iter().map(RuleCost::saved_millis).fold(0, sum)
    }

    /// What was not spent on calls because of learned rules, in millionths of a US dollar.
    pub fn saved_microdollars(&self) -> u64 {
        self.learned.iter().map(RuleCost::saved_microdollars).fold(0, sum)
    }
}

/// Which tier resolved an incident: 0 for rules, 1 for a planner, 2 for people.
fn tier(incident: &IncidentFinding) -> Option<usize> {
    crate::report::packet::tally::tier(incident)
}

/// Whether a rule was learned: its id or the place where it was declared says so.
pub fn is_learned(rule: &str, declared_at: Option<&DeclaredAt>) -> bool {
    let file = declared_at.map_or("", |at| at.file.as_str());
    rule.starts_with(RULE_PREFIX) || file.starts_with(LEARNED) || file.contains(&format!("/{LEARNED}"))
}

fn learned(c: &Comparison, asked: &[Asked], planned: &[Planned]) -> Vec<RuleCost> {
    let mut rules: BTreeMap<&str, RuleCost> = BTreeMap::new();
    for incident in c.incidents.iter().filter(|incident| incident.status != IncidentStatus::Open) {
        let is_learned = |rule: &&str| is_learned(rule, incident.rule_declared_at.as_ref());
        let Some(rule) = incident.rule.as_deref().filter(is_learned) else { continue };
        let of_rule = rules.entry(rule).or_insert_with(|| RuleCost {
            rule: rule.to_owned(),
            check: incident.check.clone(),
            runbook: String::new(),
            tried: 0,
            resolved: 0,
            millis: 0,
            before: None,
            evidence: Vec::new(),
        });
        of_rule.tried += 1;
        if tier(incident) == Some(0) {
            of_rule.resolved += 1;
            of_rule.millis = sum(of_rule.millis, incident.took_millis.unwrap_or(0));
            of_rule.evidence.extend(incident.evidence.iter().cloned());
            if let Some(runbook) = incident.runbook.as_ref().filter(|_| of_rule.runbook.is_empty()) {
                of_rule.runbook.clone_from(runbook);
            }
        }
    }
    let mut spent: BTreeMap<(&ApplianceId, IncidentId), u64> = BTreeMap::new();
    for call in asked {
        let so_far = spent.entry((&call.appliance, call.incident_id)).or_default();
        *so_far = sum(*so_far, call.calls.microdollars);
    }
    let of = |one: &Planned| spent.get(&(&one.appliance, one.incident_id)).copied().unwrap_or(0);
    let mut rules: Vec<RuleCost> = rules.into_values().collect();
    rules.iter_mut().for_each(|rule| rule.before = before(rule, c.period.to, planned, &of));
    rules
}

/// What incidents of the same check came to that the planner resolved by the same runbook, in all evidence before an instant. `of` says
/// what the calls for one of them cost.
fn before(rule: &RuleCost, until: Time, planned: &[Planned], of: &dyn Fn(&Planned) -> u64) -> Option<Before> {
    let mut before = Before::default();
    let like = |one: &&Planned| one.check == rule.check && one.runbook == rule.runbook && one.ended_at < until;
    for one in planned.iter().filter(like) {
        before.resolved += 1;
        before.millis = sum(before.millis, one.took_millis);
        before.microdollars = sum(before.microdollars, of(one));
    }
    (before.resolved > 0).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is reckoned with here is what the baseline says, and where a figure is our own, the baseline says so.
    #[test]
    fn figures_are_those_of_the_baseline() {
        let figures = include_str!("../../../baselines/hipaa/figures.nix");
        for line in [
            format!("\"tier.l1.cost_microdollars\" = figure \"microdollars\" {RULE_MICRODOLLARS} "),
            format!("\"tier.l2.cost_microdollars\" = figure \"microdollars\" {PLANNER_MICRODOLLARS} "),
            format!("\"tier.l3.technician\" = ours \"span\" \"{}m\" ", TECHNICIAN_SECONDS / 60),
            format!("\"tier.l3.hour_microdollars\" = ours \"microdollars\" {HOUR_MICRODOLLARS} "),
        ] {
            assert!(figures.contains(&line), "{line}");
        }
        assert_eq!(PEOPLE_MICRODOLLARS, 30_000_000);
    }

    #[test]
    fn a_rule_saves_nothing_without_evidence_and_never_more_than_the_mean() {
        let mut rule = RuleCost {
            rule: "L1-LRN-001".into(),
            check: "a".into(),
            runbook: "RB-1".into(),
            tried: 4,
            resolved: 3,
            millis: 300,
            before: None,
            evidence: vec![],
        };
        assert_eq!((rule.saved_millis(), rule.saved_microdollars(), rule.percent()), (0, 0, Some(75)));
        rule.before = Some(Before { resolved: 2, millis: 4000, microdollars: 2001 });
        assert_eq!((rule.saved_millis(), rule.saved_microdollars()), (3 * 2000 - 300, 2001 * 3 / 2));
        rule.millis = 10_000;
        assert_eq!(rule.saved_millis(), 0, "it was slower");
        rule.before = Some(Before { resolved: 1, millis: u64::MAX, microdollars: u64::MAX });
        assert!(rule.saved_millis() <= MOST && rule.saved_microdollars() <= MOST, "whatever anybody writes");
    }

    #[test]
    fn where_a_rule_was_declared_says_whether_it_was_learned() {
        let at = |file: &str| is_learned("L1-FILE-001", Some(&DeclaredAt { file: file.to_owned(), line: 1 }));
        assert!(is_learned("L1-LEARNED-0123456789AB", None) && !is_learned("L1-FILE-001", None));
        assert!(at("rules/learned/2026-11-20-L1-LRN-001.nix") && at("writ/rules/learned/x.nix"));
        assert!(!at("rules/files.nix") && !at("rules/learnedly/x.nix") && !at("myrules/learned/x.nix"));
    }
}
