//! What shows the learning loop: costs that are counted from evidence, savings that rest on it, and reviews of it.

use std::collections::BTreeSet;

use writ_audit::compare::Evidence;
use writ_audit::costs::{Costs, PEOPLE_MICRODOLLARS};
use writ_audit::learn::{Decisions, Figures, Gathering, Library, State};
use writ_audit::report::packet::model::{Block, NotJudged, Packet, Table};
use writ_audit::report::packet::review::{Cadence, review};
use writ_audit::report::packet::span::Span;
use writ_audit::report::packet::walk::walk;
use writ_audit::report::packet::{self, csv, html, packet};
use writ_audit::report::{json, openmetrics};
use writ_evidence::incident::{Drift, ResolutionType, Tier};
use writ_evidence::records::{PlanRecord, SwitchOutcome, Transcript};
use writ_evidence::{IncidentId, Kind, id::Date};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use crate::packet_world::{HOSTILE, evening, half_known};
use crate::world::*;

/// An incident that was healed: what failed, when in minutes, by whom, by which rule, in how many seconds.
struct Healed(&'static str, i64, Tier, Option<&'static str>, i64);

/// What a model was asked, its outcome, and its price.
type Asked = Option<(&'static str, u64)>;

fn live(world: &mut World, Healed(check, minute, tier, rule, seconds): Healed, asked: Asked) {
    let from = morning().plus_millis(minute * MINUTE);
    let end = from.plus_millis(seconds * 1000);
    let event = if check == "file.audit" { HOSTILE.to_owned() } else { "file_drift".to_owned() };
    world.incidents += 1;
    let number = world.incidents;
    let mut incident = world.closing(check, (number, 0), from, end).incident.unwrap();
    (incident.opened_by, incident.event_type) = (None, event.clone());
    let mut draft = world.draft(Kind::IncidentOpened);
    draft.incident = Some(incident);
    draft.affected.systems = vec!["front-desk".into()];
    draft.drift = Some(Drift { before: Some(wrong()), after: None });
    let opened = (number, world.seal(draft, from));
    if let Some((outcome, cost)) = asked {
        let mut draft = world.draft(Kind::Plan);
        draft.plan = Some(PlanRecord {
            incident_id: IncidentId { date: Date::of(from), number },
            planner: "writ-planner".into(),
            runbooks: vec!["RB-FILE-001".into()],
            allowed: true,
            reason: "it restores the file".into(),
            transcript: Some(Transcript {
                model: "a-model".into(),
                prompt: Digest::of(&number.to_be_bytes()),
                asked: HOSTILE.into(),
                answered: HOSTILE.into(),
                outcome: outcome.into(),
                input_tokens: Some(700),
                output_tokens: Some(30),
                cost_microdollars: cost,
                took_ms: 800,
            }),
        });
        // What came of a plan is told by another bundle, with the same transcript: it is one call.
        let told = draft.clone();
        world.seal(draft, from.plus_millis(500));
        world.seal(told, from.plus_millis(600));
    }
    let mut draft = world.closing(check, opened, from, end);
    let execution = draft.execution.as_mut().unwrap();
    execution.tier = Some(tier);
    execution.rule = rule.map(str::to_owned);
    if tier == Tier::L3 {
        execution.resolution_type = ResolutionType::Manual;
    }
    draft.incident.as_mut().unwrap().event_type = event;
    world.seal(draft, end);
}

const LEARNED: &str = "L1-LRN-001";

/// The planner heals two sorts of incidents five times each, people one; then one sort is a rule, which heals three.
pub fn taught() -> World {
    let mut world = World::new();
    world.started(morning());
    for n in 0..5 {
        live(&mut world, Healed("file.tls", 10 * n + 10, Tier::L2, None, 60), Some(("chosen", 1000)));
        live(&mut world, Healed("file.audit", 10 * n + 15, Tier::L2, None, 60), Some(("chosen", 1000)));
    }
    live(&mut world, Healed("file.tls", 70, Tier::L3, None, 600), Some(("timeout", 500)));
    let policy = policy_json(|p| {
        p["rules"][LEARNED] = p["rules"]["L1-FILE-001"].clone();
        p["rules"][LEARNED]["when"]["check"] = "file.tls".into();
        p["rules"][LEARNED]["declared_at"]["file"] = "rules/learned/2026-11-23-L1-LRN-001.nix".into();
    });
    world.release(2, &policy, |_| {});
    let release = world.release.unwrap();
    world.switched(2, SwitchOutcome::AdoptedWithoutClosure, release, morning().plus_millis(90 * MINUTE));
    for n in 0..3 {
        live(&mut world, Healed("file.tls", 10 * n + 100, Tier::L1, Some(LEARNED), 2), None);
    }
    world
}

fn later() -> Time {
    morning().plus_millis(3 * HOUR)
}

/// The evidence of a world, what it teaches, and what it cost.
fn judged<T>(world: &World, then: impl FnOnce(&writ_audit::compare::Comparison, &Library, &Costs) -> T) -> T {
    let archive = world.archive();
    let mut evidence = Evidence::begin(&archive, site());
    let mut gathering = Gathering::of_site(&archive, &site());
    let report = archive.walk(&mut |stored| {
        gathering.take(&stored);
        evidence.take(stored);
    });
    assert!(report.ok, "{:#?}", report.problems);
    let library = gathering.finish(&report, &Figures::default(), &Decisions::default());
    evidence.finish(report);
    let comparison = evidence.over(None, later());
    let costs = Costs::of(&comparison, &evidence);
    then(&comparison, &library, &costs)
}

#[test]
fn calls_are_counted_and_nothing_is_saved_that_evidence_does_not_show() {
    judged(&taught(), |_, library, costs| {
        let [rules, planner, people] = costs.tiers;
        assert_eq!(
            (rules.resolved, rules.mean_millis(), rules.microdollars, rules.each()),
            (3, Some(2000), 0, Some(0))
        );
        assert_eq!((planner.resolved, planner.mean_millis()), (10, Some(60_000)));
        // Ten calls at a thousand, and one that came to nothing: all of it is what the ten cost.
        assert_eq!((planner.microdollars, planner.each()), (10_500, Some(1050)));
        assert_eq!((people.resolved, people.microdollars), (1, PEOPLE_MICRODOLLARS));
        let calls = costs.calls;
        assert_eq!((calls.made, calls.failed, calls.input_tokens, calls.output_tokens), (11, 1, 7700, 330));
        assert_eq!(calls, library.calls, "counted alike");
        assert_eq!(costs.incidents.len(), 11);
        let [rule] = &costs.learned[..] else { panic!("{:?}", costs.learned) };
        let before = rule.before.unwrap();
        assert_eq!((rule.rule.as_str(), rule.tried, rule.resolved), (LEARNED, 3, 3));
        assert_eq!((before.resolved, before.millis, before.microdollars), (5, 300_000, 5000));
        assert_eq!((costs.saved_millis(), costs.saved_microdollars()), (3 * 60_000 - 6000, 3000));
    });
    // The same rule where the planner never did the same: it may have saved something, and nothing shows it.
    let mut world = World::empty();
    let policy = policy_json(|p| {
        p["rules"]["L1-FILE-001"]["declared_at"]["file"] = "rules/learned/2026-11-23-L1-FILE-001.nix".into();
    });
    world.release(1, &policy, |_| {});
    world.started(morning());
    live(&mut world, Healed("file.motd", 10, Tier::L1, Some("L1-FILE-001"), 2), None);
    judged(&world, |_, _, costs| {
        assert_eq!((costs.learned.len(), costs.learned[0].before), (1, None));
        assert_eq!((costs.saved_millis(), costs.saved_microdollars()), (0, 0));
    });
}

/// Why no model was asked is told as well: neither what it cost nor what is learned takes that for a call.
#[test]
fn what_was_not_asked_is_no_call() {
    let mut world = World::new();
    world.started(morning());
    for (minute, came) in [(10, ("no-key", 0)), (20, ("breaker", 0)), (30, ("timeout", 500)), (40, ("chosen", 1000))] {
        live(&mut world, Healed("file.tls", minute, Tier::L2, None, 60), Some(came));
    }
    judged(&world, |_, library, costs| {
        let calls = costs.calls;
        assert_eq!((calls.made, calls.failed, calls.microdollars, costs.incidents.len()), (2, 1, 1500, 2));
        assert_eq!(calls, library.calls, "counted alike");
    });
}

#[test]
fn prometheus_is_given_patterns_shares_and_costs() {
    let text = judged(&taught(), |comparison, library, costs| {
        openmetrics::text(&openmetrics::Figures { comparison, library, costs })
    });
    for line in [
        "writ_tier_share_percent{site=\"clinic-001\",tier=\"L1\"} 21\n",
        "writ_tier_share_percent{site=\"clinic-001\",tier=\"L2\"} 71\n",
        "writ_planner_calls{site=\"clinic-001\",outcome=\"chosen\"} 10\n",
        "writ_planner_calls{site=\"clinic-001\",outcome=\"nothing\"} 1\n",
        "writ_planner_cost_microdollars{site=\"clinic-001\"} 10500\n",
        "writ_learning_patterns{site=\"clinic-001\",state=\"eligible\"} 1\n",
        "writ_learning_patterns{site=\"clinic-001\",state=\"promoted\"} 1\n",
        "writ_learning_patterns{site=\"clinic-001\",state=\"rejected\"} 0\n",
        "writ_learning_candidates_pending{site=\"clinic-001\"} 1\n",
        "writ_learning_any_judged{site=\"clinic-001\"} 1\n",
        ",check=\"file.audit\",runbook=\"RB-FILE-001\"} 100\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let quiet = judged(&World::day(), |comparison, library, costs| {
        openmetrics::text(&openmetrics::Figures { comparison, library, costs })
    });
    assert!(quiet.contains("writ_learning_any_judged{site=\"clinic-001\"} 0\n"), "{quiet}");
    assert!(!quiet.contains("writ_pattern_success_percent"), "of nothing: {quiet}");
}

