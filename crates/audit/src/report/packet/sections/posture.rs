//! How many controls hold, and how that went over time.

use super::super::chart::{Data, Hue, Series, Unit};
use super::super::model::{Block, Section, Shape, Table, number, percent, text, verdict};
use super::super::site::Site;
use crate::compare::Verdict;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("posture", "Compliance posture");
    section.say("The verdict on a control is the worst of its checks, over all appliances. Not run, not applicable and not assessable never count as passed.");
    let mut verdicts = Table::new(
        "verdicts",
        "Controls by verdict, at the end of the period",
        &[("Verdict", Shape::Words), ("Controls", Shape::Numbers), ("What it means", Shape::Words)],
    );
    for one in Verdict::ALL {
        let count = site.whole.verdicts.get(one.as_str()).copied().unwrap_or(0);
        verdicts.row(vec![verdict(one), number(count), text(meaning(one))]);
    }
    section.blocks.push(Block::Table(verdicts));
    section.heading("Coverage over time");
    let names: Vec<String> = site.parts.iter().map(|part| part.slice.name.clone()).collect();
    let scores = site.parts.iter().map(|part| part.score.percent()).collect();
    let without = site.parts.iter().map(|part| part.score_without_exceptions.percent()).collect();
    let chart = Data {
        id: "coverage-chart",
        title: "Controls shown, of those that machines decide",
        unit: Unit::Percent,
        names,
        series: vec![
            Series { name: "shown or excepted", hue: Hue::First, values: scores },
            Series { name: "without exceptions", hue: Hue::Second, values: without },
        ],
    };
    section.blocks.push(Block::Chart(chart.lines()));
    let mut table = Table::new(
        "coverage",
        "Coverage over time: each row judged by itself, under the policy of its time; rests on the bundles of its time (set A)",
        &[
            ("From", Shape::Words),
            ("Shown or excepted", Shape::Numbers),
            ("Of", Shape::Numbers),
            ("Share", Shape::Numbers),
            ("Shown without exceptions", Shape::Numbers),
            ("Share without exceptions", Shape::Numbers),
            ("Bundles", Shape::Numbers),
        ],
    );
    for part in &site.parts {
        let (score, without) = (&part.score, &part.score_without_exceptions);
        table.row(vec![
            text(&part.slice.name).to("set-a".to_owned()),
            number(score.met),
            number(score.of),
            percent(score.percent()),
            number(without.met),
            percent(without.percent()),
            number(part.bundles),
        ]);
    }
    section.table(table, "Nothing of the period has gone by yet.");
    section
}

fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Demonstrated => "Its checks ran as often as they were due, and hold.",
        Verdict::PartlyDemonstrated => {
            "It holds as far as it was looked at, or did not hold for longer than the site allows itself."
        }
        Verdict::Excepted => "It does not hold, and a named person accepted that until a date.",
        Verdict::Failed => "It does not hold.",
        Verdict::NoEvidence => "It was to be looked at, and nothing shows that it was, or only with holes.",
        Verdict::NotAssessable => "It could not be decided.",
        Verdict::Procedural => "People do it; machines cannot show it.",
        Verdict::Inherited => "Somebody else provides it.",
        Verdict::NotApplicable => "There is nothing here that it could be about.",
    }
}
