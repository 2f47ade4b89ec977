//! Whether the systems of appliances change: the store path that each system would have, on both sides.
//!
//! Nothing is built and no store is asked: the name of a system says all of what it is made of. Where a system is made
//! with a program that the repository does not keep, the same stand-in takes its place on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::Serialize;
use tempfile::TempDir;

use super::compare::Name;
use super::revisions::Side;
use crate::check::nix_error::NixError;
use crate::check::process;
use crate::check::tree::Tree;
use crate::failure::{Failure, Outcome};

/// The longest time that one evaluation may take.
const TIME: Duration = Duration::from_secs(300);
/// The most bytes that one evaluation may print.
const LIMIT: u64 = 256 << 20;
/// The most evaluations of single sites or appliances, after that of all failed.
const MOST_RUNS: usize = 40;
/// The most files that are named for one system.
const MOST_FILES: usize = 5;
/// The folders that are copied from a working tree.
const FOLDERS: [&str; 5] = ["baselines", "rules", "hosts", "modules", "flake.lock"];

/// What becomes of a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Closure {
    /// Writ manages no system there, before and after.
    NotManaged,
    /// As before.
    Same {
        /// Its store path.
        path: String,
    },
    /// Another one; a null path means that none is managed.
    Changed {
        /// The store path before.
        before: Option<String>,
        /// The store path after.
        after: Option<String>,
        /// The changed files that explain it, as far as files do; the policy may too.
        files: Vec<String>,
    },
    /// It could not be named on one of the sides.
    Unknown {
        /// Why.
        why: String,
    },
}

/// The path of a system, none where there is none, or why it cannot be named.
type Path_ = Result<Option<String>, String>;
type Paths = BTreeMap<Name, Path_>;

/// What becomes of the systems of some appliances, which are on both sides.
pub fn compare(
    from: &Side,
    to: &Side,
    names: &BTreeSet<Name>,
    changed: Option<&[String]>,
) -> Outcome<BTreeMap<Name, Closure>> {
    let stand_ins = stand_ins(from, to, names);
    let (before, after) = thread::scope(|scope| {
        let first = scope.spawn(|| paths(from, names, &stand_ins));
        let after = paths(to, names, &stand_ins);
        (first.join().unwrap_or_else(|_| Err(Failure::could_not("a thread of writ ended"))), after)
    });
    let (before, after) = (before?, after?);
    let none = Ok(None);
    let fate = |name: &Name| {
        let (was, is) = (before.get(name).unwrap_or(&none), after.get(name).unwrap_or(&none));
        match (was, is) {
            (Err(why), _) => Closure::Unknown { why: format!("before: {why}") },
            (_, Err(why)) => Closure::Unknown { why: format!("after: {why}") },
            (Ok(None), Ok(None)) => Closure::NotManaged,
            (Ok(Some(was)), Ok(Some(is))) if was == is => Closure::Same { path: is.clone() },
            (Ok(was), Ok(is)) => {
                Closure::Changed { before: was.clone(), after: is.clone(), files: explaining(name, changed) }
            }
        }
    };
    Ok(names.iter().map(|name| (name.clone(), fate(name))).collect())
}

/// The changed files that a system may be made of.
fn explaining((site, appliance): &Name, changed: Option<&[String]>) -> Vec<String> {
    let (own, shared) = (format!("hosts/{site}/{appliance}/"), format!("hosts/{site}/"));
    let of_site = |file: &str| file.strip_prefix(&shared).is_some_and(|rest| !rest.contains('/'));
    let concerns = |file: &&String| {
        file.starts_with(&own) || of_site(file) || file.starts_with("modules/") || *file == "flake.lock"
    };
    changed.into_iter().flatten().filter(concerns).take(MOST_FILES).cloned().collect()
}

fn has_system(tree: &Tree, (site, appliance): &Name) -> bool {
    tree.root.join("hosts").join(site).join(appliance).join("system.nix").is_file()
}

/// The sites that neither side keeps a busybox of, although a system may be made with one.
fn stand_ins(from: &Side, to: &Side, names: &BTreeSet<Name>) -> BTreeSet<String> {
    // A working tree may have one that git does not know: what counts is the commit.
    let keeps = |side: &Side, site: &str| side.commit.is_some() && busybox(&side.tree.root, site).exists();
    let sites: BTreeSet<&String> = names.iter().map(|(site, _)| site).collect();
    sites.into_iter().filter(|site| !keeps(from, site) && !keeps(to, site)).cloned().collect()
}

fn busybox(root: &Path, site: &str) -> std::path::PathBuf {
    root.join("hosts").join(site).join("busybox/bin/busybox")
}

