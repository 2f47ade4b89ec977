//! Which files a Nix file can read, told from its tokens alone.
//!
//! A result may be kept only where it is known what it depends on. A policy file mostly builds data; where it reads
//! others it imports a path that stands there. Whatever else could read, or could make a path of another, makes a file one
//! of which nothing is known: then its site is looked at every time. So this need not understand Nix, it need only never
//! take a file for simpler than it is.

use rnix::SyntaxKind::{self, *};
use rnix::ast::{Attr, Expr, Ident, Param, Select};
use rowan::ast::AstNode as _;

/// What can be told of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Paths in it, relative to the root of the tree, without `.` and `..`.
    pub links: Vec<Link>,
    /// It holds a path as a value, which may end up anywhere in it.
    pub holds_paths: bool,
    /// It adds values or puts them into texts, and one may be a path.
    pub adds: bool,
    /// It imports something, which may be a function that gets a path.
    pub imports: bool,
}

/// A path that stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// What is done with it.
    pub how: How,
    /// Where it leads.
    pub to: String,
}

/// What is done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is evaluated: `import ./x.nix`, `writ.valuesOf ./x.nix`.
    Import,
    /// Its bytes are read: `builtins.readFile ./x`.
    Read,
    /// It is a value.
    Hold,
}

/// Functions of `builtins` that read nothing and make no paths.
const PURE: [&str; 67] = [
    "add",
    "all",
    "any",
    "attrNames",
    "attrValues",
    "bitAnd",
    "bitOr",
    "bitXor",
    "catAttrs",
    "ceil",
    "compareVersions",
    "concatLists",
    "concatMap",
    "concatStringsSep",
    "deepSeq",
    "div",
    "elem",
    "elemAt",
    "false",
    "filter",
    "floor",
    "foldl'",
    "fromJSON",
    "functionArgs",
    "genList",
    "groupBy",
    "hasAttr",
    "hashString",
    "head",
    "intersectAttrs",
    "isAttrs",
    "isBool",
    "isFloat",
    "isFunction",
    "isInt",
    "isList",
    "isNull",
    "isPath",
    "isString",
    "length",
    "lessThan",
    "listToAttrs",
    "map",
    "mapAttrs",
    "match",
    "mul",
    "null",
    "parseDrvName",
    "partition",
    "removeAttrs",
    "replaceStrings",
    "seq",
    "sort",
    "split",
    "splitVersion",
    "stringLength",
    "sub",
    "substring",
    "tail",
    "throw",
    "toJSON",
    "toString",
    "true",
    "tryEval",
    "typeOf",
    "unsafeDiscardStringContext",
    "zipAttrsWith",
];

/// Names that stand for something that reads, or makes a path, wherever they are bound.
const UNKNOWN: [&str; 11] = [
    "builtins",
    "derivation",
    "derivationStrict",
    "dirOf",
    "fetchGit",
    "fetchMercurial",
    "fetchTarball",
    "fetchTree",
    "fetchurl",
    "placeholder",
    "scopedImport",
];

/// What a file can read; `file` is its path relative to the root. None where that cannot be told.
pub fn reach(text: &str, file: &str) -> Option<Reach> {
    // Where Nix ends a line and this tokenizer does not, a comment could hide something.
    if text.contains(['\r', '\0']) {
        return None;
    }
    let parsed = rnix::Root::parse(text);
    if !parsed.errors().is_empty() || !keeps_library(&parsed.tree().expr()?) {
        return None;
    }
    if !parsed.syntax().descendants().filter_map(rnix::ast::Ident::cast).all(|ident| names_library_plainly(&ident)) {
        return None;
    }
    // A name in quotes is one that no token tells: `inherit "import";`.
    let quoted = |inherit: rnix::ast::Inherit| {
        inherit.from().is_none() && !inherit.attrs().all(|attr| matches!(attr, Attr::Ident(_)))
    };
    if parsed.syntax().descendants().filter_map(rnix::ast::Inherit::cast).any(quoted) {
        return None;
    }
    let raw: Vec<Token<'_>> = parsed
        .syntax()
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .map(|token| Some((token.kind(), text.get(std::ops::Range::<usize>::from(token.text_range()))?)))
        .collect::<Option<_>>()?;
    let mut tokens: Vec<Token<'_>> = Vec::with_capacity(raw.len() / 2);
    for (at, token) in raw.iter().enumerate() {
        match token.0 {
            TOKEN_WHITESPACE | TOKEN_COMMENT => {}
            // A path that is continued by a value.
            TOKEN_PATH_REL if raw.get(at + 1).is_some_and(|next| next.0 == TOKEN_INTERPOL_START) => return None,
            _ => tokens.push(*token),
        }
    }
    let mut reach = Reach::default();
    for at in 0..tokens.len() {
        one(&tokens, at, file, &mut reach)?;
    }
    Some(reach)
}

