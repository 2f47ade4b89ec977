//! Strings as PDF and XML write them.

use std::fmt::Write as _;

/// A text string (ISO 32000-1, 7.9.2.2): printable ASCII as it is, anything else as UTF-16.
pub fn string(text: &str) -> String {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        let mut out = String::with_capacity(text.len() + 2);
        out.push('(');
        for c in text.chars() {
            if matches!(c, '(' | ')' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push(')');
        return out;
    }
    let mut out = "<FEFF".to_owned();
    for unit in text.encode_utf16() {
        let _ = write!(out, "{unit:04X}");
    }
    out.push('>');
    out
}

/// Text within an element of XML; what XML does not allow is the replacement character.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}')
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(string("a (b) \\"), "(a \\(b\\) \\\\)");
        assert_eq!(string("é"), "<FEFF00E9>");
        assert_eq!(string("\u{1f600}\n"), "<FEFFD83DDE00000A>");
        assert_eq!(xml("<a>&\u{0}\u{b}"), "&lt;a&gt;&amp;\u{fffd}\u{fffd}");
    }
}
