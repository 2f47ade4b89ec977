//! From incidents to patterns.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::incident::Tier;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use super::doubts::Doubts;
use super::gather::{Gathering, Situation};
use super::model::{
    Decisions, Figures, ID_DIGITS, LearnedRule, Library, MAX_BUNDLES, Pattern, RULE_PREFIX, SiteShare, State, Tiers,
    permille,
};
use super::rules::{self, Runs};
use super::signature::{Parts, signature};
use super::told::{By, Came, Case, Ending, Shown};
use crate::costs::Calls;
use crate::verify::VerifyReport;

/// The library of what was gathered.
pub fn library(gathered: &Gathering<'_>, report: &VerifyReport, figures: &Figures, decisions: &Decisions) -> Library {
    let doubts = Doubts::of(report);
    let mut counting = Counting::default();
    let mut excluded = 0;
    for ((appliance, _), case) in &gathered.cases {
        if case.lies.iter().all(|at| doubts.spare(gathered.folders.get(at.folder), at.sequence)) {
            counting.take(gathered, *appliance, case);
        } else {
            excluded += 1;
        }
    }
    let in_force = rules::in_force(gathered);
    let mut patterns: Vec<Pattern> =
        counting.sums.iter().map(|(key, sum)| pattern(gathered, *key, sum, &in_force)).collect();
    let known = known(&patterns);
    let learned = counting.runs.of(&in_force, &known, figures);
    patterns.iter_mut().for_each(|pattern| pattern.state = state(pattern, &learned, figures, decisions));
    patterns.sort_by_key(|pattern| (Reverse(pattern.occurrences), pattern.signature));
    Library {
        patterns,
        rules: learned,
        tiers: counting.tiers,
        calls: counting.calls,
        figures: *figures,
        verified: report.ok,
        excluded,
        not_judged: counting.not_judged,
    }
}

/// The pattern of each rule that is one: of several the one with the least id, so that the order of evidence means nothing.
fn known(patterns: &[Pattern]) -> BTreeMap<String, String> {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for pattern in patterns {
        let Some(rule) = &pattern.rule else { continue };
        let least = known.entry(rule.clone()).or_insert_with(|| pattern.id.clone());
        if pattern.id < *least {
            least.clone_from(&pattern.id);
        }
    }
    known
}

/// Occurrences, and those of them that were successes.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    occurrences: u64,
    successes: u64,
}

impl Share {
    fn take(&mut self, helped: bool) {
        self.occurrences += 1;
        self.successes += u64::from(helped);
    }
}

/// One pattern on its way.
#[derive(Debug)]
struct Sum {
    all: Share,
    sites: BTreeMap<SiteId, Share>,
    appliances: BTreeSet<u32>,
    first: Time,
    last: Time,
    /// Milliseconds of the successes.
    millis: u128,
    /// The newest incidents: when they were detected, the bundle that tells of each, and its appliance.
    rests_on: BTreeSet<(Time, By, u32)>,
}

/// Incidents that count, being counted.
#[derive(Debug, Default)]
struct Counting {
    /// By the numbers of the situation and of what ran.
    sums: BTreeMap<(u32, u32), Sum>,
    tiers: Tiers,
    calls: Calls,
    runs: Runs,
    not_judged: u64,
}

impl Counting {
    fn take(&mut self, gathered: &Gathering<'_>, appliance: u32, case: &Case) {
        case.calls.values().for_each(|call| self.calls.add(call));
        // Those of which only plans are here are no incidents that anybody told of.
        let Some(shown) = case.shown() else { return };
        let ending = case.closed.as_ref().map(|(_, _, ending)| ending);
        self.tiers.take(ending);
        let tried = tried(gathered, case);
        let by_plans = case.outcomes.iter().map(|(ran, _)| ran).chain(tried.keys());
        let by_plans = by_plans.map(|ran| gathered.ran.get(*ran).runbook.as_str()).collect();
        if let Some(ending) = ending {
            self.runs.take(gathered, ending, shown.detected_at, &by_plans);
        }
        let known = |ran: &u32| gathered.ran.get(*ran).parameters.is_some();
        let Some(situation) = shown.situation.filter(|_| tried.keys().all(known)) else {
            self.not_judged += u64::from(!tried.is_empty());
            return;
        };
        for (ran, helped) in tried {
            self.count(gathered, (situation, ran), helped, (appliance, case, shown));
        }
    }

    fn count(
        &mut self,
        gathered: &Gathering<'_>,
        key: (u32, u32),
        helped: bool,
        (appliance, case, shown): (u32, &Case, Shown),
    ) {
        let at = shown.detected_at;
        let sum = self.sums.entry(key).or_insert_with(|| Sum {
            all: Share::default(),
            sites: BTreeMap::new(),
            appliances: BTreeSet::new(),
            first: at,
            last: at,
            millis: 0,
            rests_on: BTreeSet::new(),
        });
        sum.all.take(helped);
        sum.sites.entry(gathered.appliances.get(appliance).0.clone()).or_default().take(helped);
        sum.appliances.insert(appliance);
        sum.first = sum.first.min(at);
        sum.last = sum.last.max(at);
        let took = case.closed.as_ref().filter(|_| helped).map_or(0, |(_, _, ending)| ending.took_ms);
        sum.millis += u128::from(took);
        let by = case.closed.as_ref().map(|(by, ..)| *by).or(case.opened.as_ref().map(|(by, _)| *by));
        sum.rests_on.extend(by.map(|by| (at, by, appliance)));
        if sum.rests_on.len() > MAX_BUNDLES {
            sum.rests_on.pop_first();
        }
    }
}

