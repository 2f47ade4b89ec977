//! Reading a value behind a label: where it begins and ends, and whether it is one at all.

use std::sync::LazyLock;

use regex::Regex;

use super::opening::{Opening, Quote};
use super::table::Class;
use crate::scrub::patterns::DATE;

/// The longest value, in bytes.
const LONGEST: usize = 512;
/// What stands where nothing is known.
const NOTHING: &[&str] = &[
    "null",
    "none",
    "nil",
    "n/a",
    "na",
    "unknown",
    "undefined",
    "true",
    "false",
    "yes",
    "no",
    "empty",
    "-",
    "*",
    "string",
    "required",
    "missing",
    "invalid",
];
/// Words in small letters within names of people and places.
const PARTICLES: &[&str] = &[
    "de", "del", "della", "di", "da", "do", "dos", "das", "du", "des", "la", "las", "los", "le", "les", "el", "y", "e",
    "i", "van", "von", "vom", "der", "den", "dem", "ter", "ten", "zu", "zum", "zur", "am", "an", "im", "in", "ob",
    "bei", "auf", "vor", "vorm", "sur", "sous", "en", "et", "aux", "upon", "on", "of", "the", "under", "und", "bin",
    "ibn",
];

static DATE_AT: LazyLock<Regex> = LazyLock::new(|| anchored(&format!(r"{DATE}(?-u:\b)")));
static ZIP_AT: LazyLock<Regex> =
    LazyLock::new(|| anchored(r"(?:[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}|[0-9]{5}(?:-[0-9]{4})?|[0-9]{4})(?-u:\b)"));
static PHONE_AT: LazyLock<Regex> = LazyLock::new(|| {
    anchored(r"(?:tel:)?\+?[0-9(](?:[0-9()./+-]|[ \x{a0}][(0-9+./-]|%2[0-9B]){4,32}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?")
});

fn anchored(pattern: &str) -> Regex {
    Regex::new(&format!("^(?:{pattern})")).expect("every pattern is tried by a test")
}

/// The value that an opening leads to, as a range of bytes.
pub fn read(text: &str, class: Class, opening: &Opening) -> Option<(usize, usize)> {
    let at = opening.at;
    let window = &text[at..boundary(text, at + LONGEST)];
    let length = if class == Class::Blob {
        blob(&text[at..])?
    } else {
        match opening.quote {
            Quote::Written { start, end } => closed(window, &text[start..end])?,
            Quote::Element => window.find('<')?,
            Quote::Query => window.find(|c: char| c.is_whitespace() || "&;\"'<>#".contains(c)).unwrap_or(window.len()),
            Quote::None => bare(window, class, opening)?,
        }
    };
    let value = &text[at..at + length];
    plausible(value, class, opening).then_some((at, at + length))
}

fn boundary(text: &str, at: usize) -> usize {
    (at.min(text.len())..=text.len()).find(|n| text.is_char_boundary(*n)).unwrap_or(text.len())
}

/// Where a quote closes.
fn closed(window: &str, quote: &str) -> Option<usize> {
    let single = quote == "'";
    let mut from = 0;
    loop {
        let at = from + window[from..].find(quote)?;
        let next = window[at + quote.len()..].chars().next();
        let escaped = quote.len() == 1 && window[..at].ends_with('\\') && !window[..at].ends_with("\\\\");
        // An apostrophe, or SQL's way to write one.
        let doubled = single && next == Some('\'') && at > 0;
        if doubled || escaped || single && next.is_some_and(char::is_alphabetic) {
            from = at + quote.len() + usize::from(doubled);
            continue;
        }
        return if window[..at].contains('\n') { None } else { Some(at) };
    }
}

fn blob(text: &str) -> Option<usize> {
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"+/=_-:;,".contains(b)).count();
    (length >= 16).then_some(length)
}

