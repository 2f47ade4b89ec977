//! Where something is declared, with the lines that declare it.

use rnix::ast::AttrpathValue;
use rowan::ast::AstNode as _;
use serde::Serialize;
use writ_policy::declared::DeclaredAt;
use writ_policy::validate::redacted;
use writ_trust::text::escaped;

use crate::check::source::{Source, Sources};

/// The most lines that are shown of one declaration.
const MOST_LINES: usize = 40;

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The file, relative to the root of the tree.
    pub file: String,
    /// The line that declares it, from 1.
    pub line: u32,
    /// The first line of `source`: comments above the declaration belong to it.
    pub first_line: u32,
    /// The lines, without their common indentation; what looks like a key is starred.
    pub source: Vec<String>,
    /// How many lines more the declaration has.
    pub more: usize,
}

/// The declaration that begins on a line. A file that cannot be read has no lines.
pub fn origin(sources: &Sources, at: &DeclaredAt) -> Origin {
    let lines = sources.get(&at.file).map(|source| lines(&source, at.line)).unwrap_or_default();
    let first_line = at.line.saturating_sub(u32::try_from(lines.above).unwrap_or(0));
    Origin { file: at.file.clone(), line: at.line, first_line, source: lines.text, more: lines.more }
}

#[derive(Default)]
struct Lines {
    above: usize,
    text: Vec<String>,
    more: usize,
}

fn lines(source: &Source, line: u32) -> Lines {
    let wanted = source.line(line);
    let starts = |binding: &AttrpathValue| {
        binding.attrpath().is_some_and(|path| wanted.contains(&usize::from(path.syntax().text_range().start())))
    };
    // The outermost binding comes first.
    let binding = source.syntax.descendants().filter_map(AttrpathValue::cast).find(starts);
    let end = binding.map_or(wanted.end, |binding| usize::from(binding.syntax().text_range().end()));
    let (last, _) = source.position(end.max(wanted.start));
    let text = |n: u32| source.text.get(source.line(n)).unwrap_or_default();
    let is_comment = |n: &u32| text(*n).trim_start().starts_with('#');
    let above = (1..line).rev().take_while(is_comment).take(MOST_LINES / 4).count();
    let first = line - u32::try_from(above).unwrap_or(0);
    let all: Vec<&str> = (first..=last.max(line)).map(text).collect();
    let margin = all.iter().filter(|l| !l.trim().is_empty()).map(|l| l.len() - l.trim_start().len()).min().unwrap_or(0);
    let shown = all
        .iter()
        .take(MOST_LINES)
        .map(|l| escaped(redacted(l.get(margin..).unwrap_or_default().trim_end()).replace('\t', "    ")));
    Lines { above, text: shown.collect(), more: all.len().saturating_sub(MOST_LINES) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_shown_whole_with_its_comment() {
        let source = Source::new("{\n  # Why.\n  a.b = f {\n    c = 1;\n  };\n  d = 2;\n}\n".to_owned());
        let found = lines(&source, 3);
        assert_eq!((found.above, found.more), (1, 0));
        assert_eq!(found.text, ["# Why.", "a.b = f {", "  c = 1;", "};"]);
        assert_eq!(lines(&source, 6).text, ["d = 2;"]);
        assert_eq!(lines(&source, 900).text, [""]);
    }

    #[test]
    fn long_and_hostile_declarations_are_bounded() {
        let many = (0..100).map(|n| format!("    n{n} = \"\u{1b}[31m\";\n")).collect::<String>();
        let source = Source::new(format!("{{\n  a = {{\n{many}  }};\n}}\n"));
        let found = lines(&source, 2);
        assert_eq!((found.text.len(), found.more), (MOST_LINES, 62));
        assert!(found.text.iter().all(|line| !line.contains('\u{1b}')));
    }
}
