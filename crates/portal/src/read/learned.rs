//! What sites teach: patterns of each, and those of several together, made once for each set of sites and kept until something changes.

use std::collections::{BTreeMap, BTreeSet};

use writ_audit::compare::Comparison;
use writ_audit::compare::Evidence;
use writ_audit::costs::{Calls, Costs, TierCost};
use writ_audit::learn::{Figures, LearnedRule, Library, MAX_BUNDLES, Pattern, State};
use writ_audit::report::packet::tally::Tally;
use writ_trust::digest::Digest;

/// The most patterns of one site, and of all together: what is seen most counts.
pub const PATTERNS: usize = 1000;

/// What one site teaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    /// Its patterns, out of all of its evidence.
    pub patterns: Vec<Pattern>,
    /// Its rules that were patterns.
    pub rules: Vec<LearnedRule>,
    /// Its incidents of the period in sums.
    pub tally: Tally,
    /// What the tiers took and cost in the period.
    pub tiers: [TierCost; 3],
    /// What language models were asked in the period.
    pub calls: Calls,
    /// What learned rules saved in the period, in milliseconds.
    pub saved_millis: u64,
    /// The same in millionths of a US dollar.
    pub saved_microdollars: u64,
}

impl Learned {
    /// That of a site: patterns of everything that verified, and what its comparison comes to.
    pub fn of(library: Library, comparison: &Comparison, evidence: &Evidence<'_>) -> Self {
        let costs = Costs::of(comparison, evidence);
        let (mut patterns, mut rules) = (library.patterns, library.rules);
        patterns.truncate(PATTERNS);
        rules.truncate(PATTERNS);
        Self {
            patterns,
            rules,
            tally: Tally::of(&comparison.incidents),
            tiers: costs.tiers,
            calls: costs.calls,
            saved_millis: costs.saved_millis(),
            saved_microdollars: costs.saved_microdollars(),
        }
    }
}

/// What several sites teach together.
#[derive(Debug, Default)]
pub struct Together {
    /// The patterns, those that need somebody first.
    pub patterns: Vec<Pattern>,
    /// The rules that were patterns, by id.
    pub rules: BTreeMap<String, LearnedRule>,
    /// Their incidents in sums.
    pub tally: Tally,
    /// What the tiers took and cost.
    pub tiers: [TierCost; 3],
    /// What language models were asked.
    pub calls: Calls,
    /// What learned rules saved, in milliseconds.
    pub saved_millis: u64,
    /// The same in millionths of a US dollar.
    pub saved_microdollars: u64,
}

impl Together {
    /// The sum of sites. An incident that comes on many appliances, once on each, is a pattern here.
    pub fn of<'l>(sites: impl IntoIterator<Item = &'l Learned>) -> Self {
        let mut all = Self::default();
        let mut patterns: BTreeMap<Digest, Sum<'l>> = BTreeMap::new();
        for site in sites {
            all.add(site);
            for pattern in &site.patterns {
                patterns
                    .entry(pattern.signature)
                    .and_modify(|sum| sum.add(pattern))
                    .or_insert_with(|| Sum::of(pattern));
            }
        }
        let mut patterns: Vec<Pattern> = patterns.into_values().map(Sum::finish).collect();
        for pattern in &mut patterns {
            pattern.state = state(pattern, &all.rules);
        }
        patterns.sort_by_cached_key(|one| (rank(one.state), std::cmp::Reverse(one.occurrences), one.signature));
        patterns.truncate(PATTERNS);
        all.patterns = patterns;
        all
    }

    fn add(&mut self, site: &Learned) {
        self.tally.add(&site.tally);
        self.tiers.iter_mut().zip(&site.tiers).for_each(|(sum, more)| sum.add(more));
        self.calls.add(&site.calls);
        self.saved_millis = self.saved_millis.saturating_add(site.saved_millis);
        self.saved_microdollars = self.saved_microdollars.saturating_add(site.saved_microdollars);
        for rule in &site.rules {
            let add = |sum: &mut LearnedRule| {
                sum.tried = sum.tried.saturating_add(rule.tried);
                sum.resolved = sum.resolved.saturating_add(rule.resolved);
                sum.success_permille = permille(sum.resolved, sum.tried);
                sum.last_seen = sum.last_seen.max(rule.last_seen);
                sum.withdrawable = Figures::default().withdraws(sum.resolved, sum.tried);
            };
            self.rules.entry(rule.rule.clone()).and_modify(add).or_insert_with(|| rule.clone());
        }
    }

    /// How many patterns have a state.
    pub fn with(&self, state: State) -> u64 {
        self.patterns.iter().filter(|pattern| pattern.state == state).count() as u64
    }

    /// The patterns that wait for somebody to decide.
    pub fn candidates(&self) -> Vec<&Pattern> {
        self.patterns.iter().filter(|pattern| pattern.state == State::Eligible).collect()
    }
}