/// Whether a value can be what its label says.
fn plausible(value: &str, class: Class, opening: &Opening) -> bool {
    let trimmed = value.trim();
    let digits = unescaped(trimmed).filter(char::is_ascii_digit).count();
    let letters = trimmed.chars().any(char::is_alphabetic);
    if trimmed.is_empty() || NOTHING.contains(&trimmed.to_ascii_lowercase().as_str()) {
        return false;
    }
    let query = opening.quote == Quote::Query;
    match class {
        Class::Name | Class::Place => letters,
        Class::Capital => {
            let capital = trimmed.split(' ').any(|w| w.starts_with(char::is_uppercase));
            capital && digits == 0 || query && letters
        }
        Class::FullName => two_capitals(trimmed) && digits == 0,
        Class::Address => {
            letters && !trimmed.starts_with('/') && (opening.quoted() || trimmed.contains(char::is_uppercase))
        }
        Class::Zip | Class::Plate => digits > 0,
        Class::Date => digits >= 4,
        Class::Phone => digits >= 6,
        Class::Email => trimmed.contains('@') || trimmed.contains("%40"),
        Class::Number => digits >= 4,
        Class::Id => digits >= if opening.quoted() { 1 } else { 2 },
        Class::Token | Class::Blob => true,
    }
}

/// The characters of a value; a letter that JSON wrote as `\u00fc` is none of its digits.
fn unescaped(value: &str) -> impl Iterator<Item = char> {
    value.split("\\u").enumerate().flat_map(|(n, part)| part.chars().skip(if n > 0 { 4 } else { 0 }))
}

fn two_capitals(value: &str) -> bool {
    let mut words = value.split([' ', '+', ',']).filter(|w| !w.is_empty()).peekable();
    words.peek().is_some()
        && words.clone().all(|w| w.starts_with(char::is_uppercase) || PARTICLES.contains(&w))
        && words.filter(|w| w.starts_with(char::is_uppercase)).count() > 1
        && !value.contains(['/', '_', '=', ':', '('])
}

/// The length of a value without quotes.
fn bare(window: &str, class: Class, opening: &Opening) -> Option<usize> {
    match class {
        Class::Name => names(window, if opening.strict { 1 } else { 2 }, true)
            .or_else(|| opening.tight.then(|| small(window)).flatten()),
        Class::Capital => names(window, 1, true),
        Class::FullName => names(window, 2, true),
        Class::Place => names(window, 1, false),
        Class::Address => address(window),
        Class::Zip => ZIP_AT.find(window).map(|m| m.end()),
        Class::Date => DATE_AT.find(window).map(|m| m.end()),
        Class::Phone => {
            PHONE_AT.find(window).map(|m| m.as_str().trim_end_matches(['.', '-', '(', ' ', '+', '/']).len())
        }
        Class::Email | Class::Token => Some(token(window)),
        Class::Id => id(window),
        Class::Number => groups(window, 34, 4),
        Class::Plate => groups(window, 10, 1),
        Class::Blob => None,
    }
}

/// One word up to a blank or a sign that ends one.
fn token(window: &str) -> usize {
    let end = window.find(|c: char| c.is_whitespace() || ",;\"'<>&)(|{}[]".contains(c)).unwrap_or(window.len());
    window[..end].trim_end_matches(['.', ':']).len()
}

/// A name in small letters, as a key's value may be: `last_name=doe`.
fn small(window: &str) -> Option<usize> {
    let end = token(window);
    let word = window[..end].chars().all(|c| c.is_alphabetic() || "-'’.".contains(c));
    (word && end > 1).then_some(end)
}

fn id(window: &str) -> Option<usize> {
    let end = window.find(|c: char| !(c.is_ascii_alphanumeric() || "-./_".contains(c))).unwrap_or(window.len());
    let length = window[..end].trim_end_matches(['.', '-', '/', '_']).len();
    let next = window[length..].chars().next();
    let starts = window.starts_with(|c: char| c.is_ascii_alphanumeric());
    // `0000:00:14.0` and `04:C2:9B` are machines' numbers.
    (starts && (3..=48).contains(&length) && next != Some(':') && next != Some('(')).then_some(length)
}

