//! How the time that the site allows itself was kept, slice by slice, and whether that gets better.

use super::super::model::{Section, Shape, Table, number, percent, seconds, text};
use super::super::site::{Part, Site};
use super::super::tally::Tally;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("trends", "Trends");
    let mut table = Table::new(
        "trends",
        "How the time that the site allows itself was kept, by when incidents were detected",
        &[
            ("From", Shape::Words),
            ("Incidents", Shape::Numbers),
            ("Known whether in time", Shape::Numbers),
            ("In time", Shape::Numbers),
            ("Share in time", Shape::Numbers),
            ("Needed people", Shape::Numbers),
            ("Mean time to repair", Shape::Numbers),
        ],
    );
    for part in &site.parts {
        let tally = &part.tally;
        table.row(vec![
            text(&part.slice.name).to("incidents-table".to_owned()),
            number(tally.all),
            number(tally.judged),
            number(tally.in_time),
            percent(tally.in_time_percent()),
            number(tally.people),
            seconds(tally.mttr()),
        ]);
    }
    let halves = in_words(&site.parts);
    section.table(table, "Nothing of the period has gone by yet.");
    section.say(halves);
    section
}

/// The first half beside the second.
fn in_words(parts: &[Part]) -> String {
    let (first, second) = parts.split_at(parts.len() / 2);
    let sum = |parts: &[Part]| {
        let mut sum = Tally::default();
        parts.iter().for_each(|part| sum.add(&part.tally));
        sum
    };
    let (first, second) = (sum(first), sum(second));
    match (first.in_time_percent(), second.in_time_percent()) {
        (Some(a), Some(b)) => format!(
            "In the first half {a} % of {} incidents were in time, in the second {b} % of {}.",
            first.judged, second.judged
        ),
        _ => "In one half of the period there was no incident of which it is known whether it was in time.".to_owned(),
    }
}
