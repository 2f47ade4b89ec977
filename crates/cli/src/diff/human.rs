//! The result as lines for people.

use writ_policy::diff::Effect;

use super::closure::Closure;
use super::compare::{ExceptionOf, Fate, Group, Name, Status};
use super::report::{Report, lifting, told};
use crate::render_diff::{effect, path, safe, what};
use crate::screen;

/// The most weaknesses that the verdict names; all of them are in the lists.
const MOST_FIRST: usize = 3;

/// From so many changes on, they are counted above the list.
const COUNTED: usize = 6;

/// Prints it.
pub fn print(report: &Report) {
    for line in lines(report) {
        screen::line(&line);
    }
}

fn lines(report: &Report) -> Vec<String> {
    let mut lines = verdict(report);
    lines.push(screen::paint(screen::DIM, &format!("{} → {}", report.from.name, report.to.name)));
    for group in &report.compared.groups {
        lines.extend(grouped(report, group));
    }
    lines.extend(section("exceptions", report.compared.exceptions.iter().flat_map(|one| exception(report, one))));
    lines.extend(section("figures", figures(report)));
    lines.extend(section("appliances", appliances(report)));
    lines.extend(section("systems", systems(report)));
    lines.push(String::new());
    lines.push(counts(report));
    lines
}

/// Whether protection weakens, where and by what.
fn verdict(report: &Report) -> Vec<String> {
    let totals = report.totals();
    let weaknesses = report.weaknesses();
    if weaknesses.is_empty() {
        let text = match totals.undecided() {
            _ if report.is_empty() => return vec![screen::paint(screen::GREEN, "Nothing changes")],
            0 => return vec![screen::paint(screen::GREEN, "Protection does not weaken")],
            n => format!("Nothing is known to weaken; {} cannot be decided", screen::count(n, "change")),
        };
        return vec![screen::paint(screen::YELLOW, &text)];
    }
    let mut of: Vec<Name> = weaknesses.iter().flat_map(|one| one.appliances.clone()).collect();
    of.sort();
    of.dedup();
    let mut lines = vec![screen::paint(screen::RED, &format!("Protection weakens in {}", report.whose(&of)))];
    for one in weaknesses.iter().take(MOST_FIRST) {
        lines.push(format!("  {}", one.what));
        let place =
            if one.appliances == of { String::new() } else { format!(", in {}", report.whose(&one.appliances)) };
        lines.push(format!("  {}{place}", one.why));
    }
    if let Some(more) = weaknesses.len().checked_sub(MOST_FIRST).filter(|more| *more > 0) {
        lines.push(format!("  and {}", screen::count(more, "more change")));
    }
    lines
}

fn section(title: &str, inner: impl IntoIterator<Item = String>) -> Vec<String> {
    let inner: Vec<String> = inner.into_iter().collect();
    if inner.is_empty() {
        return inner;
    }
    [vec![String::new(), screen::paint(screen::BOLD, title)], inner].concat()
}

fn grouped(report: &Report, group: &Group) -> Vec<String> {
    let mut heading = screen::paint(screen::BOLD, &report.whose(&group.appliances));
    if group.changes.len() >= COUNTED {
        heading.push_str(&screen::paint(screen::DIM, &format!("  {}", group_counts(group))));
    }
    let mut lines = vec![String::new(), heading];
    for located in &group.changes {
        let at = located.at.as_deref().map(|at| screen::paint(screen::DIM, &format!("  {}", safe(at))));
        let change = &located.change;
        lines.push(format!("  {} {}: {}{}", effect(change.effect), path(change), what(change), at.unwrap_or_default()));
        lines.extend(change.why.as_deref().map(|why| format!("           {}", safe(why))));
        lines.extend(located.reason.as_deref().map(|reason| format!("           its override says: {}", safe(reason))));
    }
    lines
}

fn exception(report: &Report, one: &ExceptionOf) -> Vec<String> {
    let change = &one.change;
    let word = if super::compare::only_ends(change) {
        screen::paint(screen::YELLOW, "soon    ")
    } else if change.effect == Effect::Same {
        screen::paint(screen::DIM, "ended   ")
    } else {
        effect(change.effect)
    };
    vec![
        format!("  {word} {}", told(change)),
        format!("           {}, in {}", lifting(change), report.whose(&one.appliances)),
    ]
}

