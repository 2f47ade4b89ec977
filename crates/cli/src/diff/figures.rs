//! Figures of baselines that changed, and the values that moved with them.

use serde_json::Value as Json;
use writ_policy::validate::path_text;
use writ_trust::time::Span;

use super::compare::Group;
use super::gather::Gathered;

/// One figure.
#[derive(Debug, PartialEq, serde::Serialize)]
pub struct FigureChange {
    /// The baseline that has it.
    pub baseline: String,
    /// Its id.
    pub id: String,
    /// Its value before; none when it is new.
    pub before: Option<Json>,
    /// Its value after; none when it is gone.
    pub after: Option<Json>,
    /// The values of policies that changed in the same way, as paths.
    pub moved: Vec<String>,
}

/// The figures that differ, of baselines that both sides have.
pub fn compare(before: &Gathered<'_>, after: &Gathered<'_>, groups: &[Group]) -> Vec<FigureChange> {
    let mut found = Vec::new();
    for (baseline, was) in &before.figures {
        let Some(is) = after.figures.get(baseline) else { continue };
        let mut ids: Vec<&String> = was.keys().chain(is.keys()).collect();
        ids.sort();
        ids.dedup();
        for id in ids.into_iter().filter(|id| was.get(*id) != is.get(*id)) {
            let (a, b) = (was.get(id), is.get(id));
            let moved = moved(a, b, groups);
            found.push(FigureChange {
                baseline: baseline.clone(),
                id: id.clone(),
                before: a.cloned(),
                after: b.cloned(),
                moved,
            });
        }
    }
    found
}

/// The changes from one value to the other, or from as many seconds to as many.
fn moved(before: Option<&Json>, after: Option<&Json>, groups: &[Group]) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else { return Vec::new() };
    let seconds = |value: &Json| value.as_str()?.parse::<Span>().ok().map(|span| Json::from(span.millis() / 1000));
    let pairs = [Some((before.clone(), after.clone())), seconds(before).zip(seconds(after))];
    let mut paths: Vec<String> = groups
        .iter()
        .flat_map(|group| &group.changes)
        .filter(|located| {
            let (a, b) = (&located.change.before, &located.change.after);
            pairs.iter().flatten().any(|(was, is)| a.as_ref() == Some(was) && b.as_ref() == Some(is))
        })
        .map(|located| path_text(&located.change.path))
        .collect();
    paths.sort();
    paths.dedup();
    paths
}
