//! From "this key of that item, declared on this line" to the exact bytes in the Nix source.
//!
//! Nix remembers where a binding begins, not where each part of `expect.mode.eq = "0644"` stands, and knows nothing of
//! values. The parser does: from the declared line it follows the path through attribute sets, calls, `//`, lists and
//! names bound in the same file, as far as the source shows it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Range;

use rnix::ast::{Attr, AttrSet, Attrpath, Entry, Expr, HasEntry};
use rnix::ast::{AttrpathValue, BinOpKind, LetIn};
use rowan::ast::AstNode as _;
use writ_policy::validate::Part;

use super::source::Source;

/// How deep names bound in the same file are followed.
const DEEPEST: usize = 24;
/// How many expressions are looked into for one place. A name that is bound to several uses of itself doubles the way at each
/// turn, and whoever sends a change in has it looked at.
const MOST_STEPS: u32 = 4000;

/// What to find.
pub struct Wanted<'a> {
    /// The line on which the item, or the binding itself, begins.
    pub line: u32,
    /// The column (in bytes) on which the binding begins, if known.
    pub column: Option<u32>,
    /// Keys from the policy's root.
    pub path: &'a [String],
    /// Which part of the last key.
    pub part: Part,
    /// For an entry of a list: what it is. Merging may have changed its place.
    pub text: Option<&'a str>,
}

/// How far a path was followed.
#[derive(Clone)]
struct Hit {
    /// Keys that were not found any more.
    left: usize,
    key: Range<usize>,
    value: Range<usize>,
}

/// The bytes to point at: never empty unless the line is, and within one line.
pub fn locate(source: &Source, wanted: &Wanted<'_>) -> Range<usize> {
    let search = Search::new(wanted);
    let range = match search.binding(source).or_else(|| search.below_root(source)) {
        Some(hit) if wanted.part == Part::Value && hit.left == 0 => hit.value,
        Some(hit) => hit.key,
        None => fallback(source, wanted),
    };
    first_line(source, range)
}

/// The same, only where the whole path is found, be it from the wanted line or from the file's root expression.
pub fn locate_exactly(source: &Source, wanted: &Wanted<'_>) -> Option<Range<usize>> {
    let search = Search::new(wanted);
    let whole = |hit: &Hit| hit.left == 0;
    let hit = search.binding(source).filter(whole).or_else(|| search.below_root(source))?;
    Some(first_line(source, if wanted.part == Part::Value { hit.value } else { hit.key }))
}

/// The names that a file may declare: what is left out when the file is. The file may be wrong in any way, so these are
/// its quoted strings, not what a parser makes of it.
pub fn names(source: &Source) -> impl Iterator<Item = String> + '_ {
    source.text.lines().flat_map(|line| line.split('"').skip(1).step_by(2)).map(str::to_owned)
}

/// The names that the `let`s and the functions of a file bind.
pub fn bound_names(source: &Source) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for node in source.syntax.descendants() {
        if let Some(scope) = LetIn::cast(node.clone()) {
            let bindings = scope.attrpath_values().filter_map(|binding| binding.attrpath()?.attrs().next());
            let inherited = scope.inherits().flat_map(|inherit| inherit.attrs());
            names.extend(bindings.chain(inherited).filter_map(|attr| name(&attr)));
        } else if let Some(parameter) = rnix::ast::PatEntry::cast(node) {
            names.extend(parameter.ident().map(|ident| ident.syntax().text().to_string()));
        }
    }
    names
}

/// The constructor that makes what a file holds, such as `writ.site`: where a field is missing in the whole.
pub fn constructor(source: &Source) -> Option<Range<usize>> {
    let mut expr = source.root();
    loop {
        expr = match expr? {
            Expr::Apply(call) => return Some(first_line(source, range(call.lambda()?.syntax()))),
            Expr::Lambda(inner) => inner.body(),
            Expr::LetIn(inner) => inner.body(),
            Expr::With(inner) => inner.body(),
            Expr::Assert(inner) => inner.body(),
            Expr::Paren(inner) => inner.expr(),
            _ => return None,
        };
    }
}

fn range(node: &rnix::SyntaxNode) -> Range<usize> {
    node.text_range().into()
}

/// The name of an attribute that is written out; dynamic ones have none.
fn name(attr: &Attr) -> Option<String> {
    let text = attr.syntax().text().to_string();
    match text.strip_prefix('"') {
        None if text.starts_with("${") => None,
        None => Some(text),
        Some(_) if text.contains("${") => None,
        Some(rest) => Some(rest.strip_suffix('"')?.replace("\\\"", "\"").replace("\\\\", "\\")),
    }
}

