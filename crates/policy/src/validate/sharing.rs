//! Checks that support many controls of one baseline: each of those controls should be shown something of its own.

use std::collections::BTreeMap;

use super::context::{Context, Item};
use super::finding::Finding;

/// The most controls of one baseline that one check supports without a question.
const MOST: usize = 3;

/// Counts the controls of each baseline that name a check.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let mut uses: BTreeMap<(&str, String), Vec<Item<'_>>> = BTreeMap::new();
    for control in context.items("controls") {
        for (_, check) in control.strings("checks") {
            uses.entry((check, baseline(control))).or_default().push(control);
        }
    }
    for ((check, _), controls) in uses.into_iter().filter(|(_, controls)| controls.len() > MOST) {
        let Some(item) = context.item("checks", check) else { continue };
        let finding = Finding::error(
            "check-shared-widely",
            item.path(&[]),
            format!("`{check}` supports {} controls of one baseline: does it show something of each?", controls.len()),
        )
        .warning()
        .at_key()
        .expected(format!("at most {MOST} of them, or checks of their own"));
        let related = |finding: Finding, control: &Item<'_>| {
            finding.related(control.declared_at(), control.path(&[]), format!("`{}` names it", control.id))
        };
        findings.push(item.place(controls.iter().fold(finding, related)));
    }
}

/// The folder of the baseline that declares a control; the whole place's file where there is no such folder.
fn baseline(control: Item<'_>) -> String {
    let file = control.declared_at().map(|at| at.file).unwrap_or_default();
    let mut parts = file.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("baselines"), Some(name), Some(_)) => name.to_owned(),
        _ => file,
    }
}
