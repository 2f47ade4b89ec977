//! The result as lines for people.

use writ_policy::diff::{Effect, Words};

use super::closure::Closure;
use super::compare::{ExceptionOf, Group, Name, Status};
use super::report::{Counts, MANY, Report, Standing, Turn, facts, fields, first_of, lifting, told};
use crate::render_diff::{self, effect, safe};
use crate::screen;

/// The most weaknesses that the verdict names; all of them are in the lists.
const MOST_FIRST: usize = 3;

/// Prints it.
pub fn print(report: &Report) {
    for line in lines(report) {
        screen::line(&line);
    }
}

/// The lines, with colours.
pub fn lines(report: &Report) -> Vec<String> {
    let mut lines = verdict(report);
    lines.push(screen::paint(screen::DIM, &format!("{} → {}", report.from.name, report.to.name)));
    for group in &report.compared.groups {
        lines.extend(grouped(report, group));
    }
    let exceptions = report.compared.exceptions.iter().map(|one| exception(report, one)).collect();
    lines.extend(section("exceptions", exceptions));
    lines.extend(section("figures", figures(report)));
    lines.extend(section("appliances", appliances(report)));
    lines.extend(section("systems", systems(report)));
    lines.extend(section("who gets it when", rings(report)));
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
    let told: usize = weaknesses.iter().take(MOST_FIRST).map(|one| one.changes).sum();
    if let Some(more) = totals.of.weaker.checked_sub(told).filter(|more| *more > 0) {
        lines.push(format!("  and {}", screen::count(more, "more change")));
    }
    lines
}

/// A list under its title, of entries of some lines each.
fn section(title: &str, entries: Vec<Vec<String>>) -> Vec<String> {
    if entries.is_empty() {
        return Vec::new();
    }
    let counts = (entries.len() >= MANY).then(|| entries.len().to_string());
    [vec![String::new(), heading(title, counts)], entries.concat()].concat()
}

fn heading(title: &str, counts: Option<String>) -> String {
    let counts = counts.map(|counts| screen::paint(screen::DIM, &format!(" ({counts})")));
    format!("{}{}", screen::paint(screen::BOLD, title), counts.unwrap_or_default())
}

fn grouped(report: &Report, group: &Group) -> Vec<String> {
    let counts = (group.changes.len() >= MANY).then(|| Counts::of_group(group).words());
    let heading = heading(&report.whose(&group.appliances), counts);
    let mut lines = vec![String::new(), heading];
    for located in &group.changes {
        let at = located.at.as_deref().map(|at| screen::paint(screen::DIM, &format!("  {}", safe(at))));
        let change = &located.change;
        let told = render_diff::told(change);
        lines.push(format!("  {} {told}{}", effect(change.effect), at.unwrap_or_default()));
        lines.extend(change.why.as_deref().map(|why| format!("           {}", safe(why))));
        let of_override = located.reason.as_deref().map(|reason| match located.override_removed {
            true => format!("           its override is gone, which said: {}", safe(reason)),
            false => format!("           its override says: {}", safe(reason)),
        });
        lines.extend(of_override);
    }
    lines
}

fn exception(report: &Report, one: &ExceptionOf) -> Vec<String> {
    let change = &one.change;
    let word = match Standing::of(change) {
        Standing::EndsSoon => screen::paint(screen::YELLOW, "soon    "),
        Standing::Ended => screen::paint(screen::DIM, "ended   "),
        Standing::Changed(of) => effect(of),
    };
    let at = change.at.as_deref().map(|at| screen::paint(screen::DIM, &format!("  {}", safe(at))));
    let mut lines = vec![format!("  {word} {}{}", told(change), at.unwrap_or_default())];
    lines.extend(fields(change).into_iter().map(|field| format!("           {field}")));
    lines.push(format!("           {}, in {}", lifting(change), report.whose(&one.appliances)));
    lines
}