fn fallback(source: &Source, wanted: &Wanted<'_>) -> Range<usize> {
    let line = source.line(wanted.line);
    let start = wanted.column.map_or(line.start, |column| source.offset(wanted.line, column));
    let token = source.syntax.token_at_offset(u32::try_from(start).unwrap_or_default().into()).right_biased();
    match token.map(|token| Range::<usize>::from(token.text_range())) {
        Some(token) if wanted.column.is_some() && token.start == start => token,
        _ => {
            let text = &source.text[start..line.end];
            start + (text.len() - text.trim_start().len())..start + text.trim_end().len()
        }
    }
}

/// The part of a range on its first line; at least one character when there is one.
fn first_line(source: &Source, range: Range<usize>) -> Range<usize> {
    let text = source.text.get(range.clone()).unwrap_or_default();
    let length = text.find('\n').map_or(text.len(), |end| text[..end].trim_end().len());
    range.start..range.start + length
}

struct Search<'a> {
    wanted: &'a Wanted<'a>,
    steps: Cell<u32>,
}

impl<'a> Search<'a> {
    fn new(wanted: &'a Wanted<'a>) -> Self {
        Self { wanted, steps: Cell::new(0) }
    }

    /// Whether one more expression may be looked into.
    fn step(&self, depth: usize) -> bool {
        self.steps.set(self.steps.get().saturating_add(1));
        depth <= DEEPEST && self.steps.get() <= MOST_STEPS
    }

    /// The binding that begins on the wanted line and fits the path best.
    fn binding(&self, source: &Source) -> Option<Hit> {
        let line = source.line(self.wanted.line);
        let exact = self.wanted.column.map(|column| source.offset(self.wanted.line, column));
        let here = |start: usize| exact.map_or(line.contains(&start), |exact| exact == start);
        let bindings = source.syntax.descendants().filter_map(AttrpathValue::cast).filter_map(|binding| {
            let attrpath = binding.attrpath()?;
            here(range(attrpath.syntax()).start).then(|| self.aligned(&attrpath, &binding))?
        });
        let inherited = source.syntax.descendants().filter_map(rnix::ast::Inherit::cast).flat_map(|inherit| {
            let attrs: Vec<Attr> = inherit.attrs().filter(|attr| here(range(attr.syntax()).start)).collect();
            attrs.into_iter().filter_map(|attr| {
                let at = self.wanted.path.iter().rposition(|key| name(&attr).as_ref() == Some(key))?;
                let key = range(attr.syntax());
                Some(Hit { left: self.wanted.path.len() - at - 1, key: key.clone(), value: key })
            })
        });
        bindings.chain(inherited).min_by_key(|hit| hit.left)
    }

    /// The whole path, followed from the file's root expression.
    fn below_root(&self, source: &Source) -> Option<Hit> {
        let root = source.root()?;
        let whole = range(root.syntax());
        let start = Hit { left: self.wanted.path.len(), key: whole.clone(), value: whole };
        Some(self.descend(&root, self.wanted.path, start, 0))
            .filter(|hit| hit.left == 0 && !self.wanted.path.is_empty())
    }

    /// Follows the path from a binding whose names are a part of it.
    fn aligned(&self, attrpath: &Attrpath, binding: &AttrpathValue) -> Option<Hit> {
        let attrs: Vec<Attr> = attrpath.attrs().collect();
        let names: Vec<Option<String>> = attrs.iter().map(name).collect();
        let path = self.wanted.path;
        let fits = |skip: usize, start: usize| {
            let length = (names.len() - skip).min(path.len() - start);
            length > 0 && (0..length).all(|i| names[skip + i].as_deref() == Some(path[start + i].as_str()))
        };
        // Names before the path's first, as in `overrides.checks.…`, are skipped.
        let (skip, start) = (0..path.len())
            .map(|start| (0, start))
            .chain((1..names.len()).map(|skip| (skip, 0)))
            .find(|(skip, start)| fits(*skip, *start))?;
        let length = (names.len() - skip).min(path.len() - start);
        let key = range(attrs[skip + length - 1].syntax());
        let left = path.len() - start - length;
        let whole = binding.value().map_or(key.clone(), |value| range(value.syntax()));
        let inner = skip + length < names.len();
        let value = if inner { range(attrs.last()?.syntax()).start..whole.end } else { whole };
        let hit = Hit { left, key, value };
        binding.value().map_or(Some(hit.clone()), |expr| {
            let rest = path.get(path.len() - left..).unwrap_or_default();
            Some(if inner { hit } else { self.descend(&expr, rest, hit, 0) })
        })
    }

