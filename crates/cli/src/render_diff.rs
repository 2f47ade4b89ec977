//! A policy diff for people: one line for each change, what weakens protection first.

use serde_json::Value as Json;
use writ_policy::diff::{Change, Diff, Effect};
use writ_policy::validate::path_text;

use crate::screen;

/// The longest value that is shown whole, in characters.
const LONGEST: usize = 60;

/// The changes of one appliance's policy as lines, each indented by two spaces; none when nothing changed.
pub fn lines(diff: &Diff) -> Vec<String> {
    let mut changes: Vec<&Change> = diff.changes.iter().collect();
    changes.sort_by_key(|change| change.effect);
    changes.into_iter().map(line).collect()
}

/// The counts in a few words, such as `2 weaker, 1 stronger, 3 other changes`.
pub fn summary(diff: &Diff) -> String {
    let count = |wanted: &[Effect]| diff.changes.iter().filter(|change| wanted.contains(&change.effect)).count();
    let parts: Vec<String> = [
        (count(&[Effect::Weaker]), "weaker"),
        (count(&[Effect::Stronger]), "stronger"),
        (count(&[Effect::Unclear, Effect::Same]), "otherwise changed"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{n} {what}"))
    .collect();
    if parts.is_empty() { "unchanged".to_owned() } else { parts.join(", ") }
}

fn line(change: &Change) -> String {
    let (style, word) = match change.effect {
        Effect::Weaker => (screen::RED, "weaker"),
        Effect::Stronger => (screen::GREEN, "stronger"),
        Effect::Unclear => (screen::YELLOW, "changed"),
        Effect::Same => (screen::DIM, "reworded"),
    };
    let what = match (&change.before, &change.after) {
        (None, Some(after)) => format!("added{}", detail(after)),
        (Some(before), None) => format!("removed{}", detail(before)),
        (Some(before), Some(after)) => differing(before, after),
        (None, None) => String::new(),
    };
    format!("  {} {}: {what}", screen::paint(style, &format!("{word:<8}")), path_text(&change.path))
}

/// What an added or removed value is, in brief: its title, or itself when it is small.
fn detail(value: &Json) -> String {
    match value {
        Json::Object(item) => item
            .get("title")
            .and_then(Json::as_str)
            .map(|t| format!(" ({})", writ_trust::text::one_line(t)))
            .unwrap_or_default(),
        other => format!(" ({})", shown(other)),
    }
}

fn differing(before: &Json, after: &Json) -> String {
    if let (Json::Array(a), Json::Array(b)) = (before, after) {
        let entries = |from: &[Json], other: &[Json], sign: &str| -> Vec<String> {
            from.iter().filter(|entry| !other.contains(entry)).map(|entry| format!("{sign}{}", shown(entry))).collect()
        };
        let changed = [entries(a, b, "-"), entries(b, a, "+")].concat();
        if !changed.is_empty() && changed.len() <= 8 {
            return changed.join(" ");
        }
    }
    format!("{} → {}", shown(before), shown(after))
}

/// A value in one line, as Nix writes it where that is as short.
fn shown(value: &Json) -> String {
    let text = match value {
        Json::Array(entries) => format!("[ {} ]", entries.iter().map(Json::to_string).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    };
    // A policy may hold any character; a terminal must not obey it.
    let text = writ_trust::text::one_line(&text);
    if text.chars().count() <= LONGEST {
        return text;
    }
    format!("{}…", text.chars().take(LONGEST - 1).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use writ_policy::diff::diff_json;

    use super::*;

    #[test]
    fn what_weakens_comes_first_with_its_values() {
        let before = json!({
            "checks": {"disk.root": {"title": "Space", "expect": {"free": {"ge": 15}}}, "x": {"title": "Gone"}},
            "controls": {"A": {"checks": ["a", "b"]}},
        });
        let after = json!({
            "checks": {"disk.root": {"title": "Room", "expect": {"free": {"ge": 10}}}},
            "controls": {"A": {"checks": ["a", "c"]}, "B": {"title": "New"}},
        });
        let diff = diff_json(&before, &after);
        let plain: Vec<String> =
            lines(&diff).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(
            plain,
            [
                "  weaker   checks.\"disk.root\".expect.free.ge: 15 → 10",
                "  weaker   checks.x: removed (Gone)",
                "  changed  checks.\"disk.root\".title: \"Space\" → \"Room\"",
                "  changed  controls.A.checks: -\"b\" +\"c\"",
                "  stronger controls.B: added (New)",
            ]
        );
        assert_eq!(summary(&diff), "2 weaker, 1 stronger, 2 otherwise changed");
        assert_eq!(summary(&Diff::default()), "unchanged");
    }
}
