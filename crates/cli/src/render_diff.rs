//! A policy diff for people: one line for each change, what weakens protection first.

use writ_policy::diff::{Change, Diff, Effect};
pub use writ_policy::diff::{conceal, entries, safe, safe_words, told, values};

use crate::screen;

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
    let why = change.why.as_deref().map(|why| screen::paint(screen::DIM, &format!(" ({})", safe(why))));
    format!("  {} {}{}", effect(change.effect), told(change), why.unwrap_or_default())
}

/// The word for an effect, in its colour, eight columns wide.
pub fn effect(effect: Effect) -> String {
    let (style, word) = match effect {
        Effect::Weaker => (screen::RED, "weaker"),
        Effect::Stronger => (screen::GREEN, "stronger"),
        Effect::Unclear => (screen::YELLOW, "unclear"),
        Effect::Same => (screen::DIM, "reworded"),
    };
    screen::paint(style, &format!("{word:<8}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
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
                "  weaker   checks.\"disk.root\".expect.free.ge: 15 → 10 (passes with free = 10 as well)",
                "  weaker   checks.x: removed (Gone) (nothing looks at this any more)",
                "  weaker   controls.A.checks: -\"b\" +\"c\" (a check does not count for it any more)",
                "  stronger controls.B: added (New)",
                "  reworded checks.\"disk.root\".title: \"Space\" → \"Room\"",
            ]
        );
        assert_eq!(summary(&diff), "3 weaker, 1 stronger, 1 otherwise changed");
        assert_eq!(summary(&Diff::default()), "unchanged");
    }

    #[test]
    fn clauses_that_come_and_go_are_shown() {
        let check = |expect: Json, prefer: Json| json!({"checks": {"c": {"expect": expect, "prefer": prefer}}});
        let before = check(json!({"a": {"eq": 1}}), json!(null));
        let after = check(json!({"a": {"eq": 1}, "b": {"ge": 2}}), json!({"n": {"ge": 20}}));
        let plain = |diff: &Diff| -> Vec<String> {
            lines(diff).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
        };
        assert_eq!(
            plain(&diff_json(&before, &after)),
            ["  stronger checks.c.expect.b: added (b ge 2)", "  stronger checks.c.prefer: none → n ge 20"]
        );
        assert!(plain(&diff_json(&after, &before))[0].starts_with("  weaker   checks.c.expect.b: removed (b ge 2)"));
    }

    #[test]
    fn steps_are_told_as_they_are_called() {
        let step = |timeout: &str| {
            let parameters = json!({ "path": "/etc/motd", "mode": "0644" });
            json!({ "id": "restore", "step": "file.restore", "parameters": parameters, "timeout": timeout, "undo": null })
        };
        let exec = json!({ "id": "look", "step": "exec", "parameters": { "program": { "program": "p" } }, "timeout": "1m",
            "undo": { "step": "systemd.start", "parameters": { "unit": "x.service" } } });
        let told = |before: Json, after: Json| {
            let of = |steps: Json| json!({ "runbooks": { "R": { "steps": steps } }, "rules": { "r": { "run": "R" } } });
            told(&diff_json(&of(before), &of(after)).changes[0]).to_string()
        };
        let call = "file.restore mode=\"0644\" path=\"/etc/motd\"";
        assert_eq!(
            told(json!([step("10s")]), json!([step("20s")])),
            format!("runbooks.R.steps: restore: {call}, at most 10s → restore: {call}, at most 20s")
        );
        assert_eq!(
            told(json!([step("10s")]), json!([step("10s"), exec])),
            "runbooks.R.steps: +look: exec program=writ.program \"p\", at most 1m, undone by systemd.start unit=\"x.service\""
        );
        assert_eq!(
            told(json!([step("10s"), exec]), json!([exec, step("10s")])),
            "runbooks.R.steps: in another order, or another number of times"
        );
        let undone = |most: &str| {
            let undo = json!({ "step": "systemd.start", "parameters": { "unit": "x.service" }, "timeout": most });
            json!([{ "id": "look", "step": "systemd.stop", "parameters": {}, "timeout": "1m", "undo": undo }])
        };
        let told_undone = told(undone("10s"), undone("10m"));
        assert!(told_undone.contains("undone by systemd.start unit=\"x.service\", at most 10m"), "{told_undone}");
        // Of what steps have no words for, the values are told.
        let noted =
            |note: &str| json!([{ "id": "a", "step": "exec", "parameters": {}, "timeout": "1m", "note": note }]);
        assert!(told(noted("old"), noted("new")).contains("old"), "{}", told(noted("old"), noted("new")));
        // What is no step is told as it stands.
        assert!(told(json!([step("10s")]), json!(["restore"])).starts_with("runbooks.R.steps: -{"));
    }
}
