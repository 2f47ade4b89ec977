//! What to do about an error of Nix itself, and where it is: Nix names the token at which it gave up, which is seldom
//! the one that is wrong.

use std::ops::Range;

use rnix::SyntaxKind::*;
use rnix::SyntaxToken;
use rowan::ast::AstNode as _;
use writ_policy::delta::Position;
use writ_policy::validate::Part;

use super::locate::{Wanted, locate};
use super::nix_error::NixError;
use super::source::Source;

/// What is said of an error of which nothing better is known.
pub const NOTHING: &str = "the rest of this file could not be looked at";
/// What some editors begin a file with.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The bytes that an error is about, and what to do; no bytes where something is missing behind a token.
pub fn hint(error: &NixError, at: &Position, source: &Source) -> (Range<usize>, &'static str) {
    let start = source.offset(at.line, at.column);
    let says = |text: &str| error.message.contains(text);
    if says("expecting ';'")
        && !says("unexpected ','")
        && let Some(last) = before_binding(source, start)
    {
        let end = usize::from(last.text_range().end());
        let is_value = last.kind() != TOKEN_ASSIGN;
        return (end..end, if is_value { "a `;` is missing here" } else { "a value is missing here" });
    }
    (culprit(error, at, source), help(error, at, source, start))
}

/// What to do about an error whose place Nix has right.
fn help(error: &NixError, at: &Position, source: &Source, start: usize) -> &'static str {
    let says = |text: &str| error.message.contains(text);
    let is_root = || source.root().is_some_and(|root| usize::from(root.syntax().text_range().start()) == start);
    if says("unexpected ','") {
        comma(says("expecting ';'"), source, start)
    } else if says("unexpected IN") {
        "`in` is a word of the Nix language: as the name of an operator it is written \"in\""
    } else if says("unexpected FLOAT") && says("'='") {
        "an id with a dot needs quotes"
    } else if says("unexpected ':'") && says("'='") {
        "a name gets its value by `=`, not by `:`"
    } else if says("cannot coerce an integer to a string") {
        "within a text, a number is written ${toString …}"
    } else if says("syntax error") && at.line == 1 && source.text.starts_with(BYTE_ORDER_MARK) {
        "this file begins with a byte order mark, which Nix does not know: save it as UTF-8 without one"
    } else if (says("called without required argument") || says("called with unexpected argument")) && is_root() {
        "a policy file is given `writ` and nothing else, as in `{ writ, ... }:`"
    } else {
        NOTHING
    }
}

/// What to do about a comma.
fn comma(ends_binding: bool, source: &Source, start: usize) -> &'static str {
    let mut depth = 0;
    let mut before = std::iter::successors(token_before(source, start), SyntaxToken::prev_token);
    let opened = before.find(|token| {
        depth += match token.kind() {
            TOKEN_R_BRACK | TOKEN_R_BRACE | TOKEN_R_PAREN | TOKEN_INTERPOL_END => 1,
            TOKEN_L_BRACK | TOKEN_L_BRACE | TOKEN_L_PAREN | TOKEN_INTERPOL_START => -1,
            _ => 0,
        };
        depth < 0
    });
    match opened.map(|token| token.kind()) {
        Some(TOKEN_L_BRACK) => "the entries of a list stand side by side, without commas: [ \"a\" \"b\" ]",
        Some(TOKEN_L_BRACE) if ends_binding => "a binding ends with `;`, not with `,`",
        _ => "there is a comma only between the parameters of a function: { writ, ... }:",
    }
}

/// The name it quotes, if that stands on the line, or else the token at its place.
fn culprit(error: &NixError, at: &Position, source: &Source) -> Range<usize> {
    let start = source.offset(at.line, at.column);
    let rest = &source.text[start..source.line(at.line).end.max(start)];
    let quoted = error.message.split('\'').nth(1).filter(|name| name.len() > 1);
    match quoted.and_then(|name| Some((rest.find(name)?, name.len()))) {
        Some((offset, length)) => start + offset..start + offset + length,
        None => {
            locate(source, &Wanted { line: at.line, column: Some(at.column), path: &[], part: Part::Key, text: None })
        }
    }
}

/// The last token that ends before a byte, be it of whitespace.
fn token_before(source: &Source, at: usize) -> Option<SyntaxToken> {
    let token = source.syntax.token_at_offset(u32::try_from(at).ok()?.into()).left_biased()?;
    if usize::from(token.text_range().end()) > at { token.prev_token() } else { Some(token) }
}

