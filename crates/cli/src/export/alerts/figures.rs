//! The figures of the chosen baselines: of two that have one, the stricter.

use std::collections::BTreeMap;

use serde_json::Value;
use writ_trust::time::Span;

use super::super::baselines;
use super::table::{Figure, Strict};
use crate::failure::Outcome;
use crate::library::catalogue::Baseline;

/// The figures.
pub struct Figures {
    /// By baseline, `name version`.
    baselines: BTreeMap<String, BTreeMap<String, Value>>,
}

/// A figure that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The figure.
    pub figure: Figure,
    /// As the baseline writes it.
    pub written: &'a Value,
    /// As a number: seconds of a span.
    pub number: i64,
    /// The baseline that it is of, with its version.
    pub of: &'a str,
}

impl Figures {
    /// The figures of these baselines, or of all that are declared.
    pub fn choose(declared: &BTreeMap<String, Baseline>, names: &[String]) -> Outcome<Self> {
        let chosen = baselines::choose(declared, names)?;
        let values = |baseline: &Baseline| {
            baseline.figures.iter().map(|(id, figure)| (id.clone(), figure.value.clone())).collect()
        };
        Ok(Self {
            baselines: chosen.into_iter().map(|(name, b)| (format!("{name} {}", b.version), values(b))).collect(),
        })
    }

    /// The baselines, with their versions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.baselines.keys().map(String::as_str)
    }

    /// A figure; none where no baseline has it as a number or a span.
    pub fn of(&self, figure: Figure) -> Option<Chosen<'_>> {
        let all = self.baselines.iter().filter_map(|(of, figures)| {
            let written = figures.get(figure.id)?;
            Some(Chosen { figure, written, number: number(written)?, of })
        });
        match figure.strict {
            Strict::Smaller => all.min_by_key(|chosen| chosen.number),
            Strict::Larger => all.max_by_key(|chosen| chosen.number),
        }
    }
}

fn number(figure: &Value) -> Option<i64> {
    match figure {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse::<Span>().ok().map(|span| span.seconds()),
        _ => None,
    }
}

impl Chosen<'_> {
    /// `checkin.warning = 2m (hipaa 2026.2)`.
    pub fn words(&self) -> String {
        let written = self.written.as_str().map_or_else(|| self.written.to_string(), str::to_owned);
        format!("{} = {written} ({})", self.figure.id, self.of)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use writ_policy::declared::DeclaredAt;

    use super::*;
    use crate::library::catalogue::Figure;

    fn baseline(figures: &[(&str, Value)]) -> Baseline {
        let figure = |(id, value): &(&str, Value)| {
            let declared_at = DeclaredAt { file: "baselines/t.nix".into(), line: 1 };
            let (unit, about) = ("span".into(), "a".into());
            ((*id).to_owned(), Figure { value: value.clone(), unit, about, source: vec![], ours: true, declared_at })
        };
        Baseline {
            title: "t".into(),
            version: "1".into(),
            controls: BTreeMap::new(),
            checks: BTreeMap::new(),
            duties: BTreeMap::new(),
            figures: figures.iter().map(figure).collect(),
        }
    }

    #[test]
    fn the_stricter_of_two_counts() {
        let declared = BTreeMap::from([
            ("a".to_owned(), baseline(&[("x", json!("2m")), ("y", json!(70)), ("z", json!("text"))])),
            ("b".to_owned(), baseline(&[("x", json!("90s")), ("y", json!(80))])),
        ]);
        let figure = |id, strict| super::super::table::Figure { id, strict };
        let both = Figures::choose(&declared, &[]).unwrap();
        let chosen = |figures: &Figures, id, strict| figures.of(figure(id, strict)).map(|c| (c.number, c.words()));
        assert_eq!(chosen(&both, "x", Strict::Smaller), Some((90, "x = 90s (b 1)".into())));
        assert_eq!(chosen(&both, "y", Strict::Larger), Some((80, "y = 80 (b 1)".into())));
        assert_eq!(chosen(&both, "z", Strict::Larger), None);
        let one = Figures::choose(&declared, &["a".to_owned()]).unwrap();
        assert_eq!(chosen(&one, "x", Strict::Smaller), Some((120, "x = 2m (a 1)".into())));
        assert!(Figures::choose(&declared, &["c".to_owned()]).is_err());
    }
}
