//! The result as a comment on a pull request: the verdict first, with its proof, and long lists folded.
//!
//! Whatever comes from a policy stands in code spans, where Markdown, HTML, mentions and links mean nothing.

use std::borrow::Cow;

use writ_policy::diff::{Effect, Words};

use super::compare::{ExceptionOf, Group, Located, Name, Status};
use super::human::{counts, system};
use super::report::{Counts, MANY, Report, Standing, Turn, facts, fields, first_of, lifting, told};
use crate::render_diff::{self, safe, safe_words};
use crate::screen;

/// The most bytes of a comment: GitHub refuses more than 65,536 characters.
const MOST_BYTES: usize = 60_000;
/// Room for the line that says what was left out, in bytes.
const LAST_LINE: usize = 200;
/// The longest text of a code span or a title, in characters: whatever a policy says, its first line fits.
const LONGEST: usize = 500;
/// The most weaknesses that stand above the lists.
const MOST_FIRST: usize = 5;

/// Prints it.
pub fn print(report: &Report) {
    screen::line(render(report).trim_end());
}

/// The verdict in one line, without markup.
pub fn plain_verdict(report: &Report) -> String {
    verdict(report, &|words| words.to_string())
}

/// The comment.
pub fn render(report: &Report) -> String {
    let head = head(report);
    let (whole, left_out) = filled(head.clone(), sections(report, &|_| true));
    if left_out == 0 {
        return whole;
    }
    // It does not fit: what weakens comes first, so that it is the last to be left out.
    let is_weaker = |effect: Effect| effect == Effect::Weaker;
    let mut all = sections(report, &is_weaker);
    all.extend(sections(report, &|effect| !is_weaker(effect)));
    let (mut text, left_out) = filled(head, all);
    text.push_str(&format!("\n{left_out} more lines do not fit into a comment; `writ diff` prints all of them.\n"));
    text
}

/// The verdict, what else weakens, and the counts.
fn head(report: &Report) -> String {
    let mut text = format!("**{}**\n\n", verdict(report, &markup));
    let weaknesses = report.weaknesses();
    for one in weaknesses.iter().skip(1).take(MOST_FIRST - 1) {
        let place = markup(&report.whose(&one.appliances));
        text.push_str(&format!("- {} — {}, in {place}\n", markup(&one.what), markup(&one.why)));
    }
    let told: usize = weaknesses.iter().take(MOST_FIRST).map(|one| one.changes).sum();
    if let Some(more) = report.totals().of.weaker.checked_sub(told).filter(|more| *more > 0) {
        text.push_str(&format!("- and {more} more below\n"));
    }
    if weaknesses.len() > 1 {
        text.push('\n');
    }
    text.push_str(&format!("{} → {}. {}\n", code(&report.from.name), code(&report.to.name), plain(&counts(report))));
    text
}

/// The lists, of what has an effect that is wanted. What has none goes with what does not weaken.
fn sections(report: &Report, wanted: &dyn Fn(Effect) -> bool) -> Vec<(Title, Vec<String>)> {
    let of_group = |group: &Group| -> (Title, Vec<String>) {
        let listed = || group.changes.iter().filter(|located| wanted(located.change.effect));
        let counts = Counts::of(listed().map(|located| located.change.effect));
        (Title::In(report.whose(&group.appliances), counts), listed().map(change).collect())
    };
    let mut sections: Vec<(Title, Vec<String>)> = report.compared.groups.iter().map(of_group).collect();
    let exceptions = report.compared.exceptions.iter().filter(|one| wanted(one.change.effect));
    sections.push((Title::Of("Exceptions"), exceptions.map(|one| exception(report, one)).collect()));
    let removed = if wanted(Effect::Weaker) { removed(report) } else { Vec::new() };
    let others = if wanted(Effect::Same) { appliances(report) } else { Vec::new() };
    if wanted(Effect::Same) {
        sections.push((Title::Of("Figures"), figures(report)));
    }
    sections.push((Title::Of("Appliances"), [removed, others].concat()));
    if wanted(Effect::Same) {
        sections.push((Title::Of("Systems"), systems(report)));
        sections.push((Title::Of("Who gets it when"), rings(report)));
    }
    sections
}

/// A text with as much of the lists as fits, and how many lines did not.
fn filled(mut text: String, sections: Vec<(Title, Vec<String>)>) -> (String, usize) {
    let mut left_out = 0;
    for (title, lines) in sections.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        left_out += section(&mut text, &title, &lines);
    }
    (text, left_out)
}

