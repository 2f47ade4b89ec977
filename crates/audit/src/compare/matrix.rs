//! The verdicts on controls, by the ids of each framework that they are mapped to.

use std::collections::BTreeMap;

use super::model::{ControlFinding, FrameworkRow, Verdict};

/// The framework that this product's baseline is written for: its controls have its ids.
const HIPAA: &str = "hipaa";
/// How an id of it begins: those of 45 CFR part 164.
const HIPAA_PART: &str = "164.";
/// What controls name beside frameworks: documents that people work by, which no evidence shows.
const DOCUMENTS: [&str; 1] = ["sop"];

/// A row for each id of each framework, by framework and id, numbers within ids by their value.
pub(super) fn of(controls: &[ControlFinding]) -> Vec<FrameworkRow> {
    let mut by_id: BTreeMap<(&str, Vec<Part<'_>>), Vec<&ControlFinding>> = BTreeMap::new();
    for control in controls {
        let own = control.control.starts_with(HIPAA_PART).then_some((HIPAA, control.control.as_str()));
        let frameworks = control.maps.iter().filter(|(framework, _)| !DOCUMENTS.contains(&framework.as_str()));
        let mapped =
            frameworks.flat_map(|(framework, ids)| ids.iter().map(move |id| (framework.as_str(), id.as_str())));
        for (framework, id) in own.into_iter().chain(mapped) {
            let row = by_id.entry((framework, parts(id))).or_default();
            // A control may name an id twice, or be HIPAA's and mapped to itself.
            if row.last().is_none_or(|last| last.control != control.control) {
                row.push(control);
            }
        }
    }
    let row = |((framework, id), controls): ((&str, Vec<Part<'_>>), Vec<&ControlFinding>)| FrameworkRow {
        framework: framework.to_owned(),
        id: id.iter().map(|part| part.text()).collect(),
        controls: controls.iter().map(|c| c.control.clone()).collect(),
        verdict: worst(controls.iter().map(|c| c.verdict)),
        verdict_without_exceptions: worst(controls.iter().map(|c| c.verdict_without_exceptions)),
    };
    by_id.into_iter().map(row).collect()
}

/// The worst of some verdicts. What people do, or somebody else, beside what machines show is not shown: never plainly then.
fn worst(verdicts: impl Iterator<Item = Verdict> + Clone) -> Verdict {
    let others = verdicts.clone().any(|v| matches!(v, Verdict::Procedural | Verdict::Inherited));
    match verdicts.min().unwrap_or(Verdict::NotAssessable) {
        Verdict::Demonstrated if others => Verdict::PartlyDemonstrated,
        worst => worst,
    }
}

/// A part of an id: a number, which orders by its value and then by how it is written, or anything else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'t> {
    Number(u64, &'t str),
    Text(&'t str),
}

impl Part<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Number(_, text) | Self::Text(text) => text,
        }
    }
}

fn parts(id: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = id;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
        let (text, after) = rest.split_at(end);
        // A number that is too long for one is text.
        let number = text.parse().ok().filter(|_| digits).map(|n| Part::Number(n, text));
        parts.push(number.unwrap_or(Part::Text(text)));
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_in_the_order_of_their_numbers() {
        let mut ids = ["AC-11", "AC-2(6)", "AC-2", "CC6.10", "CC6.2", "A1.2", "", "99999999999999999999999"];
        ids.sort_by(|a, b| parts(a).cmp(&parts(b)));
        assert_eq!(ids, ["", "99999999999999999999999", "A1.2", "AC-2", "AC-2(6)", "AC-11", "CC6.2", "CC6.10"]);
        assert!(ids.iter().all(|id| parts(id).iter().map(Part::text).collect::<String>() == *id));
    }

    #[test]
    fn what_people_do_is_never_shown_by_machines() {
        let of = |all: &[Verdict]| worst(all.iter().copied());
        assert_eq!(of(&[Verdict::Procedural, Verdict::Procedural]), Verdict::Procedural);
        assert_eq!(of(&[Verdict::Procedural, Verdict::Demonstrated]), Verdict::PartlyDemonstrated);
        assert_eq!(of(&[Verdict::Demonstrated, Verdict::NotApplicable]), Verdict::Demonstrated);
        assert_eq!(of(&[Verdict::Inherited, Verdict::Failed]), Verdict::Failed);
        assert_eq!(of(&[]), Verdict::NotAssessable);
    }
}
