//! One page over all sites: sums, and how each site does, leading to the site's own packet.

use writ_trust::time::Time;

use super::model::{Block, BundleSet, Figure, NotJudged, Packet, Section, Shape, Table, Value, Verified};
use super::model::{number, percent, seconds, text};
use super::sections::{incidents, learning};
use super::span::Span;
use super::tally::Tally;
use super::{Kind, Made, SCHEMA};
use crate::compare::model::Score;
use crate::costs::{Calls, TierCost};
use crate::verify::VerifyReport;
use crate::words::{of, when};

/// A site of a fleet.
pub struct Part<'a> {
    /// Its packet.
    pub made: &'a Made,
    /// Where its page is, beside the fleet's.
    pub page: String,
}

/// The packet of a fleet: none of its figures is of any bundle but by way of the packets of the sites.
pub fn packet(parts: &[Part<'_>], report: &VerifyReport, kind: Kind, span: &Span, now: Time) -> Packet {
    let mut tally = Tally::default();
    let (mut tiers_cost, mut calls) = ([TierCost::default(); 3], Calls::default());
    let (mut score, mut without, mut bytes) = (Score::default(), Score::default(), 0_u64);
    for part in parts {
        tally.add(&part.made.tally);
        let costs = &part.made.costs;
        tiers_cost.iter_mut().zip(&costs.tiers).for_each(|(sum, more)| sum.add(more));
        calls.add(&costs.calls);
        (score.met, score.of) = (score.met + part.made.score.met, score.of + part.made.score.of);
        let own = &part.made.score_without_exceptions;
        (without.met, without.of) = (without.met + own.met, without.of + own.of);
        bytes = bytes.saturating_add(part.made.bytes);
    }
    let not_judged: Vec<NotJudged> = parts.iter().flat_map(|part| &part.made.packet.not_judged).cloned().collect();
    let count = |id, label, n: u64| Figure::new(id, label, "count", Some(n), 0);
    let share = |id, label, n| Figure::new(id, label, "percent", n, 0);
    let money = |id, label, n: u64| Figure::new(id, label, "microdollars", Some(n), 0);
    let saved = |of: &dyn Fn(&Made) -> u64| parts.iter().map(|part| of(part.made)).fold(0, u64::saturating_add);
    let written = |part: &Part<'_>| figure(part, "bundles").unwrap_or(0);
    let figures = vec![
        count("sites", "sites", parts.len() as u64),
        share("posture", "controls shown or excepted, of those that machines decide", score.percent()),
        share("posture-without-exceptions", "controls shown, exceptions not counted", without.percent()),
        count("incidents", "incidents in all", tally.all),
        count("automatic", "incidents resolved without people", tally.automatic),
        count("people", "incidents that needed people", tally.people),
        count("open", "incidents open at the end", tally.open),
        Figure::new("mttr", "mean time to repair", "seconds", tally.mttr(), 0),
        share("sla", "of incidents kept the time that their site allows itself", tally.in_time_percent()),
        share("l1", "of ended incidents resolved by rules (promised 70 to 80 %)", tally.tier_percent(0)),
        share("l2", "by a planner (promised 15 to 20 %)", tally.tier_percent(1)),
        share("l3", "by people (promised 5 to 10 %)", tally.tier_percent(2)),
        count("model-calls", "calls of a language model", calls.made),
        money("model-cost", "what they cost", calls.microdollars),
        Figure::new(
            "time-saved",
            "saved by learned rules",
            "milliseconds",
            Some(saved(&|made| made.costs.saved_millis())),
            0,
        ),
        money("money-saved", "saved by them", saved(&|made| made.costs.saved_microdollars())),
        count("bundles", "evidence bundles written", parts.iter().map(written).sum()),
        Figure::new("bytes", "of evidence, with signatures", "bytes", Some(bytes), 0),
    ];
    let sections =
        vec![summary(report, &not_judged, span, now), sites(parts), tiers(&tally), costs(&tally, &tiers_cost, parts)];
    Packet {
        schema: SCHEMA,
        kind: "fleet".to_owned(),
        name: format!("fleet-{}", span.name),
        title: format!("{}, {}: {}", kind.title(), span.asked, of(parts.len() as u64, "site")),
        site: None,
        asked: span.asked.clone(),
        period: span.until(now),
        made_at: now,
        verified: Verified::of(report),
        not_judged,
        figures,
        sections,
        sets: vec![BundleSet {
            letter: "A".to_owned(),
            what: "what the packets of the sites rest on: each lists its own".to_owned(),
            bundles: Vec::new(),
        }],
        bundles: Vec::new(),
    }
}

fn figure(part: &Part<'_>, id: &str) -> Option<u64> {
    part.made.packet.figures.iter().find(|figure| figure.id == id)?.value
}

fn summary(report: &VerifyReport, not_judged: &[NotJudged], span: &Span, now: Time) -> Section {
    let mut section = Section::new("summary", "Summary");
    let good = report.ok;
    let text = match report.ok {
        true => format!("Verified: {}, all signatures right.", of(report.bundles as u64, "evidence bundle")),
        false => format!(
            "Not verified: {} wrong. What did not verify was not counted.",
            of(report.problems.bad as u64, "thing")
        ),
    };
    section.blocks.push(Block::Banner { text, good });
    section.blocks.extend(NotJudged::banner(not_judged));
    let period = span.until(now);
    section.say(format!("Judged: {} to {}.", when(period.from), when(period.to)));
    section.blocks.push(Block::Figures);
    section
}

fn sites(parts: &[Part<'_>]) -> Section {
    let mut section = Section::new("sites", "Sites");
    let mut table = Table::new(
        "sites",
        "How each site does; its name leads to its own packet, where each figure leads to bundles",
        &[
            ("Site", Shape::Words),
            ("Name", Shape::Words),
            ("Shown or excepted", Shape::Numbers),
            ("Without exceptions", Shape::Numbers),
            ("Appliances not judged", Shape::Numbers),
            ("Incidents", Shape::Numbers),
            ("Without people", Shape::Numbers),
            ("Needed people", Shape::Numbers),
            ("Open", Shape::Numbers),
            ("Mean time to repair", Shape::Numbers),
            ("In time", Shape::Numbers),
            ("Bundles", Shape::Numbers),
        ],
    );
    for part in parts {
        let packet = &part.made.packet;
        let name = packet.title.split_once(": ").map_or("", |(_, name)| name);
        let site = packet.site.as_ref().map(ToString::to_string).unwrap_or_default();
        let count = |id| number(figure(part, id).unwrap_or(0));
        table.row(vec![
            text(site).to_file(part.page.clone()),
            text(name),
            percent(figure(part, "posture")),
            percent(figure(part, "posture-without-exceptions")),
            number(packet.not_judged.len() as u64),
            count("incidents"),
            count("automatic"),
            count("people"),
            count("open"),
            seconds(figure(part, "mttr")),
            percent(figure(part, "sla")),
            count("bundles"),
        ]);
    }
    section.table(table, "There is no site.");
    section
}

fn tiers(tally: &Tally) -> Section {
    let mut section = Section::new("tiers", "Who resolved the incidents");
    // What they rest on, the packets of the sites say.
    incidents::tiers(tally, &|_| None, &mut section);
    section
}

fn costs(tally: &Tally, tiers_cost: &[TierCost; 3], parts: &[Part<'_>]) -> Section {
    let mut section = Section::new("learning", "Learning and costs");
    learning::tiers(tally, tiers_cost, &mut section);
    section.heading("What learned rules saved");
    let of_site = |part: &Part<'_>| part.made.packet.site.as_ref().map(ToString::to_string).unwrap_or_default();
    let sites: Vec<String> = parts.iter().map(of_site).collect();
    let rules =
        parts.iter().zip(&sites).flat_map(|(part, site)| part.made.costs.learned.iter().map(move |rule| (site, rule)));
    learning::saved(rules.map(|(site, rule)| (site.as_str(), rule, Value::Nothing.into())), &mut section);
    section
}