/// Whether protection weakens, where and by what: the first line.
fn verdict(report: &Report, shown: &dyn Fn(&Words) -> String) -> String {
    let totals = report.totals();
    let weaknesses = report.weaknesses();
    let Some(first) = weaknesses.first() else {
        return match totals.undecided() {
            _ if report.is_empty() => "Nothing changes.".to_owned(),
            0 => "Protection does not weaken.".to_owned(),
            n => format!("Nothing is known to weaken; {} cannot be decided.", screen::count(n, "change")),
        };
    };
    let place = shown(&report.whose(&first.appliances));
    let more = match totals.of.weaker.saturating_sub(first.changes) {
        0 => String::new(),
        1 => " One more change weakens it.".to_owned(),
        more => format!(" {more} more changes weaken it."),
    };
    format!("Protection weakens in {place}: {}; {}.{more}", shown(&first.what), shown(&first.why))
}

/// What stands above a list.
enum Title {
    /// Appliances that share changes, and how many of each kind.
    In(Words, Counts),
    /// A word of ours.
    Of(&'static str),
}

impl Title {
    fn markdown(&self) -> String {
        match self {
            Self::In(names, _) => format!("**In {}**", markup(names)),
            Self::Of(word) => format!("**{word}**"),
        }
    }

    /// With the counts of a list of so many lines.
    fn html(&self, lines: usize) -> String {
        match self {
            Self::In(names, counts) => {
                let piece = |(text, quoted): (&str, bool)| match quoted {
                    true => format!("<code>{}</code>", html(text)),
                    false => text.to_owned(),
                };
                format!("In {} ({})", names.pieces().into_iter().map(piece).collect::<String>(), counts.words())
            }
            Self::Of(word) => format!("{word} ({lines})"),
        }
    }
}

/// Adds a section as far as it fits; gives how many of its lines did not.
fn section(text: &mut String, title: &Title, lines: &[String]) -> usize {
    let folded = lines.len() >= MANY;
    let heading = if folded {
        format!("\n<details><summary>{}</summary>\n\n", title.html(lines.len()))
    } else {
        format!("\n{}\n\n", title.markdown())
    };
    let end = if folded { "\n</details>\n" } else { "" };
    let room = (MOST_BYTES - LAST_LINE).saturating_sub(text.len() + heading.len() + end.len());
    let mut used = 0;
    let fits = lines.iter().take_while(|line| {
        used += line.len() + 1;
        used <= room
    });
    let fits = fits.count();
    if fits > 0 {
        text.push_str(&heading);
        lines.iter().take(fits).for_each(|line| text.push_str(&format!("{line}\n")));
        text.push_str(end);
    }
    lines.len() - fits
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Weaker => "🔴 weaker",
        Effect::Unclear => "🟡 unclear",
        Effect::Stronger => "🟢 stronger",
        Effect::Same => "⚪ reworded",
    }
}

fn change(located: &Located) -> String {
    let one = &located.change;
    let why = one.why.as_ref().map(|why| format!(" — {}", markup(&safe_words(why))));
    let at = located.at.as_deref().map(|at| format!(" ({})", code(&safe(at))));
    let said = if located.override_removed { "is gone, which said" } else { "says" };
    let reason = located.reason.as_deref().map(|reason| format!(", its override {said} {}", code(&safe(reason))));
    let text = markup(&render_diff::told(one));
    let (why, reason, at) = (why.unwrap_or_default(), reason.unwrap_or_default(), at.unwrap_or_default());
    format!("- {} {text}{why}{reason}{at}", word(one.effect))
}

fn exception(report: &Report, one: &ExceptionOf) -> String {
    let sign = match Standing::of(&one.change) {
        Standing::EndsSoon => "⏳ ends soon",
        Standing::Ended => "⚪ ended",
        Standing::Changed(effect) => word(effect),
    };
    let place = markup(&report.whose(&one.appliances));
    let fields: String = fields(&one.change).iter().map(|field| format!(", {}", markup(field))).collect();
    let at = one.change.at.as_deref().map(|at| format!(" ({})", code(&safe(at)))).unwrap_or_default();
    let (told, lifting) = (markup(&told(&one.change)), markup(&lifting(&one.change)));
    format!("- {sign} {told}{fields} — {lifting}, in {place}{at}")
}

