//! What is learned from evidence, in the shape that commands, pages and reports read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use crate::costs::Calls;
use crate::words::of;

/// How the ids of rules begin that were made of patterns; the pattern's id in capitals follows.
pub const RULE_PREFIX: &str = "L1-LEARNED-";
/// How many hexadecimal digits of a signature are the id of a pattern.
pub const ID_DIGITS: usize = 12;
/// The most bundles that a pattern names, those of its newest incidents.
pub const MAX_BUNDLES: usize = 20;

/// By which figures patterns are judged; those of the HIPAA baseline (`learning.…` of `baselines/hipaa/figures.nix`) by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// From how many occurrences a pattern is a candidate, and a rule's success is judged.
    pub occurrences_least: u64,
    /// From which share of successes, in percent, a pattern is a candidate.
    pub success_least_percent: u64,
    /// Below which share of successes, in percent, a rule that was learned is to be withdrawn.
    pub withdraw_below_percent: u64,
}

impl Default for Figures {
    fn default() -> Self {
        Self { occurrences_least: 5, success_least_percent: 90, withdraw_below_percent: 85 }
    }
}

impl Figures {
    /// Whether so many successes of so many occurrences make a candidate.
    pub fn suffices(&self, successes: u64, occurrences: u64) -> bool {
        occurrences >= self.occurrences_least.max(1) && at_least(successes, occurrences, self.success_least_percent)
    }

    /// Whether a rule that resolved so many of so many incidents is to be withdrawn.
    pub fn withdraws(&self, resolved: u64, tried: u64) -> bool {
        tried >= self.occurrences_least.max(1) && !at_least(resolved, tried, self.withdraw_below_percent)
    }
}

fn at_least(part: u64, of: u64, percent: u64) -> bool {
    u128::from(part) * 100 >= u128::from(of) * u128::from(percent)
}

/// What people decided, as the flake's `rules/learned/` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decisions {
    /// The ids of patterns that were turned down, as [`Pattern::id`] has them.
    pub rejected: BTreeSet<String>,
}

/// How far a pattern has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was not seen often enough, or did not help often enough.
    Pending,
    /// It may become a rule.
    Eligible,
    /// A rule of the newest release is this pattern.
    Promoted,
    /// Somebody turned it down.
    Rejected,
    /// It is a rule, which resolves too few of the incidents that it answers.
    Withdrawable,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Eligible, Self::Promoted, Self::Rejected, Self::Withdrawable];

    /// The word that documents write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Eligible => "eligible",
            Self::Promoted => "promoted",
            Self::Rejected => "rejected",
            Self::Withdrawable => "withdrawable",
        }
    }
}

/// What one site has to do with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteShare {
    /// The site.
    pub site: SiteId,
    /// Incidents there.
    pub occurrences: u64,
    /// Of these, those that the runbook resolved.
    pub successes: u64,
    /// Those that it did not.
    pub failures: u64,
    /// Successes of a thousand occurrences, rounded down.
    pub success_permille: u32,
}

/// A way in which plans (L2) answered incidents of one sort: the same check, failing in the same way, the same runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pattern {
    /// The first [`ID_DIGITS`] hexadecimal digits of the signature.
    pub id: String,
    /// Digest of the RFC 8785 form of all that makes it a pattern: see [`super::signature`].
    pub signature: Digest,
    /// The check that failed.
    pub check: String,
    /// What sort of event it was.
    pub incident_type: String,
    /// The runbook that ran.
    pub runbook: String,
    /// The terms of the check's expectation that did not hold, each as the RFC 8785 form of a predicate, sorted. Empty where none
    /// can be told from evidence: then it is the check as a whole that failed.
    pub conditions: Vec<String>,
    /// Digest of the steps of the runbook with their parameters.
    pub parameters: Digest,
    /// Incidents in which the runbook ran to its end, each counted once.
    pub occurrences: u64,
    /// Of these, those after which the check held.
    pub successes: u64,
    /// Those after which it did not.
    pub failures: u64,
    /// Successes of a thousand occurrences, rounded down.
    pub success_permille: u32,
    /// When the first of the incidents was detected.
    pub first_seen: Time,
    /// When the last was.
    pub last_seen: Time,
    /// The sites, sorted.
    pub sites: Vec<String>,
    /// The appliances, `site/appliance`, sorted.
    pub appliances: Vec<String>,
    /// The same figures site by site.
    pub shares: Vec<SiteShare>,
    /// Mean milliseconds from detection to the check that held, of the successes; 0 without any.
    pub mean_ms: u64,
    /// How far it has come.
    pub state: State,
    /// The rule of the newest release that is this pattern.
    pub rule: Option<String>,
    /// What it rests on, at most [`MAX_BUNDLES`] of the newest incidents: `site/appliance/EB-… sha256:…`, sorted.
    pub bundles: Vec<String>,
}