/// The runbooks that plans had run for an incident, each with whether its check held after it. Of one that is open, and of what was
/// interrupted, nobody knows yet.
fn tried(gathered: &Gathering<'_>, case: &Case) -> BTreeMap<u32, bool> {
    let name = |ran: u32| gathered.ran.get(ran).runbook.as_str();
    let helped = case.closed.as_ref().and_then(|(_, _, ending)| ending.last_run);
    let in_vain = |came: Came| match came {
        Came::Failed => true,
        // It helped for a while, and then somebody else ended it.
        Came::Helped => case.closed.is_some(),
    };
    let outcomes = case.outcomes.iter().filter(|(_, came)| in_vain(*came));
    let mut tried: BTreeMap<u32, bool> = outcomes.map(|(ran, _)| (*ran, false)).collect();
    if let Some(helped) = helped {
        tried.retain(|ran, _| name(*ran) != name(helped));
        tried.insert(helped, true);
    }
    tried
}

fn pattern(gathered: &Gathering<'_>, (situation, ran): (u32, u32), sum: &Sum, in_force: &[&Policy]) -> Pattern {
    let situation: &Situation = gathered.situations.get(situation);
    let ran = gathered.ran.get(ran);
    // Those of which it is not known were not counted.
    let parameters = ran.parameters.unwrap_or_else(|| Digest::of(&[]));
    let signature = signature(&Parts {
        incident_type: &situation.incident_type,
        check: &situation.check,
        broken: &situation.broken,
        runbook: &ran.runbook,
        parameters,
    });
    let id: String = signature.hex().chars().take(ID_DIGITS).collect();
    let rule_id = format!("{RULE_PREFIX}{}", id.to_ascii_uppercase());
    let Share { occurrences, successes } = sum.all;
    let place = |appliance: u32| {
        let (site, appliance) = gathered.appliances.get(appliance);
        format!("{site}/{appliance}")
    };
    let appliances: BTreeSet<String> = sum.appliances.iter().map(|appliance| place(*appliance)).collect();
    let told = |(_, by, appliance): &(Time, By, u32)| format!("{}/{} {}", place(*appliance), by.id, by.digest);
    let bundles: BTreeSet<String> = sum.rests_on.iter().map(told).collect();
    Pattern {
        rule: rules::rule_of(in_force, &rule_id, situation, (&ran.runbook, parameters)),
        id,
        signature,
        check: situation.check.clone(),
        incident_type: situation.incident_type.clone(),
        runbook: ran.runbook.clone(),
        conditions: situation.broken.iter().cloned().collect(),
        parameters,
        occurrences,
        successes,
        failures: occurrences - successes,
        success_permille: permille(successes, occurrences),
        first_seen: sum.first,
        last_seen: sum.last,
        sites: sum.sites.keys().map(SiteId::to_string).collect(),
        appliances: appliances.into_iter().collect(),
        shares: sum.sites.iter().map(|(site, share)| share_of(site, *share)).collect(),
        mean_ms: mean(sum.millis, successes),
        state: State::Pending,
        bundles: bundles.into_iter().collect(),
    }
}

fn share_of(site: &SiteId, Share { occurrences, successes }: Share) -> SiteShare {
    SiteShare {
        site: site.clone(),
        occurrences,
        successes,
        failures: occurrences - successes,
        success_permille: permille(successes, occurrences),
    }
}

fn mean(millis: u128, of: u64) -> u64 {
    u64::try_from(millis.checked_div(u128::from(of)).unwrap_or(0)).unwrap_or(u64::MAX)
}

fn state(pattern: &Pattern, rules: &[LearnedRule], figures: &Figures, decisions: &Decisions) -> State {
    if decisions.rejected.contains(&pattern.id) {
        return State::Rejected;
    }
    let rule = pattern.rule.as_ref().and_then(|id| rules.iter().find(|rule| rule.rule == *id));
    match rule {
        Some(rule) if rule.withdrawable => State::Withdrawable,
        Some(_) => State::Promoted,
        None if figures.suffices(pattern.successes, pattern.occurrences) => State::Eligible,
        None => State::Pending,
    }
}

impl Ending {
    /// Whether a rule resolved it.
    pub(super) fn is_by_rule(&self) -> bool {
        self.resolved_by == Some(Tier::L1)
    }
}

impl Tiers {
    fn take(&mut self, ending: Option<&Ending>) {
        let count = match ending.map(|ending| ending.resolved_by) {
            None => &mut self.open,
            Some(Some(Tier::L1)) => &mut self.l1,
            Some(Some(Tier::L2)) => &mut self.l2,
            Some(Some(Tier::L3)) => &mut self.l3,
            Some(None) => &mut self.others,
        };
        *count += 1;
    }
}
