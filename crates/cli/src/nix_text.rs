//! Text as Nix source: whatever people type, evaluating it gives exactly that text back.

/// A text as one Nix string.
///
/// A carriage return is escaped because Nix reads a bare one at the end of a line as no part of the text; a `$` only
/// where `${` would begin code.
pub fn string(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '$' if rest.peek() == Some(&'{') => written.push_str("\\$"),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

/// The words of the Nix language, which are no bare names of attributes.
const WORDS: [&str; 10] = ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"];

/// The name of an attribute, quoted where it must be.
pub fn name(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if begins && goes_on && !WORDS.contains(&text) { text.to_owned() } else { string(text) }
}

/// A list of texts on one line.
pub fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| string(text.as_ref())).collect();
    if texts.is_empty() { "[ ]".to_owned() } else { format!("[ {} ]", texts.join(" ")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// What Nix makes of a list of strings.
    fn evaluated(texts: &[String]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("texts.nix");
        let lines: Vec<String> = texts.iter().map(|text| format!("  {}\n", string(text))).collect();
        std::fs::write(&file, format!("[\n{}]\n", lines.concat())).unwrap();
        let mut nix = Command::new("nix-instantiate");
        nix.args(["--store", "dummy://", "--eval", "--strict", "--json"]).arg(file);
        let output = nix.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    proptest! {
        // Each case is one run of Nix and hundreds of texts.
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn every_text_comes_back(
            noise in prop::collection::vec("[\u{1}-\u{10ffff}]{0,12}", 100..200),
            nasty in prop::collection::vec("[\"'$\\{}\\\\\r\n\t nrt;#/*]{0,12}", 100..200),
        ) {
            let texts = [noise, nasty].concat();
            prop_assert_eq!(evaluated(&texts), texts);
        }
    }

    #[test]
    fn nothing_in_a_text_is_code() {
        assert_eq!(string("a\"${x}\\"), "\"a\\\"\\${x}\\\\\"");
        assert_eq!(string("$$${x}"), "\"$$\\${x}\"");
        assert_eq!(string("$5\r\n\t"), "\"$5\\r\\n\\t\"");
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        for (text, written) in
            [("on-call", "on-call"), ("in", "\"in\""), ("1st", "\"1st\""), ("a.b", "\"a.b\""), ("", "\"\"")]
        {
            assert_eq!(name(text), written);
        }
    }

    #[test]
    fn lists_are_lines() {
        assert_eq!(list(["a", "b\""]), "[ \"a\" \"b\\\"\" ]");
        assert_eq!(list([""; 0]), "[ ]");
    }
}
