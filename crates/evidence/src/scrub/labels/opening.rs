//! What stands between a label and its value: separators, quotes and brackets.

/// The end of a quoted value: how its quote is written, or nothing where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    None,
    /// `"`, `'`, or either behind backslashes, as it was opened.
    Written {
        start: usize,
        end: usize,
    },
    /// An element of XML: up to the next `<`.
    Element,
    /// A query of a URL: up to `&`, `;` or a blank.
    Query,
}

/// How a value is opened, and where it begins.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    pub at: usize,
    /// A separator or a quote stands before it.
    pub strict: bool,
    pub quote: Quote,
    /// It is the first of a list.
    pub list: bool,
    /// There is no value, but an object: `"address":[{`.
    pub container: bool,
    /// The key is the name or an attribute of an XML element.
    pub in_element: bool,
    /// The separator is `=` without blanks around it.
    pub tight: bool,
}

impl Opening {
    pub fn quoted(&self) -> bool {
        self.quote != Quote::None
    }

    /// The next string of the list that a string ending here is in.
    pub fn next_string(&self, text: &str, end: usize) -> Option<Self> {
        let Quote::Written { start, end: stop } = self.quote else { return None };
        let quote = &text[start..stop];
        let rest = text[end..].strip_prefix(quote)?;
        let comma = rest.trim_start_matches(' ').strip_prefix(',')?;
        let inside = comma.trim_start_matches(' ').strip_prefix(quote)?;
        Some(Self { at: text.len() - inside.len(), ..*self })
    }
}

const BLANKS: [char; 3] = [' ', '\t', '\u{a0}'];
/// Words that say "is" before a value.
const VERBS: &[&str] = &[
    "is ",
    "was ",
    "ist ",
    "lautet ",
    "est ",
    "es ",
    "like ",
    "LIKE ",
    "n° ",
    "nº ",
    "n.º ",
    "no. ",
    "Nr. ",
    "number ",
    "ending in ",
    "ends in ",
];

/// Reads what follows a label that stands at `start..end`.
pub fn read(text: &str, start: usize, end: usize) -> Opening {
    // No name of an element or a key is longer, and looking back must not cost more with every label.
    let from = (0..=start.saturating_sub(64)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
    let before = &text[from..start];
    let in_element = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_-:.".contains(c)).ends_with('<');
    let in_query =
        before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "_-.".contains(c)).ends_with(['?', '&']);
    let mut rest = &text[end..];
    // `address1`, `dossier n°`, `tel.`
    rest = rest
        .strip_prefix(|c: char| c.is_ascii_digit())
        .filter(|r| !r.starts_with(char::is_alphanumeric))
        .unwrap_or(rest);
    rest = rest.strip_prefix('.').unwrap_or(rest);
    rest = rest.strip_prefix(['°', 'º']).unwrap_or(rest);
    let key_quote = closing(rest);
    rest = &rest[key_quote..];
    let blank = rest.starts_with(BLANKS);
    rest = blanks(rest);
    let attribute =
        in_element.then(|| ["value=", "extension=", "content="].iter().find_map(|a| rest.strip_prefix(a))).flatten();
    let (separator, mut after) = match attribute {
        Some(after) => (true, after),
        None => separator(rest, in_element),
    };
    let tight = rest.starts_with('=') && !blank && !after.starts_with(BLANKS);
    if separator && in_element && attribute.is_none() && rest.starts_with('>') {
        return Opening {
            at: text.len() - after.len(),
            strict: true,
            quote: Quote::Element,
            list: false,
            container: false,
            in_element,
            tight,
        };
    }
    if in_query && tight {
        return Opening {
            at: text.len() - after.len(),
            strict: true,
            quote: Quote::Query,
            list: false,
            container: false,
            in_element,
            tight,
        };
    }
    after = blanks(after);
    if !separator {
        after = VERBS.iter().find_map(|verb| after.strip_prefix(verb)).unwrap_or(after);
    }
    let (list, inner) = match after.strip_prefix(['[', '(']) {
        Some(inner) if separator => (true, blanks(inner)),
        _ => (false, after),
    };
    let container = separator && inner.starts_with('{');
    let at = text.len() - inner.len();
    let quote_end = at + opening_quote(inner);
    let quote = if quote_end > at { Quote::Written { start: at, end: quote_end } } else { Quote::None };
    Opening { at: quote_end, strict: separator || quote != Quote::None, quote, list, container, in_element, tight }
}

fn blanks(text: &str) -> &str {
    let mut rest = text;
    for _ in 0..3 {
        rest = rest.strip_prefix(BLANKS).unwrap_or(rest);
    }
    rest
}

/// Bytes of what closes a key: a quote, also behind backslashes, a bracket.
fn closing(text: &str) -> usize {
    let slashes = text.bytes().take(4).take_while(|b| *b == b'\\').count();
    match text.as_bytes().get(slashes) {
        Some(b'"' | b'\'') => slashes + 1,
        Some(b']' | b'`' | b')') if slashes == 0 => 1,
        _ => 0,
    }
}

fn opening_quote(text: &str) -> usize {
    let slashes = text.bytes().take(4).take_while(|b| *b == b'\\').count();
    match text.as_bytes().get(slashes) {
        Some(b'"' | b'\'') => slashes + 1,
        _ => 0,
    }
}

/// Whether a separator is next, and what follows it.
fn separator(text: &str, in_element: bool) -> (bool, &str) {
    for sign in ["#:", "# :", "=>", "->", "==", ":=", ":", "=", "#"] {
        if let Some(after) = text.strip_prefix(sign) {
            return (true, after);
        }
    }
    match text.strip_prefix('>') {
        Some(after) if in_element => (true, after),
        _ => (false, text),
    }
}
