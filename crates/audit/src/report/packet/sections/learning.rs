//! What each tier took and cost, what was asked of a language model, what learned rules saved, and which patterns there are.

use super::super::model::{Cell, Section, Shape, Table, microdollars, millis, number, percent, text};
use super::super::site::Site;
use super::super::tally::Tally;
use super::incidents::PROMISED;
use super::patterns;
use crate::costs::{HOUR_MICRODOLLARS, IncidentCost, PLANNER_MICRODOLLARS, RuleCost, TECHNICIAN_SECONDS, TierCost};
use crate::words::{dollars, lasting, lasting_millis, of};

/// The most patterns that the table names: how many there are depends on what appliances report.
const PATTERNS: usize = 200;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("learning", "Learning and costs");
    tiers(&site.tally, &site.costs.tiers, &mut section);
    section.heading("What a language model was asked");
    let calls = site.costs.incidents.iter().map(|one| (one, site.evidence(&one.evidence)));
    asked(calls, &mut section);
    section.heading("What learned rules saved");
    let rules = site.costs.learned.iter().map(|rule| (site.id.as_str(), rule, site.evidence(&rule.evidence)));
    saved(rules, &mut section);
    section.heading("How learned rules do");
    let rules = patterns::rules("learned-rules-success", &site.library.rules);
    section.table(rules, "The newest release of the site has no learned rule.");
    section.heading("Patterns");
    section.say(
        "How incidents of one sort went after one runbook that no rule had chosen, in all verified evidence of the site. `writ report \
         learning` reviews them over all sites, and `writ learn` decides about them.",
    );
    for what in site.library.left_out() {
        section.say(format!("Not counted here: {what}."));
    }
    let all: Vec<_> = site.library.patterns.iter().take(PATTERNS).collect();
    section.table(patterns::table("patterns", "Patterns of this site", &all), "There is none.");
    let more = site.library.patterns.len().saturating_sub(PATTERNS) as u64;
    if more > 0 {
        section.say(format!(
            "Left out: {}, seen less often. `writ learn status --json` has all.",
            of(more, "more pattern")
        ));
    }
    section
}

/// What each tier resolved, how fast, and at what cost.
pub fn tiers(tally: &Tally, costs: &[TierCost; 3], section: &mut Section) {
    section.heading("What each tier took and cost");
    let mut table = Table::new(
        "tier-costs",
        "Incidents by who resolved them: how long they took, and what they cost",
        &[
            ("Tier", Shape::Words),
            ("Resolved", Shape::Numbers),
            ("Share", Shape::Numbers),
            ("Promised, percent", Shape::Words),
            ("Mean time", Shape::Numbers),
            ("Cost in all", Shape::Numbers),
            ("Cost of one", Shape::Numbers),
            ("How it is known", Shape::Words),
        ],
    );
    let known = [
        "by the baseline, a rule costs nothing".to_owned(),
        format!(
            "counted: every call that the evidence tells of, also those that came to nothing; promised about {}",
            dollars(PLANNER_MICRODOLLARS)
        ),
        format!(
            "reckoned: {} of a technician for each, at {} an hour; both are figures of our own",
            lasting(TECHNICIAN_SECONDS),
            dollars(HOUR_MICRODOLLARS)
        ),
    ];
    for (n, ((name, (low, high)), (cost, known))) in PROMISED.into_iter().zip(costs.iter().zip(known)).enumerate() {
        table.row(vec![
            text(name),
            number(cost.resolved),
            percent(tally.tier_percent(n)),
            text(format!("{low} to {high}")),
            millis(cost.mean_millis()),
            microdollars(Some(cost.microdollars)),
            microdollars(cost.each()),
            text(known),
        ]);
    }
    section.table(table, "");
    section.say(
        "A mean time is from detection to the end of the incidents that the tier resolved. Cost of one is cost in all divided by what was \
         resolved, rounded up. How long a technician really worked no evidence tells.",
    );
}