fn paths(side: &Side, names: &BTreeSet<Name>, stand_ins: &BTreeSet<String>) -> Outcome<Paths> {
    let managed: BTreeSet<Name> = names.iter().filter(|name| has_system(&side.tree, name)).cloned().collect();
    if managed.is_empty() {
        return Ok(Paths::new());
    }
    let failed = |e: io::Error| Failure::could_not("the systems cannot be looked at").at(side.name()).caused_by(&e);
    // Nothing is ever written into a working tree.
    let copy = if side.commit.is_none() { Some(copied(&side.tree.root).map_err(failed)?) } else { None };
    let root = copy.as_ref().map_or(side.tree.root.clone(), |folder| folder.path().join("tree"));
    for site in stand_ins {
        let file = busybox(&root, site);
        file.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
        fs::write(&file, "a program to build with\n").map_err(failed)?;
    }
    let tree = Tree::find(&root)?;
    let mut paths = Paths::new();
    let mut runs = MOST_RUNS;
    let sites: BTreeSet<String> = managed.iter().map(|(site, _)| site.clone()).collect();
    match systems(&tree, &sites, "systems")? {
        Ok(said) => paths = said,
        Err(why) if sites.len() == 1 => fill_by_appliance(&tree, &managed, &why, &mut runs, &mut paths)?,
        // One system that does not evaluate ends the evaluation of all: the others are asked by themselves.
        Err(why) => {
            for site in sites {
                let of_site: BTreeSet<Name> = managed.iter().filter(|(s, _)| *s == site).cloned().collect();
                let said =
                    next_run(&mut runs).then(|| systems(&tree, &BTreeSet::from([site]), "systems")).transpose()?;
                match said {
                    Some(Ok(said)) => paths.extend(said),
                    _ => fill_by_appliance(&tree, &of_site, &why, &mut runs, &mut paths)?,
                }
            }
        }
    }
    for name in managed {
        let said = paths.entry(name).or_insert(Ok(None));
        if *said == Ok(None) {
            *said = Err("its system.nix evaluates to null".to_owned());
        }
    }
    Ok(paths)
}

fn next_run(left: &mut usize) -> bool {
    let one = left.checked_sub(1);
    *left = one.unwrap_or_default();
    one.is_some()
}

fn fill_by_appliance(
    tree: &Tree,
    names: &BTreeSet<Name>,
    why: &str,
    runs: &mut usize,
    paths: &mut Paths,
) -> Outcome<()> {
    for (site, appliance) in names {
        let attribute = format!("systems.\"{site}\".\"{appliance}\"");
        let said = match next_run(runs) {
            true => one(tree, site, &attribute)?,
            false => Err(why.to_owned()),
        };
        paths.insert((site.clone(), appliance.clone()), said);
    }
    Ok(())
}

/// The systems of some sites, or what Nix says against one of them.
fn systems(tree: &Tree, sites: &BTreeSet<String>, attribute: &str) -> Outcome<Result<Paths, String>> {
    let json = match evaluated(tree, sites, attribute)? {
        Ok(json) => json,
        Err(why) => return Ok(Err(why)),
    };
    let said: BTreeMap<String, BTreeMap<String, Option<String>>> =
        serde_json::from_slice(&json).map_err(|e| misfit(&e))?;
    let named = |(site, of): (String, BTreeMap<String, Option<String>>)| {
        of.into_iter().map(move |(name, path)| ((site.clone(), name), Ok(path))).collect::<Vec<_>>()
    };
    Ok(Ok(said.into_iter().flat_map(named).collect()))
}

fn one(tree: &Tree, site: &str, attribute: &str) -> Outcome<Path_> {
    let json = match evaluated(tree, &BTreeSet::from([site.to_owned()]), attribute)? {
        Ok(json) => json,
        Err(why) => return Ok(Err(why)),
    };
    serde_json::from_slice(&json).map(Ok).map_err(|e| misfit(&e))
}

fn misfit(error: &serde_json::Error) -> Failure {
    Failure::could_not("a system of this tree is no system").caused_by(error)
}

fn evaluated(tree: &Tree, sites: &BTreeSet<String>, attribute: &str) -> Outcome<Result<Vec<u8>, String>> {
    let sites = serde_json::json!(sites).to_string();
    let output = process::run(tree.evaluation(attribute, &[("sites", &sites)]), TIME, LIMIT)
        .map_err(|e| Failure::could_not("Nix could not evaluate the systems").caused_by(&e))?;
    if output.status.success() {
        return Ok(Ok(output.stdout));
    }
    let error = NixError::read(&output.stderr, tree, &output.status.to_string());
    Ok(Err(error.message.lines().next().unwrap_or_default().to_owned()))
}

/// The policy files of a working tree, without the programs that it keeps for itself.
fn copied(root: &Path) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("writ-diff-").tempdir()?;
    let target = folder.path().join("tree");
    fs::create_dir(&target)?;
    for name in FOLDERS.iter().filter(|name| root.join(name).exists()) {
        copy(&root.join(name), &target.join(name), 0)?;
    }
    Ok(folder)
}

fn copy(from: &Path, to: &Path, depth: usize) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    if !kind.is_dir() {
        return if kind.is_file() { fs::copy(from, to).map(drop) } else { Ok(()) };
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        // hosts/<site>/busybox
        if depth == 2 && entry.file_name() == "busybox" {
            continue;
        }
        copy(&entry.path(), &to.join(entry.file_name()), depth + 1)?;
    }
    Ok(())
}
