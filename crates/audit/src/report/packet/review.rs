//! The review of what is learned, over all sites of a folder: each week the candidates, each month also the shares of the tiers and
//! what was rejected, each quarter all of it, what it saved, and what may be cleared out.

use std::collections::BTreeMap;

use writ_trust::time::Time;

use super::SCHEMA;
use super::model::{Block, BundleSet, Figure, NotJudged, Packet, Section, Shape, Table, Value, Verified};
use super::model::{maybe, number, percent, text};
use super::sections::{incidents, learning, patterns};
use super::span::Span;
use super::tally::{Tally, tier};
use super::walk::{Walk, Walked};
use crate::compare::Comparison;
use crate::compare::model::IncidentStatus;
use crate::costs::{Calls, Costs, TierCost, is_learned};
use crate::learn::{Library, Pattern, State};
use crate::words::{of, when};

/// Below which share what is learned helps too rarely, in percent (`learning.pattern_success_least_percent`).
pub const SUCCESS_LEAST: u64 = 85;
/// How many candidates may wait (`learning.candidates_most`).
pub const CANDIDATES_MOST: u64 = 20;
/// From how often on a share says something (`learning.occurrences_least`).
const OFTEN: u64 = 5;

/// How often what is learned is reviewed, and so what a review holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cadence {
    /// Candidates, and whether rules arrived.
    Week,
    /// Also the shares of the tiers, what was rejected, and runbooks that help too rarely.
    Month,
    /// Also an audit of all of it, what it saved, and what may be cleared out.
    Quarter,
}

impl Cadence {
    fn title(self) -> &'static str {
        match self {
            Self::Week => "Weekly review of what is learned",
            Self::Month => "Monthly review of what is learned",
            Self::Quarter => "Quarterly review of what is learned",
        }
    }

    /// How `writ report learning` is asked for it.
    pub fn option(self) -> &'static str {
        match self {
            Self::Week => "--week",
            Self::Month => "--month",
            Self::Quarter => "--quarter",
        }
    }
}

/// What a review is made from.
struct Loop<'a> {
    cadence: Cadence,
    sites: Vec<(Comparison, Costs)>,
    library: &'a Library,
    tally: Tally,
    tiers: [TierCost; 3],
    calls: Calls,
}

/// The review of what is learned at the sites of a walk, over a period.
pub fn review(walk: &Walk<'_>, cadence: Cadence, span: &Span, now: Time) -> Packet {
    let period = span.until(now);
    let judged = |walked: &Walked<'_>| {
        let comparison = walked.evidence.over(Some(period), now);
        let costs = Costs::of(&comparison, &walked.evidence);
        (comparison, costs)
    };
    let mut all = Loop {
        cadence,
        sites: walk.sites.iter().map(judged).collect(),
        library: &walk.library,
        tally: Tally::default(),
        tiers: [TierCost::default(); 3],
        calls: Calls::default(),
    };
    for (comparison, costs) in &all.sites {
        all.tally.add(&Tally::of(&comparison.incidents));
        all.tiers.iter_mut().zip(&costs.tiers).for_each(|(sum, more)| sum.add(more));
        all.calls.add(&costs.calls);
    }
    let only = if let [walked] = &walk.sites[..] { Some(walked.site.clone()) } else { None };
    Packet {
        schema: SCHEMA,
        kind: "learning".to_owned(),
        name: format!("learning-{}", span.name),
        title: format!("{}, {}: {}", cadence.title(), span.asked, of(walk.sites.len() as u64, "site")),
        site: only,
        asked: span.asked.clone(),
        period,
        made_at: now,
        verified: Verified::of(&walk.report),
        not_judged: all.not_judged(),
        figures: all.figures(),
        sections: all.sections(walk, span, now),
        sets: vec![BundleSet {
            letter: "A".to_owned(),
            what: "the verified evidence of these sites: `writ learn show` names the bundles of a pattern".to_owned(),
            bundles: Vec::new(),
        }],
        bundles: Vec::new(),
    }
}

