//! Making foreign text fit for a message of one line.

use std::fmt;

/// The longest piece of foreign text quoted in a message, in characters.
const LONGEST: usize = 300;

/// Text of any origin as one bounded line: control characters are escaped, what is too long is cut.
///
/// Error messages quote documents that an attacker may have written; a quoted line break would let them write whole
/// lines of a log.
pub fn one_line(text: impl fmt::Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", escaped(&text[..end])),
        None => escaped(text),
    }
}

/// As [`one_line`], of any length: what would break the line, command a terminal or turn the direction of writing is
/// escaped.
pub fn escaped(text: impl fmt::Display) -> String {
    let mut out = String::new();
    for c in text.to_string().chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || is_bidi_control(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Unicode's property `Bidi_Control` (PropList.txt).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_its_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m"), "a\\u{a}b\\u{1b}[31m");
        assert_eq!(one_line("ç✓"), "ç✓");
        assert_eq!(one_line("a\u{202e}b\u{200f}c\u{2028}"), "a\\u{202e}b\\u{200f}c\\u{2028}");
        assert_eq!(one_line("x".repeat(1_000)).chars().count(), 301);
        assert_eq!(one_line("x".repeat(300)), "x".repeat(300));
        assert_eq!(escaped("x".repeat(1_000)), "x".repeat(1_000));
    }
}