/// The last token before the one that Nix did not expect; where that is `=`, before the name that gets its value.
fn before_binding(source: &Source, at: usize) -> Option<SyntaxToken> {
    let last = visible(token_before(source, at)?)?;
    if !source.text[at..].starts_with('=') {
        return Some(last);
    }
    let mut first = last;
    loop {
        while first.kind() == TOKEN_STRING_CONTENT || first.kind() == TOKEN_STRING_END {
            first = first.prev_token()?;
        }
        match first.prev_token().filter(|dot| dot.kind() == TOKEN_DOT) {
            Some(dot) => first = dot.prev_token()?,
            None => return visible(first.prev_token()?),
        }
    }
}

/// A token, or the last one before it, that is neither whitespace nor a comment.
fn visible(token: SyntaxToken) -> Option<SyntaxToken> {
    let mut tokens = std::iter::successors(Some(token), SyntaxToken::prev_token);
    tokens.find(|token| !matches!(token.kind(), TOKEN_WHITESPACE | TOKEN_COMMENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEMICOLON: &str = "syntax error, unexpected '=', expecting ';'";

    fn hinted(text: &str, message: &str, line: u32, column: u32) -> (Source, Range<usize>, &'static str) {
        let source = Source::new(text.to_owned());
        let at = Position { file: "a.nix".to_owned(), line, column };
        let error = NixError { message: message.to_owned(), suggestion: None, trace: vec![at.clone()], library: None };
        let (range, help) = hint(&error, &at, &source);
        (source, range, help)
    }

    #[test]
    fn a_missing_semicolon_is_behind_what_stands_before_the_next_binding() {
        for (text, line, column, expected) in [
            ("{ a = \"x y\" # why\n\n  b.c = 1; }", 3, 7, "{ a = \"x y\""),
            ("{ a = [ 1 ]\n b= 1; }", 2, 3, "{ a = [ 1 ]"),
            ("{ a = 12 b = 1; }", 1, 12, "{ a = 12"),
            ("{ a = ''\n x\n''\nb = 1; }", 4, 3, "{ a = ''\n x\n''"),
            ("{ a = \"x\"\n b.\"c d\".e = 1; }", 2, 12, "{ a = \"x\""),
            ("{ a = x.y /* z */\n b.c.\"d\" = 1; }", 2, 10, "{ a = x.y"),
        ] {
            let (source, range, help) = hinted(text, SEMICOLON, line, column);
            assert_eq!((&source.text[..range.start], range.len()), (expected, 0));
            assert_eq!(help, "a `;` is missing here");
        }
        let (source, range, _) = hinted("{ a = f\n}", "syntax error, unexpected '}', expecting ';'", 2, 1);
        assert_eq!(&source.text[..range.start], "{ a = f");
        let (source, range, help) = hinted("{ a =\n b = 1; }", SEMICOLON, 2, 4);
        assert_eq!((&source.text[..range.start], help), ("{ a =", "a value is missing here"));
    }

    #[test]
    fn what_a_comma_should_be_depends_on_what_it_is_in() {
        let unexpected = "syntax error, unexpected ','";
        for (text, message, expected) in [
            ("{ a = [ (f { b = 1; }) \"${x}\", 2 ]; }", unexpected, "list"),
            ("{ a = [ 1 ], b = 2; }", "syntax error, unexpected ',', expecting ';'", "ends with `;`"),
            ("{ a = f (1, 2); }", unexpected, "parameters"),
            ("{ inherit (x) a, b; }", unexpected, "parameters"),
        ] {
            let column = u32::try_from(text.find(',').unwrap() + 1).unwrap();
            let (source, range, help) = hinted(text, message, 1, column);
            assert_eq!(&source.text[range], ",");
            assert!(help.contains(expected), "{text}: {help}");
        }
    }

    #[test]
    fn any_text_and_any_place_give_a_range() {
        let text = "é{ a = \"x ${b}\"\n  c = ''\n  d\n'' # e\n f = [ 1, 2 ]; }";
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            for (line, column) in [(1, 1), (1, 9), (2, 5), (4, 3), (5, 4), (99, 99)] {
                for message in ["expecting ';'", SEMICOLON, "unexpected ','", "undefined variable 'c'", ""] {
                    let (source, range, _) = hinted(&text[..end], message, line, column);
                    assert!(!source.text[range].contains('\n'), "{end} {line}:{column} {message}");
                }
            }
        }
    }
}
