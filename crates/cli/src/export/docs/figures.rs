//! `figures.md`: every figure by baseline, with where it comes from and what is made of it.

use std::collections::{BTreeMap, BTreeSet};

use writ_policy::validate::path_text;

use super::markdown::{Target, code, text};
use super::reference::Reference;
use crate::library::figures::Use;
use crate::library::words;

/// The page.
pub fn page(reference: &Reference<'_>) -> String {
    let mut out =
        "# Figures\n\nThe numbers and terms that checks, rules, duties and settings are made from.\n".to_owned();
    let mut uses: BTreeMap<(String, String), Vec<Use>> = BTreeMap::new();
    for one in reference.library.all_uses() {
        uses.entry((one.declared_in.clone(), one.figure.clone())).or_default().push(one);
    }
    for (name, baseline) in &reference.library.catalogue.baselines {
        if baseline.figures.is_empty() {
            continue;
        }
        out += &format!("\n## {} ({} {})\n\n", text(&baseline.title), text(name), text(&baseline.version));
        out += "| Figure | Value | Unit | What it is | Comes from | Makes |\n|---|---|---|---|---|---|\n";
        for (id, figure) in &baseline.figures {
            let key = format!("{name}/{id}");
            let from = words::basis(figure.ours, &figure.source);
            let at = (figure.declared_at.file.clone(), id.clone());
            let makes: BTreeSet<String> = uses.get(&at).into_iter().flatten().map(|one| made(reference, one)).collect();
            out += &format!(
                "| {}{} | {} | {} | {} | {} | {} |\n",
                reference.links.anchor(Target::Figure, &key),
                code(id),
                text(&words::plain(&figure.value)),
                text(&figure.unit),
                text(&figure.about),
                text(&from),
                makes.into_iter().collect::<Vec<_>>().join(", ")
            );
        }
    }
    out
}

/// What a use makes: a link to the item, or the keys where it is no item.
fn made(reference: &Reference<'_>, one: &Use) -> String {
    let section = one.path.first().map(String::as_str);
    let target = match section {
        Some("checks") => Some(Target::Check),
        Some("controls") => Some(Target::Control),
        Some("duties") => Some(Target::Duty),
        Some("rules") => Some(Target::Rule),
        Some("runbooks") => Some(Target::Runbook),
        _ => None,
    };
    match (target, one.path.get(1)) {
        (Some(target), Some(id)) => reference.links.link(target, id),
        _ => code(&path_text(&one.path)),
    }
}
