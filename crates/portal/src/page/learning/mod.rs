//! `GET /learning`: what was learned of incidents, how well it helps, and what waits for somebody.

pub mod candidates;
pub mod status;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use writ_audit::learn::{Pattern, State as Come};
use writ_audit::words::{dollars, lasting_millis, of, thousands, when};

use super::shape::{Answer, basis_of_all};
use crate::access::users::User;
use crate::address;
use crate::documents::Document;
use crate::fault::Fault;
use crate::html::{Block, Card, Line, Page, Shown, Table, cell, number};
use crate::portal::Portal;
use crate::read::learned::Together;

/// How many patterns one part shows.
const EACH: usize = 30;
/// What is promised of the shares of the tiers, in percent.
pub const PROMISED: [(&str, &str, u64, u64); 3] =
    [("L1", "rules", 70, 80), ("L2", "a planner", 15, 20), ("L3", "people", 5, 10)];
/// More candidates than this should not wait.
pub const CANDIDATES_MOST: u64 = 20;
/// The most names of one cell.
const NAMED: usize = 4;
/// The longest name, and the longest condition, in characters: a page stays a page.
const NAME: usize = 60;
const CONDITION: usize = 100;

/// What the sites teach that somebody may see, added up on a thread that may take its time.
async fn together(portal: &Arc<Portal>, who: &Arc<User>) -> Result<Arc<Together>, Fault> {
    let (fleet, who) = (portal.held.fleet(), who.clone());
    let adding = tokio::task::spawn_blocking(move || fleet.together(&who));
    adding.await.map_err(|_| Fault::Broken("what was learned could not be added up".to_owned()))
}

pub async fn get(State(portal): State<Arc<Portal>>, Extension(who): Extension<Arc<User>>, uri: Uri) -> Answer {
    let part = address::part(&uri)?;
    let learned = together(&portal, &who).await?;
    let shown = Shown::of(part, learned.patterns.len(), EACH)?;
    let fleet = portal.held.fleet();
    let sites = fleet.worst_first(&who);
    let mut page = Page::new("Learning").resting_on(basis_of_all(sites.iter().map(|one| &***one)));
    if shown.part == 1 {
        summary(&mut page, &learned);
    }
    page.heading("Patterns");
    page.say(
        "How incidents of one sort went after one runbook that no rule had chosen, in all verified evidence. What needs somebody stands \
         first. Nothing becomes a rule here: a pattern is promoted by a pull request that is merged and signed.",
    );
    if learned.patterns.is_empty() {
        page.say("There is none: no planner has chosen a runbook yet, or nothing of it verified.");
    }
    patterns(&mut page, shown.slice(&learned.patterns), &learned);
    page.parts("/learning", &shown);
    if shown.part == 1 {
        let programs = Line::of("For programs: ").link("/learning/status", "how it stands").text(", ");
        page.add(Block::Paragraph(programs.link("/learning/candidates", "candidates").text(".")));
        if Document::find("learning").is_some() {
            let words = Line::of("How patterns are decided about: ").link("/procedures/learning", "the learning loop");
            page.add(Block::Paragraph(words.text(".")));
        }
    }
    page.answer(Some(&who))
}

/// Shares, costs, and what is beyond the figures of the baseline.
fn summary(page: &mut Page, learned: &Together) {
    let waiting = learned.with(Come::Eligible);
    let mut cards: Vec<Card> = Vec::new();
    for (n, (tier, by, low, high)) in PROMISED.into_iter().enumerate() {
        let share = learned.tally.tier_percent(n);
        let figure = share.map_or_else(|| "–".to_owned(), |share| format!("{share}\u{a0}%"));
        cards.push(Card { figure, what: format!("resolved by {by} ({tier}; promised {low} to {high}\u{a0}%)") });
    }
    let mut card = |figure: String, what: &str| cards.push(Card { figure, what: what.to_owned() });
    card(thousands(waiting), "candidates wait for a decision");
    card(thousands(learned.with(Come::Promoted) + learned.with(Come::Withdrawable)), "patterns are rules");
    card(lasting_millis(learned.saved_millis), "saved by learned rules in the period");
    card(dollars(learned.saved_microdollars), "not spent on calls because of them");
    page.add(Block::Cards(cards));
    for warning in warnings(learned) {
        page.add(Block::Banner("note", Line::of(warning)));
    }
    tiers(page, learned);
}

/// What alerts would fire on, in words.
pub fn warnings(learned: &Together) -> Vec<String> {
    let mut told = Vec::new();
    for (n, (tier, by, low, high)) in PROMISED.into_iter().enumerate() {
        match learned.tally.tier_percent(n) {
            Some(share) if n == 0 && share < low => {
                told.push(format!("{tier}, {by}: only {share} % of ended incidents, promised {low} to {high} %."));
            }
            Some(share) if n > 0 && share > high => {
                told.push(format!("{tier}, {by}: {share} % of ended incidents, promised {low} to {high} %."));
            }
            _ => {}
        }
    }
    let waiting = learned.with(Come::Eligible);
    if waiting > CANDIDATES_MOST {
        told.push(format!("{} wait, more than {CANDIDATES_MOST}: review them.", of(waiting, "candidate")));
    }
    let weak = learned.with(Come::Withdrawable);
    if weak > 0 {
        told.push(format!(
            "{} of learned rules too rarely: mend the runbook, or take the rule out.",
            match weak {
                1 => "1 helps".to_owned(),
                more => format!("{} help", thousands(more)),
            }
        ));
    }
    told
}

