//! The tree of policy files, and the one Nix program that evaluates it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Outcome};

/// The entry of the policy library within a tree.
pub const ENTRY: &str = "modules/policy/evaluate.nix";

/// A tree of `baselines/`, `rules/`, `hosts/` and `modules/policy/`.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Its root, absolute and without symbolic links, because Nix's positions are.
    pub root: PathBuf,
    /// `nix-instantiate`.
    pub program: PathBuf,
}

impl Tree {
    /// The tree that `path` is in, and Nix.
    pub fn find(path: &Path) -> Outcome<Self> {
        let start = path.canonicalize().map_err(|e| {
            Failure::could_not(format!("{} cannot be read", path.display()))
                .caused_by(&e)
                .next("name the folder that holds baselines/, rules/, hosts/ and modules/")
        })?;
        let root = root_above(&start).ok_or_else(|| {
            Failure::could_not(format!("{} is no tree of policy", path.display()))
                .because(format!("neither it nor a folder above it holds {ENTRY}"))
                .next(
                    "name the folder that holds baselines/, rules/, hosts/ and modules/, or begin one: \
                     writ site new NAME --init",
                )
        })?;
        Self::of(root)
    }

    /// The tree whose root is `path`, and no folder above it.
    pub fn at(path: &Path) -> Outcome<Self> {
        let no_tree = || Failure::could_not(format!("{} is no tree of policy", path.display()));
        let root = path.canonicalize().map_err(|e| no_tree().caused_by(&e))?;
        if !root.join(ENTRY).is_file() {
            return Err(no_tree().because(format!("it does not hold {ENTRY}")));
        }
        Self::of(&root)
    }

    fn of(root: &Path) -> Outcome<Self> {
        if root.to_str().is_none() {
            return Err(Failure::could_not("the name of this folder is not UTF-8").at(root.display()));
        }
        Ok(Self { root: root.to_owned(), program: program()? })
    }

    /// The way from the root of the repository that the tree is in to the tree, with `/` at its end; empty where the tree
    /// is a repository of its own, or in none.
    pub fn prefix(&self) -> String {
        let repository = self.root.ancestors().find(|folder| folder.join(".git").exists());
        let below = repository.and_then(|folder| self.root.strip_prefix(folder).ok()).unwrap_or(Path::new(""));
        if below.as_os_str().is_empty() { String::new() } else { format!("{}/", below.display()) }
    }

    /// The names of its sites: the folders of `hosts/` with a `site.nix`. Links are not followed, nor does the library.
    pub fn sites(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.root.join("hosts"))
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let file = std::fs::symlink_metadata(entry.path().join("site.nix"));
                let is_site = is_folder && file.is_ok_and(|file| !file.is_symlink());
                is_site.then(|| entry.file_name().into_string().ok())?
            })
            .collect();
        names.sort();
        names
    }

    /// Whether a position's file is policy that people write, not the library.
    pub fn is_policy(&self, file: &str) -> bool {
        file.ends_with(".nix") && !file.starts_with("modules/") && self.root.join(file).is_file()
    }

    /// A Nix evaluation of `attribute`, with string arguments.
    ///
    /// It has neither network nor store: `dummy://` keeps nothing, restricted mode reads nothing outside of the tree, and
    /// the environment says nothing else.
    pub fn evaluation(&self, attribute: &str, arguments: &[(&str, &str)]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default()).env("HOME", "/nonexistent");
        command.env("LC_ALL", "C.UTF-8").env("NIX_PATH", "").env("NIX_CONFIG", "").env("NIX_USER_CONF_FILES", "");
        // A folder that cannot exist: the machine's nix.conf has no say in what a policy means.
        command.env("NIX_CONF_DIR", "/dev/null");
        command.current_dir(&self.root).args(["--store", "dummy://"]);
        for (option, value) in [
            ("restrict-eval", "true"),
            ("substitute", "false"),
            ("allow-import-from-derivation", "false"),
            ("allowed-uris", ""),
        ] {
            command.args(["--option", option, value]);
        }
        // With a prefix, or a `=` in the path would be taken for the end of one.
        let mut only_tree = OsString::from("tree=");
        only_tree.push(&self.root);
        command.arg("-I").arg(only_tree).args(["--eval", "--strict", "--json", "--show-trace"]);
        command.arg(self.root.join(ENTRY)).args(["--arg", "root", &nix_path(&self.root.to_string_lossy())]);
        for (name, value) in arguments {
            command.args(["--argstr", name, value]);
        }
        command.args(["-A", attribute]);
        command
    }
}

/// The site that a file of a tree belongs to, by its path relative to the root.
pub fn site_of(file: &str) -> Option<&str> {
    file.strip_prefix("hosts/")?.split_once('/').map(|(site, _)| site)
}

/// The root of the tree that a folder is in; none where it is in no tree.
pub fn root_above(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join(ENTRY).is_file())
}

/// An absolute path as a Nix expression, whatever characters it holds.
fn nix_path(path: &str) -> String {
    let mut text = String::with_capacity(path.len() + 8);
    for c in path.chars() {
        if matches!(c, '"' | '\\' | '$') {
            text.push('\\');
        }
        text.push(c);
    }
    format!("/. + \"{text}\"")
}

/// `nix-instantiate` on PATH, or where Nix usually is.
fn program() -> Outcome<PathBuf> {
    const USUAL: [&str; 2] = ["/run/current-system/sw/bin", "/nix/var/nix/profiles/default/bin"];
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(USUAL.iter().map(PathBuf::from))
        .map(|folder| folder.join("nix-instantiate"))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            Failure::could_not("Nix is not installed")
                .because("policy is evaluated by `nix-instantiate`, which is not on PATH")
                .next("install Nix (Debian: apt-get install nix-bin), or see https://nixos.org/download")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_becomes_one_nix_string() {
        assert_eq!(nix_path("/a b/c"), "/. + \"/a b/c\"");
        assert_eq!(nix_path("/a\"${x}\\"), "/. + \"/a\\\"\\${x}\\\\\"");
    }
}