impl Pattern {
    /// The id of a rule that is made of it.
    pub fn rule_id(&self) -> String {
        format!("{RULE_PREFIX}{}", self.id.to_ascii_uppercase())
    }
}

/// A rule of the newest releases that was made of a pattern, or is one, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LearnedRule {
    /// Its id.
    pub rule: String,
    /// The id of the pattern, where the rule's own id tells it or the pattern is here.
    pub pattern: Option<String>,
    /// The check that it answers.
    pub check: String,
    /// The runbook that it runs.
    pub runbook: String,
    /// The incidents, ended since, in which it ran.
    pub tried: u64,
    /// Of these, those that it resolved.
    pub resolved: u64,
    /// Resolved of a thousand tried, rounded down.
    pub success_permille: u32,
    /// When it last answered an incident: when that was detected.
    pub last_seen: Option<Time>,
    /// Whether it resolves so few that it is to be withdrawn.
    pub withdrawable: bool,
}

/// Who resolved incidents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tiers {
    /// Resolved by rules.
    pub l1: u64,
    /// Resolved by plans.
    pub l2: u64,
    /// Resolved by people.
    pub l3: u64,
    /// Still open.
    pub open: u64,
    /// Ended otherwise: gone by themselves, or given up.
    pub others: u64,
}

/// What evidence teaches about patterns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Library {
    /// The patterns, those with the most occurrences first.
    pub patterns: Vec<Pattern>,
    /// The rules that are patterns, by id.
    pub rules: Vec<LearnedRule>,
    /// Who resolved incidents.
    pub tiers: Tiers,
    /// What language models were asked.
    pub calls: Calls,
    /// By which figures patterns were judged.
    pub figures: Figures,
    /// Whether the whole folder verified.
    pub verified: bool,
    /// Incidents that were left out because something about their evidence is wrong.
    pub excluded: u64,
    /// Incidents left out because the policy or the runbook by which a plan went is not known.
    pub not_judged: u64,
}

impl Library {
    /// The pattern of this id or signature, or of which this is the only beginning of an id; a rule's id stands for its pattern.
    pub fn find(&self, name: &str) -> Vec<&Pattern> {
        let name = name.to_ascii_lowercase();
        let wanted = name.strip_prefix("l1-learned-").unwrap_or(&name);
        let exact = |p: &&Pattern| p.id == wanted || p.signature.to_string() == wanted;
        match self.patterns.iter().find(exact) {
            Some(pattern) => vec![pattern],
            None if wanted.is_empty() => Vec::new(),
            None => self.patterns.iter().filter(|p| p.id.starts_with(wanted)).collect(),
        }
    }

    /// The incidents that no pattern counts, and why, each in words; none where all of them count.
    pub fn left_out(&self) -> Vec<String> {
        let mut told = Vec::new();
        if self.excluded > 0 {
            let many = of(self.excluded, "incident");
            told.push(format!("{many} about whose evidence `writ audit verify` says something bad"));
        }
        if self.not_judged > 0 {
            let many = of(self.not_judged, "incident");
            told.push(format!("{many} of plans under a policy, or with a runbook, that this folder does not have"));
        }
        told
    }

    /// The patterns that wait for somebody to decide.
    pub fn candidates(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter().filter(|pattern| pattern.state == State::Eligible)
    }
}

/// Parts of a thousand, rounded down; 0 of nothing.
pub(super) fn permille(part: u64, of: u64) -> u32 {
    let share = (u128::from(part) * 1000).checked_div(u128::from(of)).unwrap_or(0);
    u32::try_from(share).unwrap_or(u32::MAX)
}