/// What needs somebody, first; what needs nobody yet, last.
fn rank(state: State) -> u8 {
    match state {
        State::Withdrawable => 0,
        State::Eligible => 1,
        State::Promoted => 2,
        State::Rejected => 3,
        State::Pending => 4,
    }
}

/// Parts of a thousand, rounded down; 0 of nothing.
fn permille(part: u64, of: u64) -> u32 {
    let share = (u128::from(part) * 1000).checked_div(u128::from(of)).unwrap_or(0);
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// A pattern as it grows, site by site. Names are made into lists once at the end: to sort all of them again with each site would take
/// the square of the sites.
struct Sum<'l> {
    pattern: Pattern,
    sites: BTreeSet<&'l str>,
    appliances: BTreeSet<&'l str>,
    bundles: BTreeSet<&'l str>,
}

impl<'l> Sum<'l> {
    /// What the first site saw of it.
    fn of(first: &'l Pattern) -> Self {
        let (sites, appliances, bundles) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut sum = Self { pattern: first.clone(), sites, appliances, bundles };
        sum.names(first);
        sum
    }

    /// Adds what another site saw of the same pattern.
    fn add(&mut self, more: &'l Pattern) {
        self.names(more);
        let sum = &mut self.pattern;
        let millis = |one: &Pattern| u128::from(one.mean_ms) * u128::from(one.successes);
        let all = millis(sum).saturating_add(millis(more));
        sum.occurrences = sum.occurrences.saturating_add(more.occurrences);
        sum.successes = sum.successes.saturating_add(more.successes);
        sum.failures = sum.failures.saturating_add(more.failures);
        sum.success_permille = permille(sum.successes, sum.occurrences);
        sum.mean_ms = u64::try_from(all.checked_div(u128::from(sum.successes)).unwrap_or(0)).unwrap_or(u64::MAX);
        sum.first_seen = sum.first_seen.min(more.first_seen);
        sum.last_seen = sum.last_seen.max(more.last_seen);
        sum.shares.extend(more.shares.iter().cloned());
        if sum.rule.is_none() {
            sum.rule.clone_from(&more.rule);
        }
        // Which of the two is told anew, once all were added; that somebody turned it down counts everywhere.
        if more.state == State::Rejected {
            sum.state = State::Rejected;
        }
    }

    fn names(&mut self, of: &'l Pattern) {
        self.sites.extend(of.sites.iter().map(String::as_str));
        self.appliances.extend(of.appliances.iter().map(String::as_str));
        self.bundles.extend(of.bundles.iter().map(String::as_str));
        while self.bundles.len() > MAX_BUNDLES {
            self.bundles.pop_last();
        }
    }

    fn finish(self) -> Pattern {
        let list = |names: BTreeSet<&str>| -> Vec<String> { names.into_iter().map(str::to_owned).collect() };
        Pattern {
            sites: list(self.sites),
            appliances: list(self.appliances),
            bundles: list(self.bundles),
            ..self.pattern
        }
    }
}

/// How far a pattern of several sites has come.
fn state(pattern: &Pattern, rules: &BTreeMap<String, LearnedRule>) -> State {
    let figures = Figures::default();
    match (&pattern.rule, pattern.state) {
        (_, State::Rejected) => State::Rejected,
        (Some(rule), _) if rules.get(rule).is_some_and(|rule| figures.withdraws(rule.resolved, rule.tried)) => {
            State::Withdrawable
        }
        (Some(_), _) => State::Promoted,
        (None, _) if figures.suffices(pattern.successes, pattern.occurrences) => State::Eligible,
        (None, _) => State::Pending,
    }
}