fn figures(report: &Report) -> Vec<String> {
    let text = |value: &Option<serde_json::Value>| value.as_ref().map_or("none".to_owned(), |v| safe(&v.to_string()));
    let lines = report.figures.iter().map(|figure| {
        let name = safe(&format!("{} {}", figure.baseline, figure.id));
        let moved = match figure.moved.as_slice() {
            [] => String::new(),
            paths => format!(", and with it {}", paths.iter().map(|path| safe(path)).collect::<Vec<_>>().join(", ")),
        };
        format!("  {name}: {} → {}{moved}", text(&figure.before), text(&figure.after))
    });
    lines.collect()
}

fn appliances(report: &Report) -> Vec<String> {
    let name = |(site, appliance): &Name| safe(&format!("{site}/{appliance}"));
    let mut lines = Vec::new();
    for (status, style, word, meaning) in [
        (Status::Removed, screen::RED, "removed ", ": it will accept nothing any more"),
        (Status::Added, screen::GREEN, "added   ", ""),
    ] {
        for one in report.with_status(status) {
            lines.push(format!("  {} {}{meaning}", screen::paint(style, word), name(&one)));
        }
    }
    for (one, fate) in &report.compared.appliances {
        lines
            .extend(facts(fate).into_iter().map(|fact| format!("  {} {}: {fact}", effect(Effect::Unclear), name(one))));
    }
    lines
}

/// What changed about an appliance beside its policy and its system.
pub fn facts(fate: &Fate) -> Vec<String> {
    let key = fate.key.as_ref().map(|key| match (&key.before, &key.after) {
        (None, _) => "it has a public key now".to_owned(),
        (_, None) => "its public key is gone".to_owned(),
        _ => "its public key is another one: evidence by the old one is refused from then on".to_owned(),
    });
    let machine =
        fate.system_type.as_ref().map(|(was, is)| format!("its machine is {} now, not {}", safe(is), safe(was)));
    key.into_iter().chain(machine).collect()
}

fn systems(report: &Report) -> Vec<String> {
    let line = |(name, closure): (&Name, &Closure)| {
        let name = safe(&format!("{}/{}", name.0, name.1));
        system(closure).map(|(changes, text)| {
            let word = if changes {
                screen::paint(screen::YELLOW, "changes ")
            } else {
                screen::paint(screen::DIM, "unknown ")
            };
            format!("  {word} {name}: {text}")
        })
    };
    report.closures.iter().filter_map(line).collect()
}

/// What becomes of a system, in words, and whether it changes; none where nothing does.
pub fn system(closure: &Closure) -> Option<(bool, String)> {
    let base = |path: &Option<String>| {
        path.as_deref().map_or("none".to_owned(), |p| safe(p.strip_prefix("/nix/store/").unwrap_or(p)))
    };
    match closure {
        Closure::NotManaged | Closure::Same { .. } => None,
        Closure::Unknown { why } => Some((false, safe(why))),
        Closure::Changed { before, after, files } => {
            let files = match files.as_slice() {
                [] => "through its policy".to_owned(),
                files => safe(&files.join(", ")),
            };
            Some((true, format!("{} → {} ({files})", base(before), base(after))))
        }
    }
}

/// How many changes of a group there are of each kind.
pub fn group_counts(group: &Group) -> String {
    let count = |effect: Effect| group.changes.iter().filter(|located| located.change.effect == effect).count();
    let kinds = [
        (Effect::Weaker, "weaker"),
        (Effect::Unclear, "undecided"),
        (Effect::Stronger, "stronger"),
        (Effect::Same, "reworded"),
    ];
    let said = kinds.iter().map(|(effect, word)| (count(*effect), word)).filter(|(n, _)| *n > 0);
    said.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", ")
}

/// The counts in a line.
pub fn counts(report: &Report) -> String {
    let totals = report.totals();
    let parts = [
        (totals.weaker, "weaker"),
        (totals.unclear, "undecided"),
        (totals.stronger, "stronger"),
        (totals.reworded, "reworded"),
        (totals.systems, if totals.systems == 1 { "system changes" } else { "systems change" }),
        (totals.systems_unknown, if totals.systems_unknown == 1 { "system unknown" } else { "systems unknown" }),
    ];
    let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let said = if said.is_empty() { "no change".to_owned() } else { said.join(", ") };
    format!("{}: {said}", screen::count(totals.appliances, "appliance"))
}
