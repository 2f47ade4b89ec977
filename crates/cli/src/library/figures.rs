//! Which figure stands where: `f."backup.grace"` in a file that reads the figures of a baseline with `writ.valuesOf`.
//!
//! A policy holds only values, because it must mean the same whatever names its figures had; the source holds the names.

use std::collections::BTreeSet;
use std::path::Path;

use rnix::ast::{Apply, Attr, Attrpath, AttrpathValue, Expr, List, Select, Str};
use rnix::{SyntaxKind, SyntaxNode};
use rowan::ast::AstNode as _;
use serde::Serialize;

use crate::check::source::{Source, Sources};

/// The most files that are looked through.
const MOST_FILES: usize = 20_000;
/// How deep folders are followed.
const DEEPEST: usize = 8;

/// One use of a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The figure's id.
    pub figure: String,
    /// The file that declares it, relative to the root of the tree.
    pub declared_in: String,
    /// The file that uses it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// Keys that lead there within the file.
    pub path: Vec<String>,
}

impl Use {
    /// The keys as a policy has them: `overrides` before them and `value` behind are the writing of an override, and an
    /// explicit `all` means nothing.
    fn policy_path(&self) -> Vec<String> {
        let (mut path, overridden) = match self.path.split_first() {
            Some((first, rest)) if first == "overrides" => (rest, true),
            _ => (self.path.as_slice(), false),
        };
        if let (true, Some((last, rest))) = (overridden, path.split_last())
            && last == "value"
        {
            path = rest;
        }
        let mut keys = Vec::new();
        let mut rest = path.iter().peekable();
        while let Some(key) = rest.next() {
            if key == "all" {
                rest.next_if(|next| next.parse::<usize>().is_ok());
            } else {
                keys.push(key.clone());
            }
        }
        keys
    }
}

/// The uses of figures in one file. `known` are the figures by the file that declares them.
pub fn uses(sources: &Sources, file: &str, known: &BTreeSet<(String, String)>) -> Vec<Use> {
    let Some(source) = sources.get(file) else { return Vec::new() };
    let read: Vec<String> = figure_files(&source, file);
    if read.is_empty() {
        return Vec::new();
    }
    let named = source.syntax.descendants().filter_map(|node| Some((name(&node)?, node)));
    named
        .filter_map(|(figure, node)| {
            let declared_in = read.iter().find(|file| known.contains(&((*file).clone(), figure.clone())))?.clone();
            let (line, _) = source.position(usize::from(node.text_range().start()));
            Some(Use { figure, declared_in, file: file.to_owned(), line, path: path(&node) })
        })
        .collect()
}

/// The uses at some keys of a policy.
pub fn at<'a>(uses: &'a [Use], keys: &[String]) -> Vec<&'a Use> {
    uses.iter().filter(|one| one.policy_path() == keys).collect()
}

/// The files whose figures a file reads.
fn figure_files(source: &Source, file: &str) -> Vec<String> {
    let calls = source.syntax.descendants().filter_map(Apply::cast);
    calls
        .filter(|call| match call.lambda() {
            Some(Expr::Select(select)) => {
                select.attrpath().and_then(|path| path.attrs().last()).and_then(|a| text(&a)).as_deref()
                    == Some("valuesOf")
            }
            _ => false,
        })
        .filter_map(|call| resolved(file, &call.argument()?.syntax().text().to_string()))
        .collect()
}

/// A relative path written in a file, from the root of the tree.
fn resolved(file: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A name that a node may be a figure by: the last key of `f."…"`, or the string that a function is called with.
fn name(node: &SyntaxNode) -> Option<String> {
    if let Some(attr) = Attr::cast(node.clone()).filter(|_| node.parent().is_some_and(|p| selects(&p))) {
        return text(&attr);
    }
    let string = Str::cast(node.clone())?;
    let call = Apply::cast(node.parent()?)?;
    (call.argument()?.syntax() == node && !refers(&call)).then(|| literal(&string))?
}

/// Whether a path of keys reads a value, rather than binding one.
fn selects(path: &SyntaxNode) -> bool {
    path.kind() == SyntaxKind::NODE_ATTRPATH && path.parent().is_some_and(|p| Select::can_cast(p.kind()))
}

/// Whether a call names a secret or a program.
fn refers(call: &Apply) -> bool {
    let Some(Expr::Select(select)) = call.lambda() else { return false };
    let last = select.attrpath().and_then(|path| path.attrs().last()).and_then(|attr| text(&attr));
    matches!(last.as_deref(), Some("secret" | "program"))
}

fn text(attr: &Attr) -> Option<String> {
    match attr {
        Attr::Ident(ident) => Some(ident.syntax().text().to_string()),
        Attr::Str(string) => literal(string),
        Attr::Dynamic(_) => None,
    }
}

/// A plain string without interpolation or escapes.
fn literal(string: &Str) -> Option<String> {
    let text = string.syntax().text().to_string();
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains(['$', '\\', '\n'])).then(|| inner.to_owned())
}