fn figures(report: &Report) -> Vec<Vec<String>> {
    let text = |value: &Option<serde_json::Value>| value.as_ref().map_or("none".to_owned(), |v| safe(&v.to_string()));
    let lines = report.figures.iter().map(|figure| {
        let name = safe(&format!("{} {}", figure.baseline, figure.id));
        let moved = match figure.moved.as_slice() {
            [] => String::new(),
            paths => format!(", and with it {}", first_of(paths.iter().map(|path| safe(path)).collect())),
        };
        vec![format!("  {name}: {} → {}{moved}", text(&figure.before), text(&figure.after))]
    });
    lines.collect()
}

fn appliances(report: &Report) -> Vec<Vec<String>> {
    let name = |(site, appliance): &Name| safe(&format!("{site}/{appliance}"));
    let added = || screen::paint(screen::GREEN, "added   ");
    let removed = screen::paint(screen::RED, "removed ");
    let mut lines = Vec::new();
    for one in report.with_status(Status::Removed) {
        lines.push(format!("  {removed} {}: it will accept nothing any more", name(&one)));
    }
    for one in report.with_status(Status::Added) {
        lines.push(format!("  {} {}", added(), name(&one)));
    }
    for (one, fate) in &report.compared.appliances {
        let word = |of: Option<Effect>| of.map_or_else(added, effect);
        lines.extend(facts(fate).into_iter().map(|(of, fact)| format!("  {} {}: {fact}", word(of), name(one))));
    }
    lines.into_iter().map(|line| vec![line]).collect()
}

fn systems(report: &Report) -> Vec<Vec<String>> {
    let line = |(name, closure): (&Name, &Closure)| {
        let name = safe(&format!("{}/{}", name.0, name.1));
        system(closure).map(|(turn, text)| {
            let word = match turn {
                Turn::Changes => screen::paint(screen::YELLOW, "changes "),
                Turn::Ends => effect(Effect::Unclear),
                Turn::Unknown => screen::paint(screen::DIM, "unknown "),
            };
            vec![format!("  {word} {name}: {text}")]
        })
    };
    report.closures.iter().filter_map(line).collect()
}

fn rings(report: &Report) -> Vec<Vec<String>> {
    let lines = report.rings.iter().map(|site| {
        let mut lines = vec![format!("  {}: {}", safe(&site.site), safe(&site.words()))];
        lines.extend(site.before_words().map(|words| format!("    {}", safe(&words))));
        lines
    });
    lines.collect()
}

/// What becomes of a system, also in words; none where nothing does.
pub fn system(closure: &Closure) -> Option<(Turn, Words)> {
    let base = |path: &Option<String>| {
        path.as_deref().map_or("none".to_owned(), |p| safe(p.strip_prefix("/nix/store/").unwrap_or(p)))
    };
    let text = match closure {
        Closure::NotManaged | Closure::Same { .. } => Words::default(),
        Closure::Unknown { why } => Words::default().quote(safe(why)),
        Closure::Changed { before, after, files } => {
            let words = Words::default().quote(format!("{} → {}", base(before), base(after))).ours(" (");
            match files.as_slice() {
                [] => words.ours("through its policy)"),
                files => words.quote(safe(&files.join(", "))).ours(")"),
            }
        }
    };
    Turn::of(closure).map(|turn| (turn, text))
}

/// The counts in a line.
pub fn counts(report: &Report) -> String {
    let totals = report.totals();
    let parts = [
        (totals.systems, if totals.systems == 1 { "system changes" } else { "systems change" }),
        (totals.systems_unknown, if totals.systems_unknown == 1 { "system unknown" } else { "systems unknown" }),
    ];
    let systems = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    let changes = Some(totals.of.words()).filter(|words| !words.is_empty());
    let said: Vec<String> = changes.into_iter().chain(systems).collect();
    let said = if said.is_empty() { "no change".to_owned() } else { said.join(", ") };
    format!("{} compared: {said}", screen::count(totals.appliances, "appliance"))
}
