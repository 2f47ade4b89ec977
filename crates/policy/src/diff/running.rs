//! Runbooks, and the rules that run them: a policy has those that one of its rules runs, and those that an appliance
//! declares itself.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Change, Effect};

/// What some rule of a section runs.
fn run(rules: &Json) -> BTreeSet<&str> {
    rules.as_object().into_iter().flatten().filter_map(|(_, rule)| runbook(rule)).collect()
}

fn runbook(rule: &Json) -> Option<&str> {
    rule.get("run")?.as_str()
}

/// A change of a runbook beside the `rules` of both sides. None where it comes or goes with the rules that run it: that is
/// told of these, and a list would say it twice. One that no rule runs does nothing, whatever it says.
pub fn beside_rules(change: Change, before: &Json, after: &Json) -> Option<Change> {
    let ["runbooks", id, ..] = change.path.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        return Some(change);
    };
    let (was, is) = (run(before).contains(id), run(after).contains(id));
    let comes_or_goes = match (&change.before, &change.after) {
        (Some(_), None) => was && !is,
        (None, Some(_)) => is && !was,
        _ => false,
    };
    match (change.path.len() == 2 && comes_or_goes, was || is) {
        (true, _) => None,
        (_, true) => Some(change),
        (_, false) => Some(Change { effect: Effect::Same, why: Some("no rule runs it".into()), ..change }),
    }
}

/// Says of rules that go, or run something else, what nothing runs any more.
pub(super) fn unrun(changes: &mut [Change], after: &Json) {
    let still = run(after);
    for change in changes.iter_mut().filter(|change| change.path.first().is_some_and(|section| section == "rules")) {
        let was = match (change.path.get(2).map(String::as_str), &change.before) {
            (None, Some(rule)) if change.after.is_none() => runbook(rule),
            (Some("run"), Some(id)) if change.path.len() == 3 => id.as_str(),
            _ => None,
        };
        let Some(was) = was.filter(|id| !still.contains(id)) else { continue };
        let why = change.why.take().map(|why| why.ours(", and "));
        change.why = Some(why.unwrap_or_default().ours("nothing runs ").quote(was).ours(" any more"));
    }
}