    /// Follows `path` into an expression, and says how far it came; `hit` is what is known before.
    fn descend(&self, expr: &Expr, path: &[String], hit: Hit, depth: usize) -> Hit {
        if !self.step(depth) {
            return hit;
        }
        if path.is_empty() {
            // Of `writ.secret "name"`, the name is what a finding about that text is about.
            let argument = match (expr, self.wanted.text) {
                (Expr::Apply(call), Some(text)) => call.argument().filter(|a| quoted(a).as_deref() == Some(text)),
                _ => None,
            };
            return argument.map_or(hit.clone(), |a| Hit { value: range(a.syntax()), ..hit });
        }
        let on = |expr: Option<Expr>, hit: Hit| match expr {
            Some(expr) => self.descend(&expr, path, hit, depth + 1),
            None => hit,
        };
        let better = |a: Option<Expr>, b: Option<Expr>| {
            let (a, b) = (on(a, hit.clone()), on(b, hit.clone()));
            if b.left < a.left { b } else { a }
        };
        match expr {
            Expr::Paren(inner) => on(inner.expr(), hit),
            Expr::With(inner) => on(inner.body(), hit),
            Expr::Assert(inner) => on(inner.body(), hit),
            Expr::LetIn(inner) => on(inner.body(), hit),
            Expr::Lambda(inner) => on(inner.body(), hit),
            Expr::Apply(call) => match reference(call, path) {
                Some(argument) => Hit { left: 0, key: argument.clone(), value: argument },
                None => on(call.argument(), hit),
            },
            Expr::IfElse(inner) => better(inner.body(), inner.else_body()),
            Expr::BinOp(op) if op.operator() == Some(BinOpKind::Update) => better(op.rhs(), op.lhs()),
            Expr::Ident(ident) => on(bound(ident), hit),
            Expr::AttrSet(set) => self.in_set(set, path, hit, depth),
            Expr::List(_) | Expr::BinOp(_) => self.in_list(expr, path, hit, depth),
            _ => hit,
        }
    }

    fn in_set(&self, set: &AttrSet, path: &[String], hit: Hit, depth: usize) -> Hit {
        let mut best = hit;
        for entry in set.entries() {
            let found = match entry {
                Entry::Inherit(inherit) => {
                    inherit.attrs().find(|attr| name(attr).as_ref() == path.first()).map(|attr| {
                        let key = range(attr.syntax());
                        Hit { left: path.len() - 1, key: key.clone(), value: key }
                    })
                }
                Entry::AttrpathValue(binding) => self.in_binding(&binding, path, depth),
            };
            if let Some(found) = found.filter(|found| found.left < best.left) {
                best = found;
            }
        }
        best
    }

    fn in_binding(&self, binding: &AttrpathValue, path: &[String], depth: usize) -> Option<Hit> {
        let attrs: Vec<Attr> = binding.attrpath()?.attrs().collect();
        let common = attrs.iter().zip(path).take_while(|(attr, key)| name(attr).as_ref() == Some(*key)).count();
        if common == 0 || (common < attrs.len() && common < path.len()) {
            return None;
        }
        let key = range(attrs[common - 1].syntax());
        let whole = binding.value().map_or(key.clone(), |value| range(value.syntax()));
        let value = if common < attrs.len() { range(attrs[common].syntax()).start..whole.end } else { whole };
        let hit = Hit { left: path.len() - common, key, value };
        match binding.value() {
            Some(expr) if common == attrs.len() => Some(self.descend(&expr, &path[common..], hit, depth + 1)),
            _ => Some(hit),
        }
    }

    /// An entry of a list, by what it is or else by its place.
    fn in_list(&self, list: &Expr, path: &[String], hit: Hit, depth: usize) -> Hit {
        let mut entries = Vec::new();
        self.flatten(list, &mut entries, 0);
        let by_text = self.wanted.text.filter(|_| path.len() == 1).and_then(|text| {
            entries.iter().find(|entry| {
                let is_path = matches!(entry, Expr::PathRel(_)) && entry.syntax().text() == text;
                is_path || quoted(entry).as_deref() == Some(text)
            })
        });
        let by_place = || path[0].parse::<usize>().ok().and_then(|at| entries.get(at));
        let Some(entry) = by_text.or_else(by_place) else { return hit };
        let at = range(entry.syntax());
        // A key inside of a list entry has no better name than the list's when it is missing.
        let hit = Hit { left: path.len() - 1, key: at.clone(), value: at };
        self.descend(entry, &path[1..], hit, depth + 1)
    }

    /// The entries of a list, through `++`, parentheses and names bound in the same file.
    fn flatten(&self, expr: &Expr, entries: &mut Vec<Expr>, depth: usize) {
        if !self.step(depth) {
            return;
        }
        match expr {
            Expr::List(list) => entries.extend(list.items().take_while(|_| self.step(depth))),
            Expr::Paren(inner) => inner.expr().iter().for_each(|e| self.flatten(e, entries, depth + 1)),
            Expr::Ident(ident) => bound(ident).iter().for_each(|e| self.flatten(e, entries, depth + 1)),
            Expr::BinOp(op) if op.operator() == Some(BinOpKind::Concat) => {
                [op.lhs(), op.rhs()].iter().flatten().for_each(|e| self.flatten(e, entries, depth + 1));
            }
            _ => {}
        }
    }
}

