//! CSV (RFC 4180) for spreadsheets: every file of it is made here, record by record.
//!
//! A spreadsheet takes a cell that begins with `= + - @`, a tab or a line break for a formula, some also one that begins with `|`
//! or `%`. What is in evidence may have come from anybody, so such a cell gets an apostrophe before it, as OWASP recommends; and no
//! cell has a control character.

use writ_trust::text::escaped;

/// What a cell begins with that some spreadsheet runs, or passes over on its way to something that it runs.
const RUN: [char; 9] = ['=', '+', '-', '@', '\t', '\r', '\n', '|', '%'];

/// A record with its end.
pub fn record<'c>(cells: impl IntoIterator<Item = &'c str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    cells.join(",") + "\r\n"
}

/// A cell that no spreadsheet runs and no line break ends.
fn cell(text: &str) -> String {
    let led = if text.starts_with(RUN) { "'" } else { "" };
    let text = format!("{led}{}", escaped(text));
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_breaks_its_line() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("|calc", "'|calc"),
            ("%1", "'%1"),
            ("\t=1", "'\\u{9}=1"),
            ("\r=1", "'\\u{d}=1"),
            ("\n=1", "'\\u{a}=1"),
            ("two\nlines", "two\\u{a}lines"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
        assert_eq!(record(["a", "", "b,c"]), "a,,\"b,c\"\r\n");
    }
}
