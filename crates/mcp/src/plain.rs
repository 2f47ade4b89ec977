//! Making what others wrote fit for a model and for whoever reads over its shoulder: bounded, and without anything that is not seen.

use serde_json::{Map, Value};

/// The longest text, in characters.
pub const LONGEST: usize = 4_000;
/// The longest sentence, in characters.
const LONGEST_LINE: usize = 2_000;
/// The most entries of a list or an object.
pub const MOST: usize = 200;
/// What an entry takes besides its texts, in bytes.
const EACH: usize = 8;
/// The deepest nesting.
const DEEPEST: usize = 24;

/// A text in which everything is seen: what commands a terminal, turns the direction of writing or is drawn as nothing is escaped.
/// Line breaks stay, for some texts are proofs; in JSON they are no line breaks.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\n') || is_unseen(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// A text as one line of at most `LONGEST_LINE` characters.
pub fn line(text: &str) -> String {
    let shown = match text.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    visible(&shown).replace('\n', "\\u{a}")
}

/// Unicode's property `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt), line and paragraph separators, and the direction
/// of writing. The tag characters among them are text that a model reads and a person does not see.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// How much of a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many bytes may still come.
    left: usize,
    /// Whether something was left out.
    pub cut: bool,
}

impl Budget {
    /// So many bytes.
    pub fn of(bytes: usize) -> Self {
        Self { left: bytes, cut: false }
    }

    /// Takes so many bytes; false where there are no more, and then something is left out.
    fn take(&mut self, bytes: usize) -> bool {
        let enough = bytes <= self.left;
        self.left = self.left.saturating_sub(bytes);
        self.cut |= !enough;
        enough
    }
}

/// A value in which every text is visible and everything is bounded. What there is no room for is left out of lists and objects, and
/// a text is cut with `…` behind it.
pub fn value(value: Value, budget: &mut Budget) -> Value {
    within(value, DEEPEST, budget)
}

fn within(value: Value, depth: usize, budget: &mut Budget) -> Value {
    match value {
        Value::String(text) => Value::String(bounded(&text, budget)),
        Value::Array(_) | Value::Object(_) if depth == 0 => {
            budget.cut = true;
            Value::Null
        }
        Value::Array(list) => {
            budget.cut |= list.len() > MOST;
            let mut kept = Vec::new();
            for one in list.into_iter().take(MOST) {
                if !budget.take(EACH) {
                    break;
                }
                kept.push(within(one, depth - 1, budget));
            }
            Value::Array(kept)
        }
        Value::Object(object) => {
            budget.cut |= object.len() > MOST;
            let mut kept = Map::new();
            for (name, one) in object.into_iter().take(MOST) {
                if !budget.take(EACH) {
                    break;
                }
                kept.insert(bounded(&name, budget), within(one, depth - 1, budget));
            }
            Value::Object(kept)
        }
        other => other,
    }
}

fn bounded(text: &str, budget: &mut Budget) -> String {
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(end, _)| end);
    if budget.take(end) && end == text.len() {
        return visible(text);
    }
    budget.cut = true;
    format!("{}…", visible(text.get(..end.min(budget.left)).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_sees_is_shown_and_what_is_long_is_cut() {
        assert_eq!(visible("ç✓ a\nb"), "ç✓ a\nb");
        assert_eq!(visible("\u{1b}[2J\u{202e}x\u{200b}\u{e0041}\r"), "\\u{1b}[2J\\u{202e}x\\u{200b}\\u{e0041}\\u{d}");
        assert_eq!(line("a\nb\u{1b}"), "a\\u{a}b\\u{1b}");
        assert_eq!(line(&"x".repeat(3_000)).chars().count(), LONGEST_LINE + 1);
        let mut budget = Budget::of(100_000);
        assert_eq!(value(json!({ "a": [1, "b"] }), &mut budget), json!({ "a": [1, "b"] }));
        assert!(!budget.cut);
        let long = value(json!(["x".repeat(LONGEST + 1), vec![0; MOST + 1]]), &mut budget);
        assert!(budget.cut && long[0].as_str().unwrap().chars().count() == LONGEST + 1);
        assert_eq!(long[1].as_array().unwrap().len(), MOST);
    }

    #[test]
    fn there_is_no_more_than_was_allowed() {
        let mut budget = Budget::of(10_000);
        let all = value(json!(vec!["x".repeat(900); 100]), &mut budget);
        assert!(budget.cut && all.to_string().len() < 12_000 && all.as_array().unwrap().len() > 5);
        let mut deep = json!("bottom");
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let mut budget = Budget::of(10_000);
        assert!(value(deep, &mut budget).to_string().len() < 60 && budget.cut);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nothing_unseen_is_left(text in ".{0,60}") {
            prop_assert!(visible(&text).chars().all(|c| (!c.is_control() || c == '\n') && !is_unseen(c)));
        }
    }
}