impl Loop<'_> {
    fn with(&self, wanted: &[State]) -> Vec<&Pattern> {
        self.library.patterns.iter().filter(|pattern| wanted.contains(&pattern.state)).collect()
    }

    fn not_judged(&self) -> Vec<NotJudged> {
        self.sites.iter().flat_map(|(comparison, _)| NotJudged::of(comparison)).collect()
    }

    /// How many learned rules help too rarely, by what came of them as rules: also those whose patterns no plan here ever showed.
    fn weak(&self) -> u64 {
        self.library.rules.iter().filter(|rule| rule.withdrawable).count() as u64
    }

    /// When a pattern was last seen: once it is a rule, no plan runs for it any more, and what the rule answered counts.
    fn last_seen(&self, pattern: &Pattern) -> Time {
        let rule = self.library.rules.iter().find(|rule| pattern.rule.as_ref() == Some(&rule.rule));
        rule.and_then(|rule| rule.last_seen).map_or(pattern.last_seen, |last| last.max(pattern.last_seen))
    }

    fn figures(&self) -> Vec<Figure> {
        let count = |id, label, n: u64| Figure::new(id, label, "count", Some(n), 0);
        let share = |id, label, n| Figure::new(id, label, "percent", self.tally.tier_percent(n), 0);
        let saved = |of: &dyn Fn(&Costs) -> u64| self.sites.iter().map(|(_, c)| of(c)).fold(0, u64::saturating_add);
        let (time, money) = (saved(&Costs::saved_millis), saved(&Costs::saved_microdollars));
        vec![
            count("candidates", "candidates wait for a decision", self.with(&[State::Eligible]).len() as u64),
            count("promoted", "patterns are rules", self.with(&[State::Promoted, State::Withdrawable]).len() as u64),
            count("weak", "learned rules help too rarely", self.weak()),
            count("rejected", "patterns were rejected", self.with(&[State::Rejected]).len() as u64),
            count("patterns", "patterns in all", self.library.patterns.len() as u64),
            share("l1", "of ended incidents resolved by rules (promised 70 to 80 %)", 0),
            share("l2", "by a planner (promised 15 to 20 %)", 1),
            share("l3", "by people (promised 5 to 10 %)", 2),
            count("model-calls", "calls of a language model", self.calls.made),
            Figure::new("model-cost", "what they cost", "microdollars", Some(self.calls.microdollars), 0),
            Figure::new("time-saved", "saved by learned rules", "milliseconds", Some(time), 0),
            Figure::new("money-saved", "saved by them", "microdollars", Some(money), 0),
        ]
    }

    fn sections(&self, walk: &Walk<'_>, span: &Span, now: Time) -> Vec<Section> {
        let mut sections = vec![self.summary(walk, span, now), self.candidates(), self.promoted(), self.distribution()];
        if self.cadence >= Cadence::Month {
            sections.extend([self.shares(), self.rejected(), self.runbooks()]);
        }
        if self.cadence >= Cadence::Quarter {
            sections.extend([self.saved(), self.audit(), self.stale(span)]);
        }
        sections.push(again(self.cadence, walk, span, now));
        sections
    }

    fn summary(&self, walk: &Walk<'_>, span: &Span, now: Time) -> Section {
        let mut section = Section::new("summary", "Summary");
        let (report, period) = (&walk.report, span.until(now));
        let text = match report.ok {
            true => format!("Verified: {}, all signatures right.", of(report.bundles as u64, "evidence bundle")),
            false => format!(
                "Not verified: {} wrong. What did not verify was not counted.",
                of(report.problems.bad as u64, "thing")
            ),
        };
        section.blocks.push(Block::Banner { text, good: report.ok });
        section.blocks.extend(NotJudged::banner(&self.not_judged()));
        section.say(format!(
            "Patterns are of all verified evidence; shares, times and costs are of {} to {}.",
            when(period.from),
            when(period.to)
        ));
        for what in self.library.left_out() {
            section.say(format!("No pattern counts {what}."));
        }
        section.blocks.push(Block::Figures);
        let warnings = self.warnings();
        if warnings.is_empty() {
            section.say("Nothing here is beyond the figures of the baseline.");
        } else {
            section.blocks.push(Block::List(warnings));
        }
        section
    }

    /// What is beyond the figures that alerts fire on.
    fn warnings(&self) -> Vec<String> {
        let mut told = Vec::new();
        for (n, (name, (low, high))) in incidents::PROMISED.into_iter().enumerate() {
            match self.tally.tier_percent(n) {
                Some(share) if n == 0 && share < low => {
                    told.push(format!("{name}: only {share} % of ended incidents, promised {low} to {high} %."));
                }
                Some(share) if n > 0 && share > high => {
                    told.push(format!("{name}: {share} % of ended incidents, promised {low} to {high} %."));
                }
                _ => {}
            }
        }
        let waiting = self.with(&[State::Eligible]).len() as u64;
        if waiting > CANDIDATES_MOST {
            told.push(format!("{} wait, more than {CANDIDATES_MOST}.", of(waiting, "candidate")));
        }
        let weak = self.weak();
        if weak > 0 {
            told.push(format!(
                "{} resolved less than {SUCCESS_LEAST} % of the incidents answered.",
                of(weak, "learned rule")
            ));
        }
        told
    }

    fn candidates(&self) -> Section {
        let mut section = Section::new("candidates", "Candidates");
        section.say(
            "Patterns that were seen often enough and helped often enough, and about which nobody has decided. Each is promoted by a \
             pull request that adds the rule, or rejected with a reason.",
        );
        let table = patterns::table("candidates", "Candidates, to be decided about", &self.with(&[State::Eligible]));
        section.table(table, "No pattern waits for a decision.");
        if self.cadence >= Cadence::Quarter {
            let pending =
                patterns::table("pending", "Patterns that are not candidates yet", &self.with(&[State::Pending]));
            section.table(pending, "No other pattern is pending.");
        }
        section
    }

    fn promoted(&self) -> Section {
        let mut section = Section::new("promoted", "Promoted patterns");
        let rules = patterns::rules("promoted-rules", &self.library.rules);
        section.table(rules, "The newest releases have no learned rule.");
        let all = self.with(&[State::Withdrawable, State::Promoted]);
        let caption = "The patterns that are rules, and how often their runbooks helped when plans chose them";
        section.table(patterns::table("promoted", caption, &all), "No pattern has been promoted.");
        section
    }

    fn distribution(&self) -> Section {
        let mut section = Section::new("distribution", "Whether rules have arrived");
        let mut table = Table::new(
            "distribution",
            "The release that each appliance obeys, beside the newest that names it",
            &[
                ("Appliance", Shape::Words),
                ("Site", Shape::Words),
                ("Obeys", Shape::Words),
                ("Newest", Shape::Words),
                ("Arrived", Shape::Words),
            ],
        );
        let mut late = 0;
        for (comparison, _) in &self.sites {
            for appliance in &comparison.appliances {
                let newest = appliance.release.is_some() && appliance.release == appliance.newest_release;
                // What it was only given may lie there.
                let arrived = match (appliance.obeyed, newest) {
                    (false, _) => "nobody knows",
                    (true, false) => "no",
                    (true, true) => "yes",
                };
                late += u64::from(!(appliance.obeyed && newest));
                table.row(vec![
                    text(&appliance.appliance),
                    text(&comparison.site),
                    maybe(appliance.release_told()),
                    maybe(appliance.newest_release.as_ref()),
                    text(arrived),
                ]);
            }
        }
        section.table(table, "There is no appliance.");
        section.say(match late {
            0 => "Every appliance obeys the newest release that names it.".to_owned(),
            late => format!(
                "Nothing shows that {} the newest release: `writ doctor` there says why.",
                match late {
                    1 => "1 appliance obeys".to_owned(),
                    more => format!("{more} appliances obey"),
                }
            ),
        });
        section
    }

    fn shares(&self) -> Section {
        let mut section = Section::new("tiers", "Who resolved the incidents");
        incidents::tiers(&self.tally, &|_| None, &mut section);
        learning::tiers(&self.tally, &self.tiers, &mut section);
        section
    }

    fn rejected(&self) -> Section {
        let mut section = Section::new("rejected", "Rejected patterns, to be looked at again");
        let table = patterns::table("rejected", "Rejected patterns", &self.with(&[State::Rejected]));
        section.table(table, "No pattern was rejected.");
        section
    }

    /// How often each runbook helped, whoever chose it; those that help too rarely first.
    fn runbooks(&self) -> Section {
        let mut section = Section::new("runbooks", "Runbooks that help too rarely");
        let mut runbooks: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
        let ended = self.sites.iter().flat_map(|(c, _)| &c.incidents).filter(|i| i.status != IncidentStatus::Open);
        for incident in ended {
            let Some(runbook) = incident.runbook.as_deref() else { continue };
            let (tried, helped) = runbooks.entry((runbook, incident.check.as_str())).or_default();
            *tried += 1;
            *helped += u64::from(matches!(tier(incident), Some(0 | 1)));
        }
        let mut table = Table::new(
            "runbooks",
            "Runbooks after which an incident of the check was resolved without people in too few cases",
            &[
                ("Runbook", Shape::Words),
                ("Check", Shape::Words),
                ("Incidents", Shape::Numbers),
                ("Helped", Shape::Numbers),
                ("Share", Shape::Numbers),
            ],
        );
        for ((runbook, check), (tried, helped)) in runbooks {
            let share = (helped * 100).checked_div(tried);
            if tried >= OFTEN && share.is_some_and(|share| share < SUCCESS_LEAST) {
                table.row(vec![text(runbook), text(check), number(tried), number(helped), percent(share)]);
            }
        }
        section.table(table, "No runbook that was tried often enough to say helps too rarely.");
        section.say(format!("Told from {OFTEN} incidents of the period on, below {SUCCESS_LEAST} %."));
        section
    }

    fn saved(&self) -> Section {
        let mut section = Section::new("savings", "What learned rules saved");
        let nothing = || Value::Nothing.into();
        let rules =
            self.sites.iter().flat_map(|(c, costs)| costs.learned.iter().map(|r| (c.site.as_str(), r, nothing())));
        learning::saved(rules, &mut section);
        section
    }

    fn audit(&self) -> Section {
        let mut section = Section::new("audit", "Audit of the loop");
        let mut table = Table::new(
            "states",
            "Patterns by state",
            &[
                ("State", Shape::Words),
                ("Patterns", Shape::Numbers),
                ("Seen", Shape::Numbers),
                ("Helped", Shape::Numbers),
            ],
        );
        for state in [State::Pending, State::Eligible, State::Promoted, State::Withdrawable, State::Rejected] {
            let of_state = self.with(&[state]);
            let sum = |of: &dyn Fn(&Pattern) -> u64| of_state.iter().map(|p| of(p)).fold(0, u64::saturating_add);
            let (seen, helped) = (sum(&|p| p.occurrences), sum(&|p| p.successes));
            table.row(vec![text(patterns::state(state)), number(of_state.len() as u64), number(seen), number(helped)]);
        }
        section.table(table, "");
        let mut rules = Table::new(
            "learned-rules-tried",
            "Learned rules that answered an incident of the period, each with where it was signed from",
            &[("Rule", Shape::Words), ("Site", Shape::Words), ("Declared", Shape::Code), ("Incidents", Shape::Numbers)],
        );
        let mut answered: BTreeMap<(&str, &str, String), u64> = BTreeMap::new();
        for (comparison, _) in &self.sites {
            for incident in &comparison.incidents {
                let Some(rule) = incident.rule.as_deref() else { continue };
                let at = incident.rule_declared_at.as_ref();
                if is_learned(rule, at) {
                    let at = at.map(ToString::to_string).unwrap_or_default();
                    *answered.entry((rule, comparison.site.as_str(), at)).or_default() += 1;
                }
            }
        }
        for ((rule, site, at), incidents) in answered {
            rules.row(vec![text(rule), text(site), text(at), number(incidents)]);
        }
        section.table(rules, "No learned rule answered an incident in this period.");
        section.say(format!(
            "Of {} of a language model in the period {} came to nothing: then the planner chose by what had helped before.",
            of(self.calls.made, "call"),
            self.calls.failed
        ));
        section
    }

    /// What was not seen in the whole period, nor answered by the rule that it is.
    fn stale(&self, span: &Span) -> Section {
        let mut section = Section::new("stale", "Patterns that may be cleared out");
        let old = |pattern: &&&Pattern| self.last_seen(pattern) < span.period.from;
        let undecided =
            self.with(&[State::Pending, State::Eligible, State::Rejected, State::Promoted, State::Withdrawable]);
        let stale: Vec<&Pattern> = undecided.iter().filter(old).copied().collect();
        let caption = "Patterns that were not seen in the period: a rule of one that comes no more may be taken out";
        section.table(patterns::table("stale", caption, &stale), "Every pattern was seen in the period.");
        section
    }
}

/// How the same review is made again.
fn again(cadence: Cadence, walk: &Walk<'_>, span: &Span, now: Time) -> Section {
    let mut section = Section::new("verification", "How to verify this review");
    section.say("The same folder gives this same review, byte for byte:");
    let site = match &walk.sites[..] {
        [walked] => format!(" --site {}", walked.site),
        _ => String::new(),
    };
    section.blocks.push(Block::Code(format!(
        "writ audit verify AUDIT-FOLDER --trust trust-root-you-were-given.json\n\
         writ report learning AUDIT-FOLDER --trust trust-root-you-were-given.json{site} {} {} \\\n  --now {now} --out NEW-FOLDER",
        cadence.option(),
        span.asked
    )));
    section
}