fn tiers(page: &mut Page, learned: &Together) {
    let columns =
        ["Tier", "#Resolved", "#Share", "Promised", "Mean time", "#Cost in all", "#Cost of one", "How it is known"];
    let mut table = Table::new("What each tier took and cost in the period", &columns);
    let known = [
        "a rule costs nothing, by the baseline",
        "counted: every call that evidence tells of",
        "reckoned with figures of our own: half an hour of a technician, at $60 an hour",
    ];
    for (n, ((tier, by, low, high), (cost, known))) in
        PROMISED.into_iter().zip(learned.tiers.iter().zip(known)).enumerate()
    {
        let share = learned.tally.tier_percent(n).map_or_else(|| "–".to_owned(), |share| format!("{share}\u{a0}%"));
        table.row(vec![
            cell(format!("{tier}, {by}")),
            number(thousands(cost.resolved)),
            number(share),
            cell(format!("{low} to {high}\u{a0}%")),
            cell(cost.mean_millis().map_or_else(|| "–".to_owned(), lasting_millis)),
            number(dollars(cost.microdollars)),
            number(cost.each().map_or_else(|| "–".to_owned(), dollars)),
            cell(known),
        ]);
    }
    page.heading("Tiers").add(Block::Table(table));
    page.say(format!(
        "A language model was asked {}, of which {} came to nothing; that cost {}. Time saved is what learned rules' incidents would have \
         taken at the mean of those that the planner resolved before, less what they took; without such incidents in the evidence of the \
         site nothing is said to be saved.",
        of(learned.calls.made, "time"),
        thousands(learned.calls.failed),
        dollars(learned.calls.microdollars)
    ));
}

/// A heading, what it means, and what is to be done.
fn words(state: Come) -> (&'static str, &'static str) {
    match state {
        Come::Withdrawable => (
            "To be withdrawn",
            "These are rules that resolve too few of the incidents that they answer. Mend the runbook, or take the rule out.",
        ),
        Come::Eligible => (
            "Candidates",
            "Seen often enough, and helped often enough. Look at the incidents (`writ learn show`), then promote or reject it.",
        ),
        Come::Promoted => ("Promoted", "These are rules now, with how often they helped since."),
        Come::Rejected => ("Rejected", "Somebody turned these down. Look at them again each month."),
        Come::Pending => ("Pending", "Not seen often enough yet, or did not help often enough."),
    }
}

/// What to type about a pattern.
fn next(pattern: &Pattern) -> Line {
    match pattern.state {
        Come::Eligible => Line::default().code(format!("writ learn promote {}", pattern.id)),
        Come::Withdrawable => Line::default().pill("bad", "review"),
        Come::Promoted | Come::Rejected | Come::Pending => Line::of("nothing"),
    }
}

/// Patterns in the order in which they come, those of one state in a table of their own.
fn patterns(page: &mut Page, all: &[Pattern], learned: &Together) {
    for of_state in all.chunk_by(|one, other| one.state == other.state) {
        let Some(first) = of_state.first() else { continue };
        let (heading, means) = words(first.state);
        page.minor(heading).say(means);
        let is_rule = matches!(first.state, Come::Promoted | Come::Withdrawable);
        let mut columns =
            vec!["Pattern", "Check", "Runbook", "When", "#Seen", "#Helped", "Share", "Mean time", "Last seen", "Sites"];
        columns.push(if is_rule { "As a rule" } else { "Next" });
        let mut table = Table::new(format!("{heading}: {}", of(learned.with(first.state), "pattern")), &columns);
        for pattern in of_state {
            let as_rule = || {
                let rule = pattern.rule.as_ref().and_then(|rule| learned.rules.get(rule))?;
                Some(Line::of(format!("{} of {}", thousands(rule.resolved), thousands(rule.tried))))
            };
            let last = if is_rule { as_rule().unwrap_or_else(|| Line::of("–")) } else { next(pattern) };
            table.row(vec![
                Line::default().code(brief(&pattern.id, NAME)).into(),
                cell(brief(&pattern.check, NAME)),
                cell(brief(&pattern.runbook, NAME)),
                cell(condition(pattern)),
                number(thousands(pattern.occurrences)),
                number(thousands(pattern.successes)),
                cell(format!("{}.{}\u{a0}%", pattern.success_permille / 10, pattern.success_permille % 10)),
                cell(if pattern.successes > 0 { lasting_millis(pattern.mean_ms) } else { "–".to_owned() }),
                cell(when(pattern.last_seen)),
                cell(some(&pattern.sites)),
                last.into(),
            ]);
        }
        page.add(Block::Table(table));
    }
}

/// What has to be so for it.
fn condition(pattern: &Pattern) -> String {
    let terms: Vec<String> = pattern.conditions.iter().map(|term| writ_audit::learn::in_words(term)).collect();
    match terms.is_empty() {
        true => brief(&pattern.incident_type, CONDITION),
        false => brief(&format!("not {}", terms.join(", not ")), CONDITION),
    }
}

/// The beginning of a text.
fn brief(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Some names, and how many more there are.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).map(|name| brief(name, NAME)).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
