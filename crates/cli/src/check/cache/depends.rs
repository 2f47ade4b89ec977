//! Whether a result depends on nothing but the files that its key is made of.

use std::collections::BTreeSet;

use super::content::Content;
use super::reach::{How, reach};
use crate::embedded::LIBRARY;

/// The file that gathers the rules that were learned.
const LEARNED: &str = "rules/learned/rules.nix";

/// The folders that the sites of a tree share.
pub const SHARED: [&str; 2] = ["baselines", "rules"];

/// Whether what `roots` evaluate to depends on nothing but files in `content`, which is of the folders `within`.
pub fn only_on(content: &[&Content], within: &[&str], roots: impl IntoIterator<Item = String>) -> bool {
    let files = Files { content, within };
    let mut imported: BTreeSet<String> = BTreeSet::new();
    let mut holders: BTreeSet<String> = BTreeSet::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    // A root that is not there is not read; that it is not is part of the content.
    let mut left: Vec<String> = Vec::new();
    for root in roots {
        if !files.covers(&root) {
            return false;
        }
        left.extend(files.evaluated(&root));
    }
    while let Some(file) = left.pop() {
        if !seen.insert(file.clone()) {
            continue;
        }
        let text = files.bytes(&file).and_then(|bytes| std::str::from_utf8(bytes).ok());
        if text.is_some_and(|text| gathers_learned(&file, text)) {
            // Every file beside it, each of which is looked at by itself.
            let beside = files.beside(&file);
            imported.extend(beside.iter().cloned());
            left.extend(beside);
            continue;
        }
        let Some(known) = text.and_then(|text| reach(text, &file)) else { return false };
        // A path may become one that stands nowhere, in any file that gets it: only the lists of baselines and rules hold
        // some, and those do nothing with them.
        if known.holds_paths && (known.adds || known.imports || !is_list(&file)) {
            return false;
        }
        if known.holds_paths {
            holders.insert(file);
        }
        for link in known.links {
            let evaluated = files.evaluated(&link.to);
            let fine = match link.how {
                How::Import => evaluated.is_some(),
                How::Read => files.bytes(&link.to).is_some(),
                How::Hold => true,
            };
            if !fine || !files.covers(&link.to) {
                return false;
            }
            if link.how == How::Import {
                imported.extend(evaluated.clone());
            }
            left.extend(evaluated.filter(|_| link.how != How::Read));
        }
    }
    // Whoever imports a file gets the paths that it holds.
    imported.is_disjoint(&holders)
}

/// The lists of a shared folder: what comes with Writ, and what a tree has of its own.
pub const LISTS: [&str; 2] = ["library.nix", "default.nix"];

/// Whether a file is one that lists others, for the library.
fn is_list(file: &str) -> bool {
    let within = |folder| file.strip_prefix(folder).and_then(|rest: &str| rest.strip_prefix('/'));
    SHARED.iter().filter_map(within).any(|rest| LISTS.contains(&rest) || rest.ends_with("/default.nix"))
}

/// Whether a file is the one that gathers the rules that were learned, as this version brings it along: of that one it is known that it
/// imports the Nix files beside it, and does nothing else. Of another one it is not.
fn gathers_learned(file: &str, text: &str) -> bool {
    file == LEARNED && LIBRARY.contains(&(LEARNED, text))
}

struct Files<'a> {
    content: &'a [&'a Content],
    within: &'a [&'a str],
}

impl Files<'_> {
    /// Whether a path leads into one of the folders, and nowhere else.
    fn covers(&self, path: &str) -> bool {
        let plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let inside =
            |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        plain && self.within.iter().any(|folder| inside(folder))
    }

    fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.content.iter().find_map(|content| content.files.get(path)).map(Vec::as_slice)
    }

    /// The Nix files in the folder of a file, and not below it, other than itself.
    fn beside(&self, file: &str) -> Vec<String> {
        let folder = &file[..file.rfind('/').map_or(0, |at| at + 1)];
        let all = self.content.iter().flat_map(|content| content.files.keys());
        let is_beside = |path: &&String| {
            let name = path.strip_prefix(folder).unwrap_or_default();
            name.ends_with(".nix") && !name.contains('/') && *path != file
        };
        all.filter(is_beside).cloned().collect()
    }

    /// The file that importing a path evaluates.
    fn evaluated(&self, path: &str) -> Option<String> {
        let is_folder = self.bytes(&format!("{path}/")).is_some();
        let file = if is_folder { format!("{path}/default.nix") } else { path.to_owned() };
        self.bytes(&file).is_some().then_some(file)
    }
}

