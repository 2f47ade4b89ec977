//! `duties.md`: what people do, as a calendar: what recurs most often first, then what events ask for.

use std::collections::BTreeMap;

use writ_policy::duty::Duty;

use super::markdown::{Target, text};
use super::reference::{Reference, declared};

/// The page.
pub fn page(reference: &Reference<'_>) -> String {
    let mut out = "# Duties\n\nWhat people do, when, and what they attach to show it.\n".to_owned();
    let mut calendar: BTreeMap<(i64, String), Vec<(&str, &Duty)>> = BTreeMap::new();
    for (id, duty) in reference.library.catalogue.baselines.values().flat_map(|b| &b.duties) {
        let key = match &duty.cadence.every {
            Some(every) => (every.millis(), format!("Every {every}")),
            None => (i64::MAX, "On an event".to_owned()),
        };
        calendar.entry(key).or_default().push((id, duty));
    }
    for ((_, when), mut duties) in calendar {
        duties.sort_by_key(|(id, _)| *id);
        out += &format!("\n## {}\n", text(&when));
        for (id, duty) in duties {
            out += &one(reference, id, duty);
        }
    }
    out
}

fn one(reference: &Reference<'_>, id: &str, duty: &Duty) -> String {
    let mut out = format!("\n{}\n", reference.links.heading(3, Target::Duty, id, &duty.title));
    let day = duty.day.as_ref().map(|day| format!(", usually {}", text(day))).unwrap_or_default();
    let figures = ["every", "within"].map(|key| reference.figures(&duty.declared_at, &["duties", id, "cadence", key]));
    out += &format!("- When: {}{day}{}\n", text(&duty.cadence.to_string()), figures.concat());
    out += &format!("- Who: {}\n", text(&duty.by));
    out += &format!("- Attached: {}\n", text(&duty.attach));
    let controls = reference.library.catalogue.baselines.values().flat_map(|b| &b.controls);
    let naming: Vec<&str> =
        controls.filter(|(_, c)| c.duties.iter().any(|duty| duty == id)).map(|(id, _)| id.as_str()).collect();
    out += &format!("- For {}\n", reference.links.links(Target::Control, naming));
    if !duty.source.is_empty() {
        out += &format!("- Comes from {}\n", text(&duty.source.join(", ")));
    }
    out + &declared(&duty.declared_at)
}