fn table<'p>(packet: &'p Packet, id: &str) -> &'p Table {
    csv::tables(&packet.sections).find(|table| table.id == id).unwrap_or_else(|| panic!("no table {id}"))
}

/// The cells of a table as programs read them.
fn cells(table: &Table) -> Vec<Vec<String>> {
    table.rows.iter().map(|row| row.cells.iter().map(|cell| cell.value.plain(&[])).collect()).collect()
}

fn figure(packet: &Packet, id: &str) -> Option<u64> {
    packet.figures.iter().find(|figure| figure.id == id).unwrap_or_else(|| panic!("no figure {id}")).value
}

/// A month's packet has what the tiers cost and what was saved, each figure with the bundles that it rests on.
#[test]
fn a_packet_tells_costs_and_savings_with_their_evidence() {
    let world = taught();
    let archive = world.archive();
    let walk = walk(&archive, None, &Decisions::default()).unwrap();
    let month = Span::month("2026-11").unwrap();
    let made = packet(&archive, &walk, &walk.sites[0], packet::Kind::Monthly, &month, later()).packet;
    let known = |id| figure(&made, id);
    assert_eq!((known("model-calls"), known("model-cost")), (Some(11), Some(10_500)));
    assert_eq!((known("time-saved"), known("money-saved")), (Some(174_000), Some(3000)));
    let shown = |id: &str| made.figures.iter().find(|figure| figure.id == id).unwrap().shown.as_str();
    assert_eq!((shown("model-cost"), shown("time-saved")), ("$0.0105", "2 min 54 s"));
    let costs = cells(table(&made, "tier-costs"));
    let told: Vec<&[String]> = costs.iter().map(|row| &row[4..7]).collect();
    assert_eq!(told, [["2000", "0", "0"], ["60000", "10500", "1050"], ["600000", "30000000", "30000000"]]);
    assert!(costs[2][7].contains("figures of our own"), "{costs:?}");
    let set = |id: &str| {
        let figure = made.figures.iter().find(|figure| figure.id == id).unwrap();
        made.sets[figure.rests_on].bundles.len()
    };
    // The first bundle that tells of each call; what opened and closed the three incidents.
    assert_eq!((set("model-calls"), set("money-saved")), (11, 6));
    assert_eq!(cells(table(&made, "model-calls")).len(), 11);
    let saved = &cells(table(&made, "learned-rules"))[0];
    assert_eq!(saved[10..13], ["5000", "174000", "3000"].map(str::to_owned));
    assert_eq!(cells(table(&made, "patterns")).len(), 2);
    // Nothing was asked, learned or saved: a packet says so.
    let quiet = World::day();
    let archive = quiet.archive();
    let walk = writ_audit::report::packet::walk::walk(&archive, None, &Decisions::default()).unwrap();
    let made =
        packet(&archive, &walk, &walk.sites[0], packet::Kind::Monthly, &month, morning().plus_millis(DAY)).packet;
    let page = html::render(&made).unwrap();
    assert!(page.contains("nothing was saved") && page.contains("that cost nothing"), "{page:.200}");
    assert_eq!(figure(&made, "money-saved"), Some(0));
}

