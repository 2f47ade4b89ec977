//! Mistakes as a compiler prints them: the source line, a caret, what was expected, the nearest right name.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet};
use rowan::ast::AstNode as _;
use writ_policy::validate::{Level as Severity, redacted};
use writ_trust::text::escaped;

use super::mistake::{Mistake, Place, SECRET};
use super::source::Sources;

/// The most appliances that are named.
const MOST_NAMED: usize = 3;

/// What stands in the clear in the sources: no snippet shows it, whichever mistake it is of.
#[derive(Debug, Default)]
pub struct Hidden(Vec<(String, Range<usize>)>);

impl Hidden {
    /// What the mistakes say of it: from each place to the end of its line, or of the string that it is in.
    pub fn of(mistakes: &[Mistake], sources: &Sources) -> Self {
        let places =
            mistakes.iter().filter(|mistake| mistake.code == SECRET).filter_map(|mistake| mistake.place.as_ref());
        let hidden = places.filter_map(|place| {
            let source = sources.get(&place.file)?;
            let line = source.line(place.line).end;
            let token = source.syntax.token_at_offset(u32::try_from(place.start).ok()?.into()).right_biased();
            let string = token.and_then(|token| token.parent_ancestors().find_map(rnix::ast::Str::cast));
            let end = string.map_or(line, |string| usize::from(string.syntax().text_range().end()));
            Some((place.file.clone(), place.start..end.max(line)))
        });
        Self(hidden.collect())
    }

    /// The first byte of a line that must not be shown.
    fn first(&self, file: &str, line: &Range<usize>) -> Option<usize> {
        let in_line = |at: &Range<usize>| at.start < line.end && line.start < at.end;
        let hidden = self.0.iter().filter(|(name, at)| name == file && in_line(at));
        hidden.map(|(_, at)| at.start.max(line.start)).min()
    }
}

/// One mistake, without a line end; with colour, which the caller strips where there is no terminal.
pub fn render(mistake: &Mistake, hidden: &Hidden, sources: &Sources, all_appliances: usize) -> String {
    let level = match mistake.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(mistake.message.as_str()).id(mistake.code.as_str());
    let label = mistake.expected.as_deref().map(|expected| format!("expected {expected}"));
    let mut group = Group::with_title(title);
    if let Some(place) = &mistake.place {
        group = group.element(snippet(place, label.as_deref(), AnnotationKind::Primary, hidden, sources));
    }
    for (place, said) in &mistake.related {
        group = group.element(snippet(place, Some(said), AnnotationKind::Context, hidden, sources));
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

/// The line as it is shown, and the part of it that the caret points at. What looks like a key is starred, which keeps
/// columns; what is known to be a secret is not shown, nor what follows it on the line.
fn shown(text: &str, span: Range<usize>, secret: Option<usize>) -> (String, Range<usize>) {
    let Some(secret) = secret.filter(|at| text.is_char_boundary(*at)) else {
        return (obeyed_by_none(&redacted(text)), span);
    };
    let before = obeyed_by_none(&redacted(&text[..secret]));
    let end = secret + '…'.len_utf8();
    let span = if span.start < secret { span.start..span.end.min(secret) } else { secret..end };
    (format!("{before}…"), span)
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
    kind: AnnotationKind,
    hidden: &Hidden,
    sources: &Sources,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let source = sources.get(&place.file);
    let lines = source.as_deref().map(|source| {
        let range = source.line(place.line);
        let secret = hidden.first(&place.file, &range).map(|at| at - range.start);
        (source.text.get(range.clone()).unwrap_or_default().to_owned(), range.start, secret)
    });
    let (text, start, secret) = lines.unwrap_or_default();
    let from = place.start.saturating_sub(start).min(text.len());
    let to = (from + place.length).min(text.len());
    let (text, span) = shown(&text, from..to, secret);
    Snippet::source(text)
        .line_start(place.line as usize)
        .path(place.file.as_str())
        .annotation(kind.span(span).label(label))
}
