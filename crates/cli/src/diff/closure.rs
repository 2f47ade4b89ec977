//! Whether the systems of appliances change: the store path that each system would have, on both sides.
//!
//! Nothing is built and no store is asked: the name of a system says all of what it is made of. Where a system is made
//! with a program that the repository does not keep, the same stand-in takes its place on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::compare::Name;
use super::lay;
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
/// The most files that are compared to name those.
const MOST_LISTED: usize = 2_000;
/// The deepest folders that are looked into for them.
const DEEPEST: usize = 8;

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
pub fn compare(from: &Side, to: &Side, names: &BTreeSet<Name>) -> Outcome<BTreeMap<Name, Closure>> {
    let stand_ins = stand_ins(from, to, names);
    let (before, after) = thread::scope(|scope| {
        let first = scope.spawn(|| paths(from, names, &stand_ins));
        let after = paths(to, names, &stand_ins);
        (first.join().unwrap_or_else(|_| Err(Failure::could_not("a thread of writ ended"))), after)
    });
    let (before, after) = (before?, after?);
    let none = Ok(None);
    let mut files = Files { from: &from.tree.root, to: &to.tree.root, shared: None };
    let mut fate = |name: &Name| {
        let (was, is) = (before.get(name).unwrap_or(&none), after.get(name).unwrap_or(&none));
        match (was, is) {
            (Err(why), _) => Closure::Unknown { why: format!("before: {why}") },
            (_, Err(why)) => Closure::Unknown { why: format!("after: {why}") },
            (Ok(None), Ok(None)) => Closure::NotManaged,
            (Ok(Some(was)), Ok(Some(is))) if was == is => Closure::Same { path: is.clone() },
            (Ok(was), Ok(is)) => {
                Closure::Changed { before: was.clone(), after: is.clone(), files: files.explaining(name) }
            }
        }
    };
    Ok(names.iter().map(|name| (name.clone(), fate(name))).collect())
}

/// The files that differ between two trees.
struct Files<'a> {
    from: &'a Path,
    to: &'a Path,
    /// Those that every system may be made of, once they have been looked for.
    shared: Option<Vec<String>>,
}

impl Files<'_> {
    /// Those that a system may be made of.
    fn explaining(&mut self, (site, appliance): &Name) -> Vec<String> {
        let mut found = self.differing(&format!("hosts/{site}/{appliance}"), DEEPEST);
        found.extend(self.differing(&format!("hosts/{site}"), 0));
        if self.shared.is_none() {
            self.shared = Some(self.differing("modules", DEEPEST));
        }
        found.extend(self.shared.iter().flatten().cloned());
        found.truncate(MOST_FILES);
        found
    }

    /// Those below a folder of both trees, down to a depth, in order.
    fn differing(&self, folder: &str, depth: usize) -> Vec<String> {
        let mut names = BTreeSet::new();
        for root in [self.from, self.to] {
            listed(&root.join(folder), folder, depth, &mut names);
        }
        let content = |root: &Path, name: &str| fs::read(root.join(name)).ok();
        names.into_iter().filter(|name| content(self.from, name) != content(self.to, name)).collect()
    }
}

fn listed(path: &Path, name: &str, depth: usize, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        // Links are not followed: what they lead to is not part of the tree.
        if kind.is_dir() && depth > 0 {
            listed(&entry.path(), &name, depth - 1, found);
        } else if kind.is_file() && found.len() < MOST_LISTED {
            found.insert(name);
        }
    }
}

fn has_system(tree: &Tree, (site, appliance): &Name) -> bool {
    tree.root.join("hosts").join(site).join(appliance).join("system.nix").is_file()
}

/// The sites that neither side keeps a busybox of, although a system may be made with one.
fn stand_ins(from: &Side, to: &Side, names: &BTreeSet<Name>) -> BTreeSet<String> {
    let keeps = |side: &Side, site: &str| busybox(&side.tree.root, site).exists();
    let sites: BTreeSet<&String> = names.iter().map(|(site, _)| site).collect();
    sites.into_iter().filter(|site| !keeps(from, site) && !keeps(to, site)).cloned().collect()
}

fn busybox(root: &Path, site: &str) -> PathBuf {
    root.join("hosts").join(site).join("busybox/bin/busybox")
}

/// Whether a path in a tree belongs to the busybox of a site.
pub fn is_busybox(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().collect();
    parts.len() > 3 && parts[0] == "hosts" && parts[2] == "busybox"
}