/// Each review has its sections, is made the same twice, and what is hostile in it does nothing.
#[test]
fn reviews_hold_what_each_cadence_asks_for() {
    let world = taught();
    let archive = world.archive();
    let walked = walk(&archive, None, &Decisions::default()).unwrap();
    let always = ["summary", "candidates", "promoted", "distribution", "verification"]; // LL-27, LL-29
    let monthly = ["tiers", "rejected", "runbooks"]; // LL-30 to LL-32
    let quarterly = ["savings", "audit", "stale"]; // LL-33 to LL-35
    let cases = [
        (Cadence::Week, Span::week("2026-W48").unwrap(), [&always[..], &[], &[]]),
        (Cadence::Month, Span::month("2026-11").unwrap(), [&always[..], &monthly, &[]]),
        (Cadence::Quarter, Span::quarter("2026-Q4").unwrap(), [&always[..], &monthly, &quarterly]),
    ];
    for (cadence, span, sections) in cases {
        let made = review(&walked, cadence, &span, later());
        let there: BTreeSet<&str> = made.sections.iter().map(|section| section.id).collect();
        assert_eq!(there, sections.into_iter().flatten().copied().collect(), "{cadence:?}");
        assert!(made.sections.iter().all(|section| !section.blocks.is_empty()), "{cadence:?}");
        let known = |id| figure(&made, id);
        assert_eq!((known("candidates"), known("promoted"), known("weak")), (Some(1), Some(1), Some(0)));
        assert_eq!((known("patterns"), known("l1"), known("l2")), (Some(2), Some(21), Some(71)));
        let again = review(&walked, cadence, &span, later());
        assert_eq!(json::render(&made).unwrap(), json::render(&again).unwrap(), "the same bytes");
        let page = html::render(&made).unwrap();
        assert_eq!(page, html::render(&again).unwrap());
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{7}'), "{cadence:?}");
        let candidates = csv::files(&made).into_iter().find(|file| file.name == "candidates.csv").unwrap();
        assert!(candidates.text.contains(",'=cmd|"), "{}", candidates.text);
        let arrived = cells(table(&made, "distribution"));
        assert_eq!(arrived, [["front-desk", "clinic-001", "1-2", "1-2", "yes"].map(str::to_owned)]);
        let warned = made.sections[0].blocks.iter().any(|block| matches!(block, Block::List(list) if list.len() == 2));
        assert!(warned, "too few by rules, too many by the planner: {:?}", made.sections[0]);
    }
    // What was turned down is told as such, and waits no more.
    let id = walked.library.candidates().next().unwrap().id.clone();
    let decisions = Decisions { rejected: BTreeSet::from([id]) };
    let decided = walk(&archive, None, &decisions).unwrap();
    let made = review(&decided, Cadence::Month, &Span::month("2026-11").unwrap(), later());
    assert_eq!((figure(&made, "candidates"), figure(&made, "rejected")), (Some(0), Some(1)));
    assert_eq!(cells(table(&made, "rejected")).len(), 1);
    assert!(decided.library.patterns.iter().any(|pattern| pattern.state == State::Rejected));
    // A quarter in which nothing of it was seen.
    let next = Span::quarter("2027-Q1").unwrap();
    let made = review(&walked, Cadence::Quarter, &next, at("2027-03-01T00:00:00Z"));
    assert_eq!(cells(table(&made, "stale")).len(), 2);
}