type Token<'a> = (SyntaxKind, &'a str);

/// One token.
fn one(tokens: &[Token<'_>], at: usize, file: &str, reach: &mut Reach) -> Option<()> {
    let (kind, text) = tokens[at];
    match kind {
        TOKEN_ADD | TOKEN_INTERPOL_START => reach.adds = true,
        // All arguments at once: the library among them.
        TOKEN_AT => return None,
        TOKEN_PATH_REL => {
            let how = [How::Import, How::Read].into_iter().find(|how| callee(tokens, at, *how).is_some());
            let how = how.unwrap_or(How::Hold);
            if how == How::Hold && !stands_alone(tokens, at) {
                return None;
            }
            reach.holds_paths |= how == How::Hold;
            reach.links.push(Link { how, to: resolved(file, text)? });
        }
        TOKEN_PATH_ABS | TOKEN_PATH_HOME | TOKEN_PATH_SEARCH | TOKEN_URI | TOKEN_ERROR | TOKEN_CUR_POS => return None,
        TOKEN_PIPE_LEFT | TOKEN_PIPE_RIGHT => return None,
        TOKEN_IDENT if text.starts_with("__") => return None,
        TOKEN_IDENT if text == "import" || text == "valuesOf" => {
            callee(tokens, at + 1, How::Import)
                .filter(|_| tokens.get(at + 1).is_some_and(|t| t.0 == TOKEN_PATH_REL))?;
            reach.imports |= text == "import";
        }
        TOKEN_IDENT if text == "builtins" => {
            let [dot, name] = tokens.get(at + 1..at + 3)? else { return None };
            let reads = name.1 == "readFile" && callee(tokens, at + 3, How::Read) == Some(at);
            let known = name.0 == TOKEN_IDENT && (PURE.contains(&name.1) || reads);
            (dot.0 == TOKEN_DOT && known).then_some(())?;
        }
        TOKEN_IDENT if UNKNOWN.contains(&text) => return None,
        _ => {}
    }
    Some(())
}

/// Whether a file that the library calls gets it by name alone, or does nothing with it: what it evaluates to is data, or a
/// function of named arguments, or of one that it leaves alone, as in `_: { }`.
fn keeps_library(root: &Expr) -> bool {
    match root {
        Expr::Paren(inner) => inner.expr().is_some_and(|expr| keeps_library(&expr)),
        Expr::LetIn(inner) => inner.body().is_some_and(|expr| keeps_library(&expr)),
        Expr::With(inner) => inner.body().is_some_and(|expr| keeps_library(&expr)),
        Expr::Lambda(function) => match (function.param(), function.body()) {
            (Some(Param::Pattern(_)), _) => true,
            (Some(Param::IdentParam(name)), Some(body)) => {
                let mut used = body.syntax().descendants().filter_map(Ident::cast);
                !used.any(|ident| ident.syntax().text() == name.syntax().text())
            }
            _ => false,
        },
        Expr::AttrSet(_) | Expr::List(_) | Expr::Str(_) | Expr::Literal(_) | Expr::BinOp(_) | Expr::UnaryOp(_) => true,
        // An import gives what that file does, which is looked at by itself.
        Expr::Apply(call) => match call.lambda() {
            Some(Expr::Ident(name)) => name.syntax().text() == "import",
            Some(function) => is_known(&function),
            None => false,
        },
        _ => false,
    }
}

/// Whether a function is one of the library or of Nix, perhaps with some of its arguments.
fn is_known(function: &Expr) -> bool {
    match function {
        Expr::Apply(call) => call.lambda().is_some_and(|function| is_known(&function)),
        Expr::Select(select) => {
            select.expr().is_some_and(|of| ["writ", "builtins"].iter().any(|n| of.syntax().text() == *n))
        }
        _ => false,
    }
}

/// Whether the name of the library stands where nothing but one of its functions is meant, by name: `writ.check`, the
/// argument `{ writ, ... }:`.
fn names_library_plainly(ident: &Ident) -> bool {
    if ident.syntax().text() != "writ" {
        return true;
    }
    let Some(parent) = ident.syntax().parent() else { return false };
    match parent.kind() {
        NODE_PAT_ENTRY => parent.first_child().as_ref() == Some(ident.syntax()),
        // A key of a set, as in `probe.writ = …`.
        NODE_ATTRPATH => parent.parent().is_some_and(|of| of.kind() == NODE_ATTRPATH_VALUE),
        NODE_SELECT => {
            let path = Select::cast(parent).filter(|s| s.expr().is_some_and(|of| of.syntax() == ident.syntax()));
            path.and_then(|s| s.attrpath()?.attrs().next()).is_some_and(|first| matches!(first, Attr::Ident(_)))
        }
        _ => false,
    }
}

/// Whether a path is a whole value or an entry of a list, so that no function of the file gets it at once.
fn stands_alone(tokens: &[Token<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).map(|i| tokens[i].0);
    let after = tokens.get(at + 1).map(|token| token.0);
    matches!(before, Some(TOKEN_ASSIGN | TOKEN_L_BRACK | TOKEN_PATH_REL))
        && matches!(after, Some(TOKEN_SEMICOLON | TOKEN_R_BRACK | TOKEN_PATH_REL))
}

/// Where the function begins whose one argument is the path at `at`; none where there is no such function, or where it
/// may be an argument itself: in `f import ./x` it is `f` that gets both.
fn callee(tokens: &[Token<'_>], at: usize, how: How) -> Option<usize> {
    tokens.get(at).filter(|token| token.0 == TOKEN_PATH_REL)?;
    let before = |n: usize| at.checked_sub(n).map(|i| tokens[i]);
    let begin = match (how, before(3), before(2), before(1)) {
        (How::Import, _, _, Some((TOKEN_IDENT, "import"))) => at - 1,
        (How::Import, Some((TOKEN_IDENT, "writ")), Some((TOKEN_DOT, _)), Some((TOKEN_IDENT, "valuesOf"))) => at - 3,
        (How::Read, Some((TOKEN_IDENT, "builtins")), Some((TOKEN_DOT, _)), Some((TOKEN_IDENT, "readFile"))) => at - 3,
        _ => return None,
    };
    let begins = match begin.checked_sub(1).map(|i| tokens[i].0) {
        None => true,
        Some(kind) => matches!(
            kind,
            TOKEN_ASSIGN
                | TOKEN_L_PAREN
                | TOKEN_COLON
                | TOKEN_IN
                | TOKEN_WITH
                | TOKEN_THEN
                | TOKEN_ELSE
                | TOKEN_UPDATE
                | TOKEN_CONCAT
                | TOKEN_INTERPOL_START
        ),
    };
    begins.then_some(begin)
}

/// A relative path, from the folder of `file`; none where it leaves the tree.
fn resolved(file: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str) -> Option<Vec<(How, String)>> {
        Some(reach(text, "hosts/a/b/policy.nix")?.links.into_iter().map(|link| (link.how, link.to)).collect())
    }

    #[test]
    fn paths_that_stand_there_are_told() {
        let import = |to: &str| Some(vec![(How::Import, to.to_owned())]);
        assert_eq!(links("import ./x.nix"), import("hosts/a/b/x.nix"));
        assert_eq!(links("let x = import ../../../baselines/t.nix { }; in [ x ]"), import("baselines/t.nix"));
        assert_eq!(links("{ writ, ... }: (writ.valuesOf ./f.nix).a"), import("hosts/a/b/f.nix"));
        assert_eq!(links("with import ./x.nix; [ y ]"), import("hosts/a/b/x.nix"));
        assert_eq!(links("{ a = builtins.readFile ./x; }"), Some(vec![(How::Read, "hosts/a/b/x".to_owned())]));
        assert_eq!(links("{ a = \"${builtins.readFile ./x}\"; }"), Some(vec![(How::Read, "hosts/a/b/x".to_owned())]));
        assert_eq!(links("[ ./x ./y ]").unwrap().len(), 2);
        assert_eq!(links("{ a = \"./x ${b} /etc/passwd\"; c = '' import ./y ''; } # import ./z"), Some(vec![]));
        let held = reach("{ a = ./x; b = \"c\" + \"d\"; }", "a.nix").unwrap();
        assert!(held.holds_paths && held.adds);
        let called = reach("(import ./x.nix) + 1", "a.nix").unwrap();
        assert!(!called.holds_paths && called.adds);
    }

    #[test]
    fn data_and_what_is_computed_from_it_reads_nothing() {
        for text in [
            "{ writ, ... }: writ.appliance { checks.x = writ.check { expect.a.le = 3 * 4 / 2; }; }",
            "builtins.concatStringsSep \",\" (builtins.map toString [ 1 2 ])",
            "{ all, ... }: let f = x: x // { inherit (all) a; }; in map f [ all.\"b\" all.${c} ]",
            "_: { a = 1; }",
            "unused: let f = x: x; in { a = f 1; }",
        ] {
            assert_eq!(links(text), Some(vec![]), "{text}");
        }
    }

    #[test]
    fn whatever_else_could_read_is_not_known() {
        for text in [
            "import (./. + \"/x\")",
            "import x",
            "import \"/etc/passwd\"",
            "map import [ ./a.nix ]",
            "f import ./x.nix",
            "[ import ./x.nix ]",
            "let i = import; in i ./x",
            "./${x}/y",
            "import ./${x}",
            "/etc/passwd",
            "~/x",
            "<nixpkgs>",
            "../../../../outside",
            "builtins.readFile x",
            "f builtins.readFile ./x",
            "builtins.readDir ./.",
            "builtins.pathExists ./x",
            "builtins.path { path = ./.; }",
            "builtins.getEnv \"X\"",
            "builtins.${x}",
            "builtins.\"readFile\" ./x",
            "with builtins; readFile ./x",
            "inherit (builtins) readFile;",
            "let b = builtins; in b.readFile ./x",
            "__readFile ./x",
            "dirOf ./x",
            "scopedImport { } ./x",
            "fetchTarball x",
            "derivation { }",
            "writ.valuesOf x",
            "let v = writ.valuesOf; in v x",
            "f writ.valuesOf ./x",
            "inherit (writ) valuesOf;",
            "{ inherit (writ) valuesOf; }",
            "{ writ, ... }: writ.\"valuesOf\" x",
            "{ writ, ... }: writ.${\"values\" + \"Of\"} x",
            "{ writ, ... }: builtins.getAttr \"valuesOf\" writ",
            "{ writ, ... }: builtins.attrValues writ",
            "{ writ, ... }: with writ; check",
            "{ writ, ... }: let w = writ; in w",
            "{ w ? writ, ... }: w",
            "{ writ, ... }@all: all.\"writ\".\"valuesOf\" x",
            "all: all.\"writ\"",
            "_: _.\"writ\".\"valuesOf\" x",
            "_: let inherit (_) writ; in writ.\"valuesOf\" x",
            "_: { inherit _; }",
            "_: let s = { inherit \"_\"; }; in s.\"_\".\"writ\".\"valuesOf\" x",
            "let s = { inherit \"import\"; }; in s.\"import\" x",
            "let s = { inherit \"builtins\"; }; in s.\"builtins\".\"readFile\" x",
            "{ writ, ... }: let s = { inherit \"writ\"; }; in s.\"writ\".\"valuesOf\" x",
            "let inherit ${\"import\"}; in 1",
            "let f = all: all.\"writ\"; in f",
            "(x: y: y.\"writ\") 1",
            "{ ... }: \"${(import ./f.nix) ./front-desk}\"",
            "f ./x",
            "(./x)",
            "{ a = f ./x; }",
            "# hidden\rimport x",
            "{ a = \u{0}; }",
        ] {
            assert_eq!(links(text), None, "{text}");
        }
    }
}