/// The keys around a node, the outermost first; an entry of a list is named by its place.
fn path(node: &SyntaxNode) -> Vec<String> {
    let mut keys = Vec::new();
    let mut below = node.clone();
    for around in node.ancestors().skip(1) {
        if let Some(binding) = AttrpathValue::cast(around.clone()) {
            let own: Vec<String> =
                binding.attrpath().iter().flat_map(Attrpath::attrs).filter_map(|a| text(&a)).collect();
            keys.extend(own.into_iter().rev());
        } else if let Some(list) = List::cast(around.clone())
            && let Some(i) = list.items().position(|item| *item.syntax() == below)
        {
            keys.push(i.to_string());
        }
        below = around;
    }
    keys.reverse();
    keys
}

/// The Nix files below some folders of a tree that mention `valuesOf`, in order of name.
pub fn files(root: &Path, folders: &[String]) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut queue: Vec<(String, usize)> = folders.iter().map(|folder| (folder.clone(), 0)).collect();
    while let Some((folder, depth)) = queue.pop() {
        let Ok(entries) = std::fs::read_dir(root.join(&folder)) else { continue };
        for entry in entries.flatten().take(MOST_FILES) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{folder}/{name}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEEPEST => queue.push((path, depth + 1)),
                Ok(kind) if kind.is_file() && name.ends_with(".nix") && found.len() < MOST_FILES => {
                    found.insert(path);
                }
                _ => {}
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{ writ, ... }:
let
  f = writ.valuesOf ../small/figures.nix;
  s = id: writ.inSeconds f.${id};
in
{
  checks."c" = writ.check (base // {
    expect.any = [
      { gone.exists = false; }
      { all = [ { age_seconds.le = s "grace" + s "every.day"; } ]; }
    ];
    probe.x = { secret = writ.secret "grace"; window = f."grace"; };
    names = [ "grace" ];
    grace.eq = 1;
  });
  overrides.checks."d".every = writ.override { value = f.grace; reason = "grace"; };
}
"#;

    fn found() -> Vec<Use> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("baselines/big")).unwrap();
        std::fs::write(folder.path().join("baselines/big/a.nix"), TEXT).unwrap();
        let known = ["grace", "every.day"].map(|id| ("baselines/small/figures.nix".to_owned(), id.to_owned()));
        assert_eq!(files(folder.path(), &["baselines".to_owned()]), ["baselines/big/a.nix"]);
        uses(&Sources::new(folder.path().to_owned()), "baselines/big/a.nix", &known.into())
    }

    #[test]
    fn only_what_reads_a_figure_counts() {
        let found = found();
        let told: Vec<String> = found.iter().map(|u| format!("{} {} {}", u.figure, u.line, u.path.join("."))).collect();
        assert_eq!(
            told,
            [
                "grace 10 checks.c.expect.any.1.all.0.age_seconds.le",
                "every.day 10 checks.c.expect.any.1.all.0.age_seconds.le",
                "grace 12 checks.c.probe.x.window",
                "grace 16 overrides.checks.d.every.value",
            ]
        );
    }

    #[test]
    fn the_keys_of_a_policy_find_them() {
        let found = found();
        let keys = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(at(&found, &keys("checks.c.expect.any.1.age_seconds.le")).len(), 2);
        assert_eq!(at(&found, &keys("checks.d.every")).len(), 1);
        assert!(at(&found, &keys("checks.c.expect")).is_empty());
    }

    #[test]
    fn paths_are_resolved_within_the_tree() {
        assert_eq!(resolved("a/b/c.nix", "../x.nix").as_deref(), Some("a/x.nix"));
        assert_eq!(resolved("a/b/c.nix", "./x.nix").as_deref(), Some("a/b/x.nix"));
        assert_eq!(resolved("a.nix", "../../x.nix"), None);
    }
}
