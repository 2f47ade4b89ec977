//! `controls.md`: every control by baseline and family, with what shows it and what people do.

use std::collections::BTreeMap;

use writ_policy::control::Control;

use super::markdown::{Target, text};
use super::reference::{Reference, declared};
use crate::library::catalogue::Baseline;
use crate::library::words;

/// The page.
pub fn page(reference: &Reference<'_>) -> String {
    let mut out =
        "# Controls\n\nWhat each rule book asks, how far machines show it here, and what people do.\n".to_owned();
    for (name, baseline) in &reference.library.catalogue.baselines {
        out += &format!("\n## {} ({} {})\n", text(&baseline.title), text(name), text(&baseline.version));
        let mut families: BTreeMap<&str, Vec<(&String, &Control)>> = BTreeMap::new();
        for (id, control) in &baseline.controls {
            families.entry(family(&control.declared_at.file)).or_default().push((id, control));
        }
        for (family, controls) in families {
            out += &format!("\n### {}\n", text(family));
            for (id, control) in controls {
                out += &one(reference, baseline, id, control);
            }
        }
    }
    out
}

/// There is one file for each family of safeguards.
fn family(file: &str) -> &str {
    file.rsplit('/').next().and_then(|name| name.strip_suffix(".nix")).unwrap_or(file)
}

fn one(reference: &Reference<'_>, baseline: &Baseline, id: &str, control: &Control) -> String {
    let links = &reference.links;
    let mut out = format!("\n{}\n", links.heading(4, Target::Control, id, &control.title));
    let graded = control.requirement.map(|r| format!("{}; ", words::requirement(r))).unwrap_or_default();
    let coverage = words::coverage(control.coverage);
    out += &format!("- {graded}severity {}; {coverage}\n", control.severity);
    if !control.maps.is_empty() {
        out += &format!("- Also known as {}\n", text(&words::maps(&control.maps)));
    }
    if !control.checks.is_empty() {
        out += "- Shown by\n";
    }
    for check in &control.checks {
        let declared = baseline.checks.get(check);
        let title = declared.map(|d| format!(": {}", text(&d.check.title))).unwrap_or_default();
        let blind = declared.is_some_and(|d| reference.library.registry.unobserved(&d.check.probe.name));
        let blind = if blind { " *(not observed by this version)*" } else { "" };
        out += &format!("  - {}{title}{blind}\n", links.link(Target::Check, check));
    }
    if let Some(left) = &control.not_assessed {
        out += &format!("- Left out by the checks: {}\n", text(left));
    }
    if let Some(procedure) = &control.procedure {
        out += &format!("- What people do: {}\n", text(procedure));
    }
    for duty in &control.duties {
        let told = baseline.duties.get(duty).map(|d| {
            let (title, cadence, by) = (text(&d.title), text(&d.cadence.to_string()), text(&d.by));
            format!(": {title}; {cadence}, by {by}; attached: {}", text(&d.attach))
        });
        out += &format!("- Duty {}{}\n", links.link(Target::Duty, duty), told.unwrap_or_default());
    }
    let rules = reference.library.catalogue.rules().filter(|(_, _, rule)| rule.controls.iter().any(|c| c == id));
    let rules: Vec<&str> = rules.map(|(_, id, _)| id).collect();
    if !rules.is_empty() {
        out += &format!("- Served by {}\n", links.links(Target::Rule, rules));
    }
    out + &declared(&control.declared_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_a_file() {
        assert_eq!(family("baselines/hipaa/contingency.nix"), "contingency");
        assert_eq!(family("odd"), "odd");
    }
}