/// The calls of a language model, incident by incident.
pub fn asked<'c>(all: impl Iterator<Item = (&'c IncidentCost, Cell)>, section: &mut Section) {
    let mut table = Table::new(
        "model-calls",
        "What was asked of a language model for each incident, and what it cost by the price in the signed policy",
        &[
            ("Incident", Shape::Words),
            ("Appliance", Shape::Words),
            ("Calls", Shape::Numbers),
            ("Came to nothing", Shape::Numbers),
            ("Tokens asked", Shape::Numbers),
            ("Tokens answered", Shape::Numbers),
            ("Cost", Shape::Numbers),
            ("Evidence", Shape::Words),
        ],
    );
    for (one, evidence) in all {
        table.row(vec![
            text(one.incident_id).to(format!("i-{}-{}", one.appliance, one.incident_id)),
            text(&one.appliance),
            number(one.calls.made),
            number(one.calls.failed),
            number(one.calls.input_tokens),
            number(one.calls.output_tokens),
            microdollars(Some(one.calls.microdollars)),
            evidence,
        ]);
    }
    section.table(table, "No language model was asked anything in this period: that cost nothing.");
}

/// What learned rules did, and what that saved by the evidence.
pub fn saved<'r>(all: impl Iterator<Item = (&'r str, &'r RuleCost, Cell)>, section: &mut Section) {
    let mut table = Table::new(
        "learned-rules",
        "Learned rules, held against the incidents of the same check that the planner resolved by the same runbook",
        &[
            ("Rule", Shape::Words),
            ("Site", Shape::Words),
            ("Check", Shape::Words),
            ("Runbook", Shape::Words),
            ("Tried", Shape::Numbers),
            ("Resolved", Shape::Numbers),
            ("Share", Shape::Numbers),
            ("Mean time", Shape::Numbers),
            ("By the planner before", Shape::Numbers),
            ("Their mean time", Shape::Numbers),
            ("Their cost", Shape::Numbers),
            ("Time saved", Shape::Numbers),
            ("Money saved", Shape::Numbers),
            ("Evidence", Shape::Words),
        ],
    );
    let (mut time, mut money, mut without) = (0_u64, 0_u64, 0_u64);
    for (site, rule, evidence) in all {
        time = time.saturating_add(rule.saved_millis());
        money = money.saturating_add(rule.saved_microdollars());
        without += u64::from(rule.before.is_none());
        let known = rule.before.map(|_| ());
        table.row(vec![
            text(&rule.rule),
            text(site),
            text(&rule.check),
            text(&rule.runbook),
            number(rule.tried),
            number(rule.resolved),
            percent(rule.percent()),
            millis(rule.millis.checked_div(rule.resolved)),
            number(rule.before.map_or(0, |before| before.resolved)),
            millis(rule.before.and_then(|before| before.millis.checked_div(before.resolved))),
            microdollars(rule.before.map(|before| before.microdollars)),
            millis(known.map(|()| rule.saved_millis())),
            microdollars(known.map(|()| rule.saved_microdollars())),
            evidence,
        ]);
    }
    if table.rows.is_empty() {
        section.say("No incident of this period ended with a learned rule: nothing was saved.");
        return;
    }
    section.table(table, "");
    section.say(format!("Saved in all: {} and {}.", lasting_millis(time), dollars(money)));
    section.say(
        "Here a rule counts as tried where nothing ran after it. How learned rules do also where a plan came to the rescue, `writ \
         learn status` tells, over all verified evidence.",
    );
    section.say(
        "Time saved is what the resolved incidents would have taken at the planner's mean, less what they took. Money saved is what calls \
         for them would have cost at the mean of before. What people would have needed instead is not claimed.",
    );
    if without > 0 {
        section.say(format!(
            "Of {} the evidence of the site has no incident to hold it against: nothing is said to be saved by it.",
            of(without, "rule")
        ));
    }
}
