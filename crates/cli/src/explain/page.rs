//! A page of text for people: sections, wrapped paragraphs, hanging indents, source lines.

use anstyle::Style;
use writ_trust::text::escaped;

use crate::library::origin::Origin;
use crate::library::sites::Name;
use crate::screen::{self, BOLD, DIM};

/// The width where there is no terminal, and the greatest of all: longer lines are hard to read.
const WIDTH: usize = 100;
/// The least width.
const NARROW: usize = 60;
/// The most sites that are named in one place.
const MOST_SITES: usize = 12;

/// A page under construction.
pub struct Page {
    width: usize,
    text: String,
}

impl Page {
    /// An empty page as wide as the terminal, within reason.
    pub fn new() -> Self {
        let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        let width = columns.or_else(|| comfy_table::Table::new().width().map(usize::from)).unwrap_or(WIDTH);
        Self { width: width.clamp(NARROW, WIDTH), text: String::new() }
    }

    /// The text, without a line end behind it.
    pub fn finish(&self) -> &str {
        self.text.trim_end()
    }

    /// What the page is about.
    pub fn title(&mut self, kind: &str, id: &str, title: &str) {
        self.line(&format!("{} {}", screen::paint(DIM, kind), screen::paint(BOLD, &escaped(id))));
        self.wrapped("", "", title);
    }

    /// A heading, with an empty line before it.
    pub fn section(&mut self, name: &str) {
        self.text.push('\n');
        self.line(&screen::paint(BOLD, &escaped(name)));
    }

    /// A paragraph, indented by a number of columns.
    pub fn text(&mut self, indent: usize, text: &str) {
        let margin = " ".repeat(indent);
        self.wrapped(&margin, &margin, text);
    }

    /// A paragraph with a label in front of it, to which later lines leave its room.
    pub fn labelled(&mut self, indent: usize, label: &str, room: usize, text: &str) {
        let margin = " ".repeat(indent);
        let first = format!("{margin}{:<room$} ", escaped(label));
        self.wrapped(&first, &" ".repeat(indent + room + 1), text);
    }

    /// Rows of a label and a text, the texts under one another.
    pub fn rows(&mut self, indent: usize, rows: &[(String, String)]) {
        let widest = self.width / 3;
        let room = rows.iter().map(|(label, _)| label.chars().count()).filter(|n| *n <= widest).max().unwrap_or(0);
        for (label, text) in rows {
            if label.chars().count() > room {
                self.text(indent, label);
                self.text(indent + room + 1, text);
            } else {
                self.labelled(indent, label, room, text);
            }
        }
    }

    /// A word in a style, and what follows it on the same line.
    pub fn styled(&mut self, indent: usize, style: Style, word: &str, rest: &str) {
        let (margin, word) = (" ".repeat(indent), screen::paint(style, &escaped(word)));
        self.line(&format!("{margin}{word}{}", escaped(rest)));
    }

    /// A less important paragraph.
    pub fn dim(&mut self, indent: usize, text: &str) {
        let margin = " ".repeat(indent);
        for line in wrap(text, self.width.saturating_sub(indent)) {
            self.line(&format!("{margin}{}", screen::paint(DIM, &line)));
        }
    }

    /// The lines that declare something, as an editor shows them.
    pub fn source(&mut self, origin: &Origin) {
        let last = origin.first_line as usize + origin.source.len();
        let room = last.to_string().len();
        for (line, number) in origin.source.iter().zip(origin.first_line..) {
            let indent = line.len() - line.trim_start().len();
            let left = self.width.saturating_sub(room + 5 + indent).max(20);
            // What fits stays as it is written, with all its spaces.
            let fits = line.chars().count() <= left + indent;
            let parts = if fits { vec![line.trim_start().to_owned()] } else { wrap(line, left.saturating_sub(4)) };
            let mut label = number.to_string();
            for (n, part) in parts.iter().enumerate() {
                let gutter = screen::paint(DIM, &format!("{label:>room$} │"));
                let margin = " ".repeat(indent + if n == 0 { 0 } else { 4 });
                self.line(format!("  {gutter} {margin}{part}").trim_end());
                label = String::new();
            }
        }
        if origin.more > 0 {
            self.dim(2, &format!("… and {} lines more", origin.more));
        }
    }

    /// Appliances by their sites.
    pub fn names(&mut self, indent: usize, names: &[Name]) {
        let mut rows: Vec<(String, String)> = Vec::new();
        for name in names {
            match rows.last_mut().filter(|(site, _)| *site == name.site) {
                Some((_, all)) => *all += &format!(", {}", name.appliance),
                None => rows.push((name.site.clone(), name.appliance.clone())),
            }
        }
        let untold = rows.len().saturating_sub(MOST_SITES);
        rows.truncate(MOST_SITES);
        self.rows(indent, &rows);
        if untold > 0 {
            self.dim(indent, &format!("and {untold} more {}", if untold == 1 { "site" } else { "sites" }));
        }
    }

    fn wrapped(&mut self, first: &str, later: &str, text: &str) {
        let room = self.width.saturating_sub(later.chars().count()).max(20);
        let mut margin = first;
        for line in wrap(text, room) {
            self.line(format!("{margin}{line}").trim_end());
            margin = later;
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }
}

/// A text in lines of at most `room` characters; a longer word has a line of its own. At least one line. Policies may
/// hold any character: a terminal must obey none of them.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace().map(escaped) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            lines.push(String::new());
            used = 0;
        }
        let Some(line) = lines.last_mut() else { continue };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(&word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_filled_and_long_words_stay_whole() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("aaaaaaaaaa b", 5), ["aaaaaaaaaa", "b"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn appliances_stand_behind_their_sites_and_most_sites_are_counted() {
        let name = |site: usize, appliance: &str| Name { site: format!("s{site:02}"), appliance: appliance.to_owned() };
        let mut names = vec![name(0, "a"), name(0, "b")];
        names.extend((1..14).map(|site| name(site, "c")));
        let mut page = Page { width: 80, text: String::new() };
        page.names(2, &names);
        let text = anstream::adapter::strip_str(page.finish()).to_string();
        assert!(text.starts_with("  s00 a, b\n  s01 c\n") && text.ends_with("  s11 c\n  and 2 more sites"), "{text}");
    }

    proptest! {
        #[test]
        fn wrapping_loses_no_word_and_passes_no_edge(words in prop::collection::vec("[a-zé]{1,9}", 0..40), room in 9usize..40) {
            let text = words.join(" ");
            let lines = wrap(&text, room);
            prop_assert_eq!(lines.join(" "), text);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= room));
        }
    }
}
