//! The patterns: what is removed by its own shape, without a label before it, and what is known to be harmless.
//!
//! All are linear-time regular expressions, ASCII (`(?-u)`) where it matters. Adding one means adding a row.

mod contacts;
mod harmless;
mod names;
mod numbers;
mod places;
mod records;

use std::sync::{LazyLock, OnceLock};

use regex::Regex;

pub use harmless::HARMLESS;

/// One thing that is removed. A group named `v` is what goes; without one, the whole match.
pub struct Pattern {
    pub tag: &'static str,
    source: String,
    regex: OnceLock<Regex>,
    /// Without one of these in it, a text is not worth looking at. Most texts have none, so most patterns are never compiled:
    /// they would be a good part of the enforcer's memory.
    hints: &'static [&'static str],
    /// Words around it vouch for it: the list of what is harmless does not protect it.
    pub vouched: bool,
    /// Removed only when asked.
    pub optional: bool,
    /// A last word on the match, such as a check digit: how many bytes of it are what was looked for.
    pub judge: Option<fn(&str) -> Option<usize>>,
}

/// A tag that an earlier round left.
pub static TAG: LazyLock<Regex> = LazyLock::new(|| regex(r"\[scrubbed:[a-z-]{1,12}\]"));

/// A date in any common form, in four languages.
pub const DATE: &str = r"(?:(?:19|20)[0-9]{2}[-/.]?[01][0-9][-/.]?[0-3][0-9]|[0-3]?[0-9](?:[-/. ]|%2F)[0-3]?[0-9](?:[-/. ]|%2F)(?:(?:19|20)[0-9]{2}|[0-9]{2})|(?:the )?(?:[0-3]?[0-9](?:st|nd|rd|th|er)?\.?,?(?: de |-| ))?(?:(?i-u:jan|feb|fev|mar|apr|avr|abr|may|mai|jun|jui|jul|aug|aou|ago|sep|oct|okt|nov|dec|dez|dic|ene)|[Ff]év|[Mm]är|[Aa]oû|[Dd]éc)[a-zéèûä]{0,8}\.?(?: de |-| )(?:[0-3]?[0-9](?:st|nd|rd|th)?,?[ -])?(?:19|20)?[0-9]{2})";
/// A word of a name, with accents, apostrophes and hyphens.
const WORD: &str = r"[A-ZÀ-ÖØ-Þ][A-Za-zÀ-ÖØ-öø-ÿ'’-]*";

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("every pattern of the list is tried by a test")
}

impl Pattern {
    /// The expression, if this text may hold what it looks for.
    pub fn for_text(&self, text: &str) -> Option<&Regex> {
        let hinted = self.hints.is_empty() || self.hints.iter().any(|hint| text.contains(hint));
        hinted.then(|| self.regex.get_or_init(|| regex(&self.source)))
    }

    fn hinted(self, hints: &'static [&'static str]) -> Self {
        Self { hints, ..self }
    }
}

fn row(tag: &'static str, pattern: &str) -> Pattern {
    let (source, regex) = (pattern.to_owned(), OnceLock::new());
    Pattern { tag, source, regex, hints: &[], vouched: false, optional: false, judge: None }
}

fn vouched(tag: &'static str, pattern: &str) -> Pattern {
    Pattern { vouched: true, ..row(tag, pattern) }
}

fn judged(tag: &'static str, judge: fn(&str) -> Option<usize>, pattern: &str) -> Pattern {
    Pattern { judge: Some(judge), ..row(tag, pattern) }
}

/// Whole records, which come before labels: of two that overlap, the earlier wins.
pub static RECORDS: LazyLock<Vec<Pattern>> = LazyLock::new(records::rows);

/// Everything else, strongest evidence first.
pub static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let mut rows = contacts::rows();
    rows.extend(numbers::rows());
    rows.extend(contacts::telephones());
    rows.extend(names::rows());
    rows.extend(places::rows());
    rows.extend(numbers::dates());
    rows.extend(contacts::machines());
    rows
});
