//! Lines of text for a terminal, broken between words.

use anstyle::Style;

use crate::screen::{BOLD, DIM, paint};

/// How far what belongs to a label stands in.
const LABEL: usize = 11;

/// Lines, each with a part that leads in a style of its own.
pub struct Lines {
    width: usize,
    lines: Vec<String>,
}

impl Lines {
    /// No lines yet; none will be wider than this, give or take a word that is.
    pub fn new(width: usize) -> Self {
        Self { width: width.max(40), lines: Vec::new() }
    }

    /// All of them, painted.
    pub fn all(&self) -> &[String] {
        &self.lines
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.lines.push(String::new());
    }

    /// A lead, and what follows it.
    pub fn put(&mut self, lead: (Style, &str), text: &str) {
        self.broken(lead, 0, text, 2);
    }

    /// `label      text`.
    pub fn row(&mut self, label: &str, text: &str) {
        self.broken((DIM, &format!("{label:<width$}", width = LABEL - 1)), 0, text, LABEL);
    }

    /// `  ✗ subject: text`.
    pub fn item(&mut self, (style, mark): (Style, &str), subject: &str, text: &str) {
        let before = self.lines.len();
        self.broken((BOLD, &format!("{subject}:")), 4, text, 4);
        if let Some(first) = self.lines.get_mut(before) {
            first.replace_range(..4, &format!("  {} ", paint(style, mark)));
        }
    }

    /// What belongs to the item above.
    pub fn under(&mut self, label: &str, text: &str) {
        self.broken((DIM, label), 4, text, 4);
    }

    /// A lead that stands in by so much, and text that goes on beneath.
    fn broken(&mut self, (style, lead): (Style, &str), indent: usize, text: &str, hanging: usize) {
        let mut line = " ".repeat(indent);
        let mut at = indent + lead.chars().count();
        if !lead.is_empty() {
            line.push_str(&paint(style, lead));
        }
        let mut begun = !lead.is_empty();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let length = word.chars().count();
            if begun && at + 1 + length > self.width {
                self.lines.push(std::mem::replace(&mut line, " ".repeat(hanging)));
                (at, begun) = (hanging, false);
            }
            if begun {
                line.push(' ');
                at += 1;
            }
            line.push_str(word);
            (at, begun) = (at + length, true);
        }
        self.lines.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_nothing_is_lost() {
        let mut lines = Lines::new(40);
        let text = "a cause that is told in many more words than one line of a terminal has room for";
        lines.item((Style::new(), "✗"), "subject", text);
        lines.row("label", text);
        lines.under("do:", &"x".repeat(100));
        let plain: Vec<String> = lines.all().iter().map(|l| anstream::adapter::strip_str(l).to_string()).collect();
        assert!(plain[0].starts_with("  ✗ subject: a cause"), "{plain:?}");
        assert!(
            plain[1].starts_with("    ") && plain.iter().any(|line| line.starts_with("label      a cause")),
            "{plain:?}"
        );
        assert!(plain.iter().all(|line| line.chars().count() <= 40 || line.contains("xxx")), "{plain:?}");
        assert_eq!(plain.join(" ").split_whitespace().filter(|word| *word == "terminal").count(), 2);
        assert!(plain.iter().any(|line| line.contains(&"x".repeat(100))));
    }
}
