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
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_its_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m"), "a\\u{a}b\\u{1b}[31m");
        assert_eq!(one_line("ç✓"), "ç✓");
        assert_eq!(one_line("x".repeat(1_000)).chars().count(), 301);
    }
}
