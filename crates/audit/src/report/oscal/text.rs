//! OSCAL's datatypes of text, made of any text: <https://pages.nist.gov/OSCAL/resources/concepts/documents/data-types/>.

use std::fmt::Display;

use writ_trust::digest::Digest;
use writ_trust::time::Time;

/// The last instant that OSCAL can write, 2999-12-31T23:59:59Z, in milliseconds since 1970.
const LAST_MILLIS: i64 = 32_503_679_999_000;
/// What stands where there is no text and one is demanded.
const NOTHING: &str = "–";

/// A `string`: one line, no blank at its ends, never empty.
pub fn line(text: impl Display) -> String {
    let text = text.to_string();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { NOTHING.to_owned() } else { words.join(" ") }
}

/// A `markup-line` that says this and holds no markup: what means something in Markdown (CommonMark, and what OSCAL adds) has a
/// backslash before it.
pub fn markup(text: impl Display) -> String {
    let line = line(text);
    let mut out = String::with_capacity(line.len());
    let mut before = ' ';
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        let means_something = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '&' | '~' | '^' => true,
            // Within a word it is a letter as any other.
            '_' => !(before.is_alphanumeric() && next.is_alphanumeric()),
            '{' => next == '{',
            _ => false,
        };
        if means_something {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    // A line that begins so would be a heading, a list or a rule.
    if out.starts_with(['#', '-', '+', '=']) { format!("\\{out}") } else { out }
}

/// A `markup-multiline`: paragraphs that are markup already.
pub fn paragraphs(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// An id as a `token`: `164.312(c)(1)` becomes `c-164.312_c_1`. Ids of another form get a part of their digest behind them, so
/// that no two have one token.
pub fn token(id: &str) -> String {
    let begins = id.starts_with(|c: char| c.is_ascii_alphabetic());
    let mut token = if begins { String::new() } else { "c-".to_owned() };
    token.extend(id.chars().filter_map(|c| match c {
        ')' => None,
        '.' | '-' => Some(c),
        c if c.is_ascii_alphanumeric() => Some(c),
        _ => Some('_'),
    }));
    if is_usual(id) { token } else { format!("{token}_{}", &Digest::of(id.as_bytes()).hex()[..12]) }
}

/// Whether an id is letters, digits, `.` and `-`, with parts in brackets behind: what [`token`] can be read back from.
fn is_usual(id: &str) -> bool {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
    let (head, rest) = id.split_once('(').map_or((id, None), |(head, rest)| (head, Some(rest)));
    let brackets = |rest: &str| rest.strip_suffix(')').is_some_and(|inner| inner.split(")(").all(plain));
    plain(head) && !head.starts_with("c-") && rest.is_none_or(brackets)
}

/// An instant as OSCAL can write it: from 3000 on, its last.
pub fn stamp(at: Time) -> Time {
    at.min(Time::from_unix_millis(LAST_MILLIS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_become_tokens() {
        for (id, expected) in [
            ("164.312(c)(1)", "c-164.312_c_1"),
            ("164.308(a)(7)(ii)(A)", "c-164.308_a_7_ii_A"),
            ("WH-SSH-4", "WH-SSH-4"),
            ("backup.depth-system", "backup.depth-system"),
        ] {
            assert_eq!(token(id), expected);
        }
        for odd in ["", "a b", "a_b", "a(b", "a)b", "a()", "c-1", "é", "a(b)c", "a\n"] {
            let token = token(odd);
            assert_eq!(token[token.len() - 13..].chars().next(), Some('_'), "{odd:?}: {token}");
        }
        assert_eq!(stamp(Time::from_unix_millis(i64::MAX)).to_string(), "2999-12-31T23:59:59Z");
    }

    #[test]
    fn text_is_text_and_no_markup() {
        assert_eq!(line("  a\n\tb\u{0}c  "), "a b c");
        assert_eq!(line("\u{feff} \n"), "–");
        assert_eq!(markup("<script>*x*</script> [a](b)"), "\\<script\\>\\*x\\*\\</script\\> \\[a\\](b)");
        assert_eq!(markup("a_b _c_ {{ insert }} {d}"), "a_b \\_c\\_ \\{{ insert }} {d}");
        assert_eq!(markup("# no heading"), "\\# no heading");
        assert_eq!(paragraphs(["a".into(), String::new(), "b".into()]), "a\n\nb");
    }

    fn is_token(text: &str) -> bool {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    }

    proptest! {
        #[test]
        fn tokens_are_tokens_and_differ(a in "[a-c1(). _é-]{0,8}", b in "[a-c1(). _é-]{0,8}") {
            prop_assert!(is_token(&token(&a)), "{a:?}: {}", token(&a));
            prop_assert!(a == b || token(&a) != token(&b), "{a:?} and {b:?}: {}", token(&a));
        }

        #[test]
        fn lines_are_lines(text in any::<String>()) {
            for made in [line(&text), markup(&text)] {
                prop_assert!(!made.is_empty() && made.trim() == made && !made.chars().any(char::is_control), "{made:?}");
            }
        }
    }
}
