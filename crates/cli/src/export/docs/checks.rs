//! `checks.md`: every check with what it looks at, what it expects, and what answers a failure.

use writ_policy::check::Check;

use super::markdown::{Target, code, text};
use super::reference::{Reference, declared};
use crate::library::words;

/// The page.
pub fn page(reference: &Reference<'_>) -> String {
    let mut out =
        "# Checks\n\nOne probe each, what must hold of what it sees, and what is done when it does not.\n".to_owned();
    for (id, declarations) in reference.checks() {
        let Some((_, first)) = declarations.first() else { continue };
        out += &format!("\n{}\n", reference.links.heading(2, Target::Check, id, &first.title));
        let several = declarations.len() > 1;
        for (baseline, check) in &declarations {
            if several {
                out += &format!("In the baseline {}:\n\n", text(baseline));
            }
            out += &one(reference, baseline, id, check);
            if several {
                out.push('\n');
            }
        }
        if several {
            out += "Where a site uses both, the stricter of each value holds.\n\n";
        }
        out += &supports(reference, id);
        out += &answers(reference, id);
    }
    out
}

fn one(reference: &Reference<'_>, baseline: &str, id: &str, check: &Check) -> String {
    let of_controls = reference.library.catalogue.baselines.get(baseline).and_then(|b| b.checks.get(id));
    let of_controls = if of_controls.is_some_and(|c| c.of_controls) { " (from its controls)" } else { "" };
    let at = &check.declared_at;
    let every = reference.figures(at, &["checks", id, "every"]);
    let mut out = format!("- Severity {}{of_controls}; looks at least every {}{every}\n", check.severity, check.every);
    if check.target != "self" {
        out += &format!("- About {}\n", text(&check.target));
    }
    let blind = reference.library.registry.unobserved(&check.probe.name);
    let blind = if blind { ", *not observed by this version*: not assessable until a newer one can look" } else { "" };
    out += &format!("- Looks with probe {}{blind}\n", reference.links.link(Target::Probe, &check.probe.name));
    for (name, value) in &check.probe.parameters {
        let figure = reference.figures(at, &["checks", id, "probe", &check.probe.name, name]);
        out += &format!("  - {} = {}{figure}\n", code(name), code(&words::parameter(value)));
    }
    out += "- Expects\n";
    out += &reference.predicate(at, &["checks", id, "expect"], &check.expect, 2);
    if let Some(prefer) = &check.prefer {
        out += "- Prefers, as a warning only\n";
        out += &reference.predicate(at, &["checks", id, "prefer"], prefer, 2);
    }
    if !check.cites.is_empty() {
        out += &format!("- Cites {}\n", text(&words::cites(&check.cites)));
    }
    out + &declared(at)
}

fn supports(reference: &Reference<'_>, id: &str) -> String {
    let controls = reference.library.catalogue.baselines.values().flat_map(|b| &b.controls);
    let naming = controls.filter(|(_, control)| control.checks.iter().any(|check| check == id));
    let told: Vec<String> = naming
        .map(|(control, said)| format!("{} {}", reference.links.link(Target::Control, control), text(&said.title)))
        .collect();
    if told.is_empty() { String::new() } else { format!("- Supports {}\n", told.join("; ")) }
}

fn answers(reference: &Reference<'_>, id: &str) -> String {
    let answers = reference.answers(id);
    if answers.is_empty() {
        return "- When it fails: no rule answers it, so people have it at once\n".to_owned();
    }
    let mut out = "- When it fails, in order of trial, where the rule's family is chosen\n".to_owned();
    for (n, (family, rule, said)) in answers.iter().enumerate() {
        let what = match (&said.run, &said.escalate) {
            (Some(run), _) => format!(": runs {}", reference.links.link(Target::Runbook, run)),
            (None, Some(escalate)) => format!(": calls people, because {}", text(&escalate.why)),
            (None, None) => String::new(),
        };
        let link = reference.links.link(Target::Rule, rule);
        let counted = reference.choices.counted(family).map(|counted| format!(", {counted}")).unwrap_or_default();
        out += &format!("  {}. {link} {}{what} (family {}{counted})\n", n + 1, text(&said.title), code(family));
    }
    out
}