/// What an appliance was only given may lie there: nobody knows whether its rules arrived. And whoever was not judged is named.
#[test]
fn a_review_says_what_nobody_knows() {
    let week = Span::week("2026-W48").unwrap();
    let silent = World::new();
    let archive = silent.archive();
    let walked = walk(&archive, None, &Decisions::default()).unwrap();
    let made = review(&walked, Cadence::Week, &week, later());
    let given = "1-1 (given; nothing tells whether it obeys it)";
    let told = cells(table(&made, "distribution"));
    assert_eq!(told, [["front-desk", "clinic-001", given, "1-1", "nobody knows"].map(str::to_owned)]);
    let page = html::render(&made).unwrap();
    assert!(page.contains("Nothing shows that 1 appliance obeys the newest release"), "{page:.4000}");
    assert!(made.not_judged.is_empty(), "{:?}", made.not_judged);

    let half = half_known();
    let archive = half.archive();
    let walked = walk(&archive, None, &Decisions::default()).unwrap();
    let made = review(&walked, Cadence::Week, &week, evening());
    let named: Vec<&str> = made.not_judged.iter().map(|one| one.appliance.as_str()).collect();
    assert_eq!(named, ["back-office"]);
    let banner = NotJudged::banner(&made.not_judged).unwrap();
    assert!(made.sections[0].blocks.contains(&banner), "{:?}", made.sections[0]);
}

/// What patterns leave out is said where they are told, and not only by `writ learn`.
#[test]
fn what_patterns_leave_out_is_said() {
    let world = taught();
    let archive = world.archive();
    let mut walked = walk(&archive, None, &Decisions::default()).unwrap();
    let month = Span::month("2026-11").unwrap();
    let left_out = "2 incidents about whose evidence `writ audit verify` says something bad";
    let says = |packet: &Packet| {
        let texts = packet.sections.iter().flat_map(|section| &section.blocks);
        texts.filter(|block| matches!(block, Block::Text(text) if text.contains(left_out))).count()
    };
    assert_eq!(says(&review(&walked, Cadence::Month, &month, later())), 0);
    walked.library.excluded = 2;
    walked.sites[0].library.excluded = 2;
    assert_eq!(says(&review(&walked, Cadence::Month, &month, later())), 1);
    let made = packet(&archive, &walked, &walked.sites[0], packet::Kind::Monthly, &month, later()).packet;
    assert_eq!(says(&made), 1);
}
