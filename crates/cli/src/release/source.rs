//! What a release is evaluated from: a snapshot of the source tree as git knows it, and that snapshot's name.
//!
//! Only files that git tracks are in it, as they stand in the working tree: another clone of the same commit gives the
//! same snapshot, and nothing untracked can slip into a release. Outside a repository the snapshot is every file but
//! `.git`, `target` and `result*` at the top.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use writ_nix::evaluate::Tree;
use writ_nix::nar;
use writ_trust::digest::Digest;
use writ_trust::release::Source;
use writ_trust::text::escaped;

use crate::failure::{Failure, Outcome};
use crate::screen;

/// Folders whose untracked files are worth a warning: everything that is evaluated.
const EVALUATED: [&str; 4] = ["baselines", "rules", "hosts", "modules"];

/// A snapshot; removed when dropped.
pub struct Snapshot {
    /// The tree, ready for evaluation.
    pub tree: Tree,
    /// How a release names it.
    pub source: Source,
    _directory: TempDir,
}

/// Takes the snapshot of a tree.
pub fn snapshot(flake: &Path) -> Outcome<Snapshot> {
    // Refuse a wrong directory before anything of it is copied.
    Tree::open(flake).map_err(|e| Failure::could_not("this cannot be evaluated").at(flake.display()).because(e))?;
    let git = Git::of(flake)?;
    let files = match &git {
        Some(git) => git.tracked()?,
        None => everything(flake)?,
    };
    if let Some(git) = &git {
        warn_of_untracked(git)?;
    }
    let directory = tempfile::Builder::new().prefix("writ-source-").tempdir().map_err(|e| no_copy(flake, &e))?;
    let root = directory.path().join("source");
    fs::create_dir(&root).map_err(|e| no_copy(flake, &e))?;
    for file in &files {
        copy(flake, &root, file).map_err(|e| no_copy(&flake.join(file), &e))?;
    }
    let source = Source {
        revision: git.as_ref().map(Git::revision).transpose()?.flatten(),
        nar_hash: nar_hash(&root)?,
        dirty: git.as_ref().map(Git::is_dirty).transpose()?.unwrap_or(true),
    };
    let tree = Tree::open(&root).map_err(|e| {
        Failure::refused("git does not track the policy library").at(flake.display()).because(e).next("git add modules")
    })?;
    Ok(Snapshot { tree, source, _directory: directory })
}

fn no_copy(path: &Path, error: &io::Error) -> Failure {
    Failure::could_not("cannot take a snapshot of the source tree").at(path.display()).because(error)
}

fn copy(from: &Path, to: &Path, file: &Path) -> io::Result<()> {
    if !file.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(io::Error::other("not a plain relative path"));
    }
    let (source, target) = (from.join(file), to.join(file));
    let kind = match fs::symlink_metadata(&source) {
        // Tracked but deleted: the tree is dirty, and says so.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?.file_type(),
    };
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    if kind.is_symlink() {
        symlink(fs::read_link(&source)?, &target)
    } else if kind.is_dir() {
        // A submodule: git tracks it as one entry, and its files are not part of this tree.
        fs::create_dir_all(&target)
    } else {
        fs::copy(&source, &target).map(drop)
    }
}

fn everything(flake: &Path) -> Outcome<Vec<PathBuf>> {
    fn walk(root: &Path, relative: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(root.join(relative))? {
            let entry = entry?;
            let name = entry.file_name();
            let top = relative.as_os_str().is_empty();
            if top && (name == ".git" || name == "target" || name.as_bytes().starts_with(b"result")) {
                continue;
            }
            let path = relative.join(&name);
            if entry.file_type()?.is_dir() { walk(root, &path, found)? } else { found.push(path) }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(flake, Path::new(""), &mut found).map_err(|e| no_copy(flake, &e))?;
    Ok(found)
}

/// The SHA-256 of a directory as a NAR, as `nix-hash --type sha256` gives it.
fn nar_hash(root: &Path) -> Outcome<Digest> {
    let hashed = nar::hash_tree(root);
    Ok(hashed.map_err(|e| Failure::could_not("cannot hash the source tree").at(root.display()).because(e))?.hash)
}

fn warn_of_untracked(git: &Git) -> Outcome<()> {
    let untracked = git.untracked()?;
    if untracked.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = untracked.iter().take(5).map(|path| path.display().to_string()).collect();
    let more = untracked.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let shown = escaped(shown.join(", "));
    screen::warning(&format!("not part of the release, because git does not track it: {shown}{more}"));
    Ok(())
}

/// The repository that a tree is in.
struct Git {
    tree: PathBuf,
}

impl Git {
    fn of(tree: &Path) -> Outcome<Option<Self>> {
        let git = Self { tree: tree.to_owned() };
        match git.output(["rev-parse", "--is-inside-work-tree"]) {
            Ok(output) if output.status.success() => Ok(Some(git)),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                if why.contains("not a git repository") { Ok(None) } else { Err(git.failed(why)) }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound && !tree.join(".git").exists() => Ok(None),
            Err(e) => Err(git.failed(format!("cannot run git: {e}"))),
        }
    }

    fn revision(&self) -> Outcome<Option<writ_trust::release::Revision>> {
        let output = self.output(["rev-parse", "--verify", "--quiet", "HEAD"]);
        let output = output.map_err(|e| self.failed(e.to_string()))?;
        // A repository without any commit has no HEAD yet.
        Ok(String::from_utf8_lossy(&output.stdout).trim().parse().ok())
    }

    fn is_dirty(&self) -> Outcome<bool> {
        Ok(!self.run(["status", "--porcelain", "--untracked-files=no", "--", "."])?.is_empty())
    }

    fn tracked(&self) -> Outcome<Vec<PathBuf>> {
        Ok(paths(&self.run(["ls-files", "-z", "--", "."])?))
    }

    fn untracked(&self) -> Outcome<Vec<PathBuf>> {
        let folders = EVALUATED.iter().filter(|folder| self.tree.join(folder).is_dir()).copied();
        let arguments = ["ls-files", "-z", "--others", "--"].into_iter().chain(folders);
        Ok(paths(&self.run(arguments)?))
    }

    fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Outcome<Vec<u8>> {
        let output = self.output(arguments).map_err(|e| self.failed(e.to_string()))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(self.failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn output<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> io::Result<std::process::Output> {
        Command::new("git").arg("-C").arg(&self.tree).args(arguments).env("LC_ALL", "C").output()
    }

    fn failed(&self, why: String) -> Failure {
        Failure::could_not("git does not say what is in this tree").at(self.tree.display()).because(why)
    }
}

fn paths(listing: &[u8]) -> Vec<PathBuf> {
    let names = listing.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut paths: Vec<PathBuf> = names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect();
    // A path in conflict is listed once per side.
    paths.sort();
    paths.dedup();
    paths
}