fn paths(side: &Side, names: &BTreeSet<Name>, stand_ins: &BTreeSet<String>) -> Outcome<Paths> {
    let managed: BTreeSet<Name> = names.iter().filter(|name| has_system(&side.tree, name)).cloned().collect();
    if managed.is_empty() {
        return Ok(Paths::new());
    }
    let failed = |e: io::Error| Failure::could_not("the systems cannot be looked at").at(side.name()).caused_by(&e);
    let tree = &side.tree;
    for site in stand_ins {
        let mut file = lay::created(&tree.root, &busybox(Path::new(""), site), 0o644).map_err(failed)?;
        file.write_all(b"a program to build with\n").map_err(failed)?;
    }
    let mut paths = Paths::new();
    let mut runs = MOST_RUNS;
    let sites: BTreeSet<String> = managed.iter().map(|(site, _)| site.clone()).collect();
    match systems(tree, &sites, "systems")? {
        Ok(said) => paths = said,
        Err(why) if sites.len() == 1 => fill_by_appliance(tree, &managed, &why, &mut runs, &mut paths)?,
        // One system that does not evaluate ends the evaluation of all: the others are asked by themselves.
        Err(why) => {
            for site in sites {
                let of_site: BTreeSet<Name> = managed.iter().filter(|(s, _)| *s == site).cloned().collect();
                let said =
                    next_run(&mut runs).then(|| systems(tree, &BTreeSet::from([site]), "systems")).transpose()?;
                match said {
                    Some(Ok(said)) => paths.extend(said),
                    _ => fill_by_appliance(tree, &of_site, &why, &mut runs, &mut paths)?,
                }
            }
        }
    }
    // Those without a system.nix are null too, and nobody says why.
    paths.retain(|name, _| managed.contains(name));
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
        let said = match next_run(runs) {
            true => one(tree, site, appliance)?,
            false => Err(why.to_owned()),
        };
        paths.insert((site.clone(), appliance.clone()), said);
    }
    Ok(())
}

/// The systems of some sites, or what Nix says against one of them.
fn systems(tree: &Tree, sites: &BTreeSet<String>, attribute: &str) -> Outcome<Result<Paths, String>> {
    let (json, notes) = match evaluated(tree, sites, attribute)? {
        Ok(said) => said,
        Err(why) => return Ok(Err(why)),
    };
    let said: BTreeMap<String, BTreeMap<String, Option<String>>> =
        serde_json::from_slice(&json).map_err(|e| misfit(&e))?;
    let named = |(site, of): (String, BTreeMap<String, Option<String>>)| {
        let told = of.into_iter().map(|(name, path)| {
            let path = path.map_or_else(|| Err(why_null(&notes, &site, &name)), |path| Ok(Some(path)));
            ((site.clone(), name), path)
        });
        told.collect::<Vec<_>>()
    };
    Ok(Ok(said.into_iter().flat_map(named).collect()))
}

fn one(tree: &Tree, site: &str, appliance: &str) -> Outcome<Path_> {
    let attribute = &format!("systems.\"{site}\".\"{appliance}\"");
    let (json, notes) = match evaluated(tree, &BTreeSet::from([site.to_owned()]), attribute)? {
        Ok(said) => said,
        Err(why) => return Ok(Err(why)),
    };
    let path: Option<String> = serde_json::from_slice(&json).map_err(|e| misfit(&e))?;
    Ok(path.map_or_else(|| Err(why_null(&notes, site, appliance)), |path| Ok(Some(path))))
}

/// Why a system that is described evaluates to null, as the library says it beside the result.
fn why_null(notes: &str, site: &str, appliance: &str) -> String {
    let start = format!("trace: {site}/{appliance}: ");
    let told = notes.lines().find_map(|line| line.strip_prefix(&start));
    told.unwrap_or("its system.nix evaluates to null").to_owned()
}

fn misfit(error: &serde_json::Error) -> Failure {
    Failure::could_not("a system of this tree is no system").caused_by(error)
}

/// What Nix printed, and what it said beside that; or why it failed.
fn evaluated(tree: &Tree, sites: &BTreeSet<String>, attribute: &str) -> Outcome<Result<(Vec<u8>, String), String>> {
    let sites = serde_json::json!(sites).to_string();
    let output = process::run(tree.evaluation(attribute, &[("sites", &sites)]), TIME, LIMIT)
        .map_err(|e| Failure::could_not("Nix could not evaluate the systems").caused_by(&e))?;
    if output.status.success() {
        return Ok(Ok((output.stdout, output.stderr)));
    }
    let error = NixError::read(&output.stderr, tree, &output.status.to_string());
    Ok(Err(error.message.lines().next().unwrap_or_default().to_owned()))
}
