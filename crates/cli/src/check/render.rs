//! Mistakes as a compiler prints them: the source line, a caret, what was expected, the nearest right name.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet};
use writ_policy::validate::{Level as Severity, redacted};
use writ_trust::text::escaped;

use super::mistake::{Mistake, Place, SECRET};
use super::source::Sources;

/// The most appliances that are named.
const MOST_NAMED: usize = 3;

/// One mistake, without a line end; with colour, which the caller strips where there is no terminal.
pub fn render(mistake: &Mistake, sources: &Sources, all_appliances: usize) -> String {
    let level = match mistake.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(mistake.message.as_str()).id(mistake.code.as_str());
    let label = mistake.expected.as_deref().map(|expected| format!("expected {expected}"));
    let mut group = Group::with_title(title);
    if let Some(place) = &mistake.place {
        group = group.element(snippet(place, label.as_deref(), Primary(mistake.code == SECRET), sources));
    }
    for (place, said) in &mistake.related {
        group = group.element(snippet(place, Some(said), Context, sources));
    }
    for element in messages(mistake, all_appliances) {
        group = group.element(element);
    }
    Renderer::styled().render(&[group])
}

fn messages(mistake: &Mistake, all: usize) -> Vec<Element<'_>> {
    let mut messages = Vec::new();
    if let Some(name) = &mistake.nearest {
        messages.push(Level::HELP.message(format!("did you mean `{name}`?")).into());
    }
    if let (None, Some(expected)) = (&mistake.place, &mistake.expected) {
        messages.push(Level::HELP.message(format!("expected {expected}")).into());
    }
    if let Some(help) = &mistake.help {
        messages.push(Level::NOTE.message(help.as_str()).into());
    }
    if !mistake.appliances.is_empty() {
        messages.push(Level::NOTE.message(whose(mistake, all)).into());
    }
    messages
}

/// Whose policy has it, in words.
fn whose(mistake: &Mistake, all: usize) -> String {
    let names: Vec<&str> = mistake.appliances.iter().map(String::as_str).take(MOST_NAMED).collect();
    match mistake.appliances.len() {
        1 => format!("in the policy of {}", names.join("")),
        2 if all == 2 => "in the policy of both appliances".to_owned(),
        n if n == all => format!("in the policy of all {n} appliances"),
        n if n > MOST_NAMED => format!("in the policies of {} and {} more", names.join(", "), n - MOST_NAMED),
        _ => format!("in the policies of {}", names.join(" and ")),
    }
}

/// What a snippet is of.
enum Shows {
    /// The place of the mistake; whether its value must not be shown.
    Primary(bool),
    /// Another place.
    Context,
}
use Shows::{Context, Primary};

/// The line as it is shown, and the part of it that the caret points at. What looks like a key is starred, which keeps
/// columns; what is known to be a secret is not shown, nor what follows it on the line.
fn shown(text: &str, span: Range<usize>, secret: bool) -> (String, Range<usize>) {
    if !secret {
        return (obeyed_by_none(&redacted(text)), span);
    }
    let before = obeyed_by_none(&redacted(&text[..span.start]));
    (format!("{before}…"), span.start..span.start + '…'.len_utf8())
}

/// A source line without what a terminal would obey, each such character replaced by one of as many bytes. The renderer
/// knows the ASCII ones, and what turns the direction of writing; not the C1 controls.
fn obeyed_by_none(text: &str) -> String {
    let shown = |c: char| match c.len_utf8() {
        2 if escaped(c) != c.to_string() => '·',
        3 if escaped(c) != c.to_string() => char::REPLACEMENT_CHARACTER,
        _ => c,
    };
    text.chars().map(shown).collect()
}

/// The one source line of a place, with its caret.
fn snippet<'a>(
    place: &'a Place,
    label: Option<&'a str>,
    shows: Shows,
    sources: &Sources,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let source = sources.get(&place.file);
    let lines = source.as_deref().map(|source| {
        let range = source.line(place.line);
        (source.text.get(range.clone()).unwrap_or_default().to_owned(), range.start)
    });
    let (text, start) = lines.unwrap_or_default();
    let from = place.start.saturating_sub(start).min(text.len());
    let to = (from + place.length).min(text.len());
    let (kind, secret) = match shows {
        Primary(secret) => (AnnotationKind::Primary, secret),
        Context => (AnnotationKind::Context, false),
    };
    let (text, span) = shown(&text, from..to, secret);
    Snippet::source(text)
        .line_start(place.line as usize)
        .path(place.file.as_str())
        .annotation(kind.span(span).label(label))
}