fn figures(report: &Report) -> Vec<String> {
    let text = |value: &Option<serde_json::Value>| value.as_ref().map_or("none".to_owned(), |v| safe(&v.to_string()));
    let lines = report.figures.iter().map(|figure| {
        let values = format!("{} {}: {} → {}", figure.baseline, figure.id, text(&figure.before), text(&figure.after));
        let moved = match figure.moved.as_slice() {
            [] => String::new(),
            paths => format!(", and with it {}", first_of(paths.iter().map(|path| code(&safe(path))).collect())),
        };
        format!("- {}{moved}", code(&safe(&values)))
    });
    lines.collect()
}

fn rings(report: &Report) -> Vec<String> {
    let lines = report.rings.iter().map(|site| {
        let before = site.before_words().map(|words| format!("; {}", code(&safe(&words))));
        format!("- {}: {}{}", code(&safe(&site.site)), code(&safe(&site.words())), before.unwrap_or_default())
    });
    lines.collect()
}

fn name_of((site, appliance): &Name) -> String {
    code(&safe(&format!("{site}/{appliance}")))
}

fn removed(report: &Report) -> Vec<String> {
    let removed = report.with_status(Status::Removed);
    removed.iter().map(|one| format!("- 🔴 removed {}: it will accept nothing any more", name_of(one))).collect()
}

fn appliances(report: &Report) -> Vec<String> {
    let added = report.with_status(Status::Added);
    let added = added.iter().map(|one| format!("- added {}", name_of(one)));
    let changed = report.compared.appliances.iter().flat_map(|(one, fate)| {
        let sign = |effect: Option<Effect>| effect.map_or("added", word);
        facts(fate).into_iter().map(move |(of, fact)| format!("- {} {}: {}", sign(of), name_of(one), markup(&fact)))
    });
    added.chain(changed).collect()
}

fn systems(report: &Report) -> Vec<String> {
    let lines = report.closures.iter().filter_map(|(name, closure)| {
        let (turn, text) = system(closure)?;
        let sign = match turn {
            Turn::Changes => "changes",
            Turn::Ends => word(Effect::Unclear),
            Turn::Unknown => "🟡 unknown",
        };
        Some(format!("- {sign} {}: {}", name_of(name), markup(&text)))
    });
    lines.collect()
}

fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// A sentence whose quotes are code spans.
fn markup(words: &Words) -> String {
    words.pieces().into_iter().map(|(text, quoted)| if quoted { code(text) } else { text.to_owned() }).collect()
}

/// Text as a code span, which ends only where we end it: the fence is longer than any within.
fn code(text: &str) -> String {
    if text.is_empty() {
        return "``(nothing)``".to_owned();
    }
    let text = &shortened(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let touches = text.starts_with('`') || text.ends_with('`');
    let spaced = text.starts_with(' ') && text.ends_with(' ') && text.trim() != "";
    let pad = if touches || spaced { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Our own words that may quote others: every sign that Markdown knows is escaped.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() && !matches!(c, ',' | '.' | ':' | ';' | '-' | '/' | '(' | ')') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text within an HTML element.
fn html(text: &str) -> String {
    let mut out = String::new();
    for c in shortened(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '@' => out.push_str("&#64;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[path = "../../tests/it/diff/inert.rs"]
mod inert;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use writ_policy::diff::Change;

    use super::inert::assert_inert;
    use super::*;

    fn text() -> impl Strategy<Value = String> {
        "[ -~\u{a0}-\u{2ff}\u{2028}\u{202e}\u{1b}\n\r`|<@\\\\]{0,40}"
    }

    proptest! {
        /// Whatever a policy says, a comment holds it in code spans, one line for each change.
        #[test]
        fn any_text_is_inert(texts in proptest::collection::vec(text(), 6), effect in 0..4usize) {
            let effect = [Effect::Weaker, Effect::Unclear, Effect::Stronger, Effect::Same][effect];
            let one = |i: usize| texts[i].clone();
            let located = Located {
                change: Change {
                    path: vec!["checks".to_owned(), one(0), "title".to_owned()],
                    before: Some(json!(one(1))),
                    after: Some(json!([one(2)])),
                    effect,
                    why: Some(Words::from("passes with ").quote(one(3))),
                    entries: None,
                    witness: None,
                },
                at: Some(one(4)),
                reason: Some(one(5)),
                override_removed: effect == Effect::Weaker,
                others: Vec::new(),
            };
            let line = change(&located);
            prop_assert!(!line.contains('\n'), "{line:?}");
            assert_inert(&line);
            assert_inert(&Title::In(Words::default().quote(safe(&one(0))), Counts::default()).markdown());
        }
    }
}