/// Groups of digits and capitals, as `DE89 3704 0044` or `04 270407 P 094`: of `most` signs at most, with `least` digits. A
/// group without a digit belongs to them between others; at the end, only one letter does, or any where few digits do.
fn groups(window: &str, most: usize, least: usize) -> Option<usize> {
    let (mut end, mut signs, mut at) = (0, 0, 0);
    loop {
        let rest = &window[at..];
        let length = rest.find(|c: char| !(c.is_uppercase() || c.is_ascii_digit())).unwrap_or(rest.len());
        let next = rest[length..].chars().next();
        let key = rest[length..].trim_start_matches(' ').starts_with(['=', ':']) && length > 1;
        signs += length;
        if length == 0 || signs > most || key || next.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            break;
        }
        let digits = rest[..length].bytes().any(|b| b.is_ascii_digit());
        if digits || length == 1 && at > 0 || least < 4 {
            end = at + length;
        }
        match next {
            Some(sign @ (' ' | '-' | '.' | '/' | '\u{a0}')) => at += length + sign.len_utf8(),
            _ => break,
        }
    }
    (window[..end].bytes().filter(u8::is_ascii_digit).count() >= least).then_some(end)
}

/// Words with capitals, particles between them; with `commas`, also `Doe, Jane`. At least so many, at most six.
fn names(window: &str, least: usize, commas: bool) -> Option<usize> {
    let (mut end, mut count, mut at) = (0, 0, 0);
    for _ in 0..9 {
        let rest = &window[at..];
        let length =
            rest.find(|c: char| !(c.is_alphabetic() || "'’-.\u{301}\u{308}".contains(c))).unwrap_or(rest.len());
        let word = rest[..length].trim_end_matches(['.', '-', '\'', '’']);
        let initial = word.chars().count() == 1 && rest[word.len()..].starts_with('.');
        let length = if initial { word.len() + 1 } else { word.len() };
        let after = &rest[length..];
        let key = after.trim_start_matches([' ', '\u{a0}']).starts_with(['=', ':'])
            || after.starts_with(['_', '(', '@', '['])
            || after.starts_with(|c: char| c.is_ascii_digit());
        if word.is_empty() || key {
            break;
        }
        if word.starts_with(char::is_uppercase) {
            count += 1;
            end = at + length;
        } else if !PARTICLES.contains(&word) {
            break;
        }
        let sign = match after.as_bytes() {
            [b' ', ..] => 1,
            [b',', b' ', ..] if commas && end == at + length => 2,
            [b'/', b'A'..=b'Z', ..] if !commas => 1,
            _ => 0,
        };
        if sign == 0 || count == 6 {
            break;
        }
        at += length + sign;
    }
    (count >= least && end > 1).then_some(end)
}

/// A line with an address: up to the next key, or to what ends a field.
fn address(window: &str) -> Option<usize> {
    let line = &window[..window.find(|c: char| "\n\r\t;|<>\"{}[]".contains(c)).unwrap_or(window.len())];
    let line = line.split("\\n").next().unwrap_or(line);
    let line = &line[..line.len().min(boundary(line, 160))];
    let key = |from: usize| {
        let rest = line[from..].trim_start_matches([',', ' ']);
        let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
        word > 0 && rest[word..].trim_start_matches([' ', '\u{a0}']).starts_with(['=', ':'])
    };
    let end = line.match_indices([',', ' ']).map(|(at, _)| at).find(|at| key(*at)).unwrap_or(line.len());
    let value = line[..end].trim_end_matches([' ', ',', '.', ')', '\'']);
    let digit = value.contains(|c: char| c.is_ascii_digit());
    (value.contains(' ') && (digit || value.contains(char::is_uppercase)) && !value.contains("::"))
        .then_some(value.len())
}