/// The files of a site that the library evaluates.
pub fn roots_of(site: &str, content: &Content) -> Vec<String> {
    let prefix = format!("hosts/{site}/");
    let is_root = |path: &&str| {
        let rest: Vec<&str> = path.strip_prefix(&prefix).unwrap_or_default().trim_end_matches('/').split('/').collect();
        matches!(rest.as_slice(), ["site.nix"] | [_, "policy.nix"])
    };
    let paths = content.files.keys().map(String::as_str).filter(is_root);
    paths.map(|path| path.trim_end_matches('/').to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(files: &[(&str, &str)]) -> Content {
        let mut content = Content::default();
        for (name, text) in files {
            for (at, _) in name.match_indices('/') {
                content.files.insert(name[..=at].to_owned(), Vec::new());
            }
            content.files.insert((*name).to_owned(), text.as_bytes().to_vec());
        }
        content
    }

    fn known(files: &[(&str, &str)]) -> bool {
        let content = content(files);
        only_on(&[&content], &["hosts/a", "baselines"], roots_of("a", &content))
    }

    #[test]
    fn what_a_site_imports_from_itself_and_from_baselines_is_known() {
        assert!(known(&[("hosts/a/site.nix", "{ }")]));
        assert!(known(&[
            ("hosts/a/site.nix", "import ./b/x.nix"),
            ("hosts/a/b/x.nix", "import ../../../baselines/t"),
            ("hosts/a/b/policy.nix", "{ a = builtins.readFile ./words.txt; b = 1 + 2; }"),
            ("hosts/a/b/words.txt", "\u{0}"),
            ("baselines/t/default.nix", "{ a = 1 + 2; }"),
            ("hosts/a/b/system.nix", "import <nixpkgs>"),
        ]));
        let list =
            "{ writ, ... }: let f = writ.valuesOf ./f.nix; in writ.baseline { files = [ ./f.nix ]; a = f.\"b\"; }";
        let tree = |list| {
            known(&[
                ("hosts/a/site.nix", "import ../../baselines/t"),
                ("baselines/t/default.nix", list),
                ("baselines/t/f.nix", "{ }"),
            ])
        };
        assert!(!tree(list), "whoever imports a list gets its paths");
    }

    #[test]
    fn what_lies_elsewhere_or_is_computed_is_not() {
        let policy = "hosts/a/b/policy.nix";
        for text in [
            "import ../../other/x.nix",
            "import ../../../docs/x.nix",
            "import ./gone.nix",
            "builtins.readFile ./gone",
            "{ a = ../../other; }",
            "{ a = ./x.nix; b = c + d; }",
            "import ./evil.nix",
            "{ a = import ./holds.nix; }",
            "{ a = ./evil.nix; }",
            "{ a = ./x.nix; }",
            "{ a = ./data; }",
            "{ a = \"${(import ./adds.nix) ./data}\"; }",
            "let p = [ ./data ]; in map (import ./adds.nix) p",
            "import ./list.nix",
        ] {
            let given = [
                (policy, text),
                ("hosts/a/b/evil.nix", "import x"),
                ("hosts/a/b/holds.nix", "{ x = ./x.nix; }"),
                ("hosts/a/b/x.nix", "1"),
                ("hosts/a/b/data", "import x"),
                ("hosts/a/b/adds.nix", "{ p }: p + \"/../../../docs\""),
                ("hosts/a/b/list.nix", "[ ./data ]"),
                ("hosts/other/x.nix", "1"),
                ("docs/x.nix", "1"),
            ];
            assert!(!known(&given), "{text}");
        }
    }

    #[test]
    fn the_lists_of_baselines_hold_paths_and_do_nothing_with_them() {
        let shared = |list: &str| {
            let content = content(&[
                ("baselines/default.nix", "{ }"),
                ("baselines/library.nix", "{ t = ./t; }"),
                ("baselines/t/default.nix", list),
                ("baselines/t/f.nix", "{ }"),
                ("baselines/t/data", "import x"),
            ]);
            only_on(
                &[&content],
                &SHARED,
                ["baselines/default.nix", "baselines/library.nix", "baselines/t/default.nix"].map(str::to_owned),
            )
        };
        assert!(shared(
            "{ writ, ... }: let f = writ.valuesOf ./f.nix; in writ.baseline { files = [ ./f.nix ]; a = f.\"b\"; }"
        ));
        for list in [
            "{ writ, ... }: writ.baseline { files = [ ./data ]; }",
            "{ writ, ... }: writ.baseline { files = map (import ./f.nix) [ ./f.nix ]; }",
            "{ writ, ... }: writ.baseline { files = [ ./f.nix ]; title = \"${x}\"; }",
            "{ writ, ... }: writ.baseline { files = [ (f ./f.nix) ]; }",
        ] {
            assert!(!shared(list), "{list}");
        }
    }

    #[test]
    fn learned_rules_are_gathered_by_the_file_of_this_version_alone() {
        let gathers = LIBRARY.iter().find(|(path, _)| *path == LEARNED).unwrap().1;
        let shared = |gathers: &str, rule: &str| {
            let content = content(&[
                (LEARNED, gathers),
                ("rules/learned/rejected.nix", "[ ]"),
                ("rules/learned/README.md", "words"),
                ("rules/learned/L1-LEARNED-AA.nix", rule),
            ]);
            only_on(&[&content], &["rules"], [LEARNED.to_owned()])
        };
        let rule = "{ writ, ... }: { rules.x = writ.rule { }; }";
        assert!(shared(gathers, rule));
        assert!(!shared(gathers, "import x"), "each of them is looked at");
        assert!(!shared(&format!("{gathers} "), rule), "of another one nothing is known");
    }

    #[test]
    fn roots_are_the_site_and_its_appliances() {
        let content = content(&[
            ("hosts/a/site.nix", ""),
            ("hosts/a/b/policy.nix", ""),
            ("hosts/a/b/system.nix", ""),
            ("hosts/a/b/c/policy.nix", ""),
            ("hosts/a/d/policy.nix/default.nix", ""),
        ]);
        assert_eq!(roots_of("a", &content), ["hosts/a/b/policy.nix", "hosts/a/d/policy.nix", "hosts/a/site.nix"]);
    }
}
