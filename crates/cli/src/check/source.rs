//! Nix source files, read and parsed once, and what their lines are.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;

use rowan::ast::AstNode as _;

/// The largest source file that is read, in bytes.
pub const LARGEST: u64 = 4 << 20;

/// One source file.
pub struct Source {
    /// Its text.
    pub text: String,
    /// Its syntax tree; where the file is wrong, as much of one as there is.
    pub syntax: rnix::SyntaxNode,
    line_starts: Vec<usize>,
}

impl Source {
    /// Parses a text.
    pub fn new(text: String) -> Self {
        let syntax = rnix::Root::parse(&text).syntax();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, syntax, line_starts }
    }

    /// The root expression, if there is one.
    pub fn root(&self) -> Option<rnix::ast::Expr> {
        rnix::Root::cast(self.syntax.clone())?.expr()
    }

    /// The bytes of a line (counted from 1), without its end; empty at the end of the file when there is no such line.
    pub fn line(&self, line: u32) -> Range<usize> {
        let index = (line.max(1) - 1) as usize;
        let Some(&start) = self.line_starts.get(index) else { return self.text.len()..self.text.len() };
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |next| next - 1);
        start..end
    }

    /// The byte at a line and a column counted from 1 in bytes, as Nix counts.
    pub fn offset(&self, line: u32, column: u32) -> usize {
        let range = self.line(line);
        let mut at = (range.start + (column.max(1) - 1) as usize).min(range.end);
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub fn position(&self, at: usize) -> (u32, u32) {
        let index = self.line_starts.partition_point(|start| *start <= at).saturating_sub(1);
        let start = self.line_starts.get(index).copied().unwrap_or_default();
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count());
        (u32::try_from(index + 1).unwrap_or(u32::MAX), u32::try_from(column + 1).unwrap_or(u32::MAX))
    }
}

/// The source files of a tree.
pub struct Sources {
    root: PathBuf,
    read: RefCell<HashMap<String, Option<Rc<Source>>>>,
}

impl Sources {
    /// The files below `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root, read: RefCell::default() }
    }

    /// A file by its path relative to the root; none when it cannot be read.
    pub fn get(&self, file: &str) -> Option<Rc<Source>> {
        if let Some(known) = self.read.borrow().get(file) {
            return known.clone();
        }
        let path = self.root.join(file);
        let small = std::fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= LARGEST);
        let source =
            small.then(|| std::fs::read_to_string(&path).ok()).flatten().map(|text| Rc::new(Source::new(text)));
        self.read.borrow_mut().insert(file.to_owned(), source.clone());
        source
    }
}