/// What stands between the quotes of a string.
fn quoted(expr: &Expr) -> Option<String> {
    let written = matches!(expr, Expr::Str(_)).then(|| expr.syntax().text().to_string())?;
    Some(written.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// The name in `writ.secret "name"` or `writ.program "name"`, where the path ends in what such a call becomes.
fn reference(call: &rnix::ast::Apply, path: &[String]) -> Option<Range<usize>> {
    let [kind] = path else { return None };
    let argument = call.argument().filter(|argument| matches!(argument, Expr::Str(_)))?;
    let Expr::Select(select) = call.lambda()? else { return None };
    let made = select.attrpath()?.attrs().last().and_then(|attr| name(&attr))?;
    (made == *kind && matches!(kind.as_str(), "secret" | "program")).then(|| range(argument.syntax()))
}

/// What a name is bound to by the nearest `let` around it.
fn bound(ident: &rnix::ast::Ident) -> Option<Expr> {
    let wanted = ident.syntax().text().to_string();
    ident.syntax().ancestors().filter_map(LetIn::cast).find_map(|scope| {
        scope.attrpath_values().find_map(|binding| {
            let mut attrs = binding.attrpath()?.attrs();
            let first = attrs.next()?;
            (attrs.next().is_none() && name(&first).as_ref() == Some(&wanted)).then(|| binding.value())?
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{ writ, ... }:
let
  inherit (import ./x.nix) shared;
  limits = { free.ge = 15; };
  names = [ "a" ];
in
{
  checks."c" = writ.check (limits // {
    inherit shared;
    expect = if true then limits else { };
    prefer = rec { mode = { eq = "0644"; }; };
    any = names ++ [ "b" { deep.er = 1; } ];
    text = ''
      two lines
    '';
    password = writ.secret "backup";
  });
}
"#;

    fn found(path: &[&str], part: Part, text: Option<&str>) -> String {
        let source = Source::new(TEXT.to_owned());
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        let wanted = Wanted { line: 8, column: None, path: &path, part, text };
        source.text[locate(&source, &wanted)].to_owned()
    }

    #[test]
    fn follows_what_the_source_shows() {
        for (path, part, text, expected) in [
            (&["checks", "c"][..], Part::Key, None, "\"c\""),
            (&["checks", "c", "free", "ge"], Part::Key, None, "ge"),
            (&["checks", "c", "free", "ge"], Part::Value, None, "15"),
            (&["checks", "c", "expect", "free", "ge"], Part::Value, None, "15"),
            (&["checks", "c", "prefer", "mode", "eq"], Part::Value, None, "\"0644\""),
            (&["checks", "c", "prefer", "mode"], Part::Value, None, "{ eq = \"0644\"; }"),
            (&["checks", "c", "shared"], Part::Value, None, "shared"),
            (&["checks", "c", "any", "0"], Part::Value, None, "\"a\""),
            (&["checks", "c", "any", "7"], Part::Value, Some("b"), "\"b\""),
            (&["checks", "c", "any", "2", "deep", "er"], Part::Value, None, "1"),
            (&["checks", "c", "text"], Part::Value, None, "''"),
            (&["checks", "c", "password", "secret"], Part::Value, None, "\"backup\""),
            (&["checks", "c", "password", "program"], Part::Value, None, "password"),
            // What is not there: the last key that is.
            (&["checks", "c", "prefer", "owner", "eq"], Part::Value, None, "prefer"),
            (&["checks", "c", "gone"], Part::Key, None, "\"c\""),
            (&["rules", "r"], Part::Key, None, "checks.\"c\" = writ.check (limits // {"),
        ] {
            assert_eq!(found(path, part, text), expected, "{path:?}");
        }
    }

    #[test]
    fn any_text_any_line_and_any_path_give_a_place() {
        let path: Vec<String> = ["checks", "c", "any", "2", "deep"].iter().map(|key| (*key).to_owned()).collect();
        for end in (0..=TEXT.len()).filter(|end| end % 3 == 0) {
            let source = Source::new(format!("é{}", &TEXT[..end]));
            for (line, column) in [(0, None), (8, None), (8, Some(3)), (9, Some(700)), (900, Some(0))] {
                for part in [Part::Key, Part::Value] {
                    let wanted = Wanted { line, column, path: &path, part, text: Some("b") };
                    let range = locate(&source, &wanted);
                    assert!(source.text.get(range.clone()).is_some_and(|text| !text.contains('\n')), "{end} {range:?}");
                    let (_, column) = source.position(range.start);
                    assert!(column >= 1);
                }
            }
        }
    }
}
