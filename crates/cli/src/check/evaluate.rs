//! Evaluating a tree although some of its files may not evaluate at all.
//!
//! Nix ends a run at its first own error (a syntax error, an undefined variable). That error becomes a finding, its file
//! is left out, and the rest is evaluated again, a bounded number of times, so that one typing mistake hides no other.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use writ_policy::delta::{Delta, lacks_delta};

use super::nix_error::NixError;
use super::process;
use super::tree::Tree;
use crate::failure::{Failure, Outcome};

/// The longest time that one evaluation may take.
const TIME: Duration = Duration::from_secs(300);
/// The most bytes that one evaluation may print.
const LIMIT: u64 = 1 << 30;
/// The most files that are left out before giving up.
const MOST_EXCLUDED: usize = 50;
/// Up to this many sites are evaluated by one process; more are shared out.
const FEW: usize = 50;
/// The most processes at once: each holds an evaluation.
const MOST_PROCESSES: usize = 8;
/// The most sites of one evaluation: what it takes of memory is bounded by that.
const MOST: usize = 125;

/// What evaluation gave.
#[derive(Debug)]
pub struct Evaluated<R> {
    /// What was made of each evaluation, in order of the sites. Everything but the sites is in each.
    pub parts: Vec<R>,
    /// Nix's own errors, each of which ended one file.
    pub errors: Vec<NixError>,
    /// The files that were left out because of them, relative to the root.
    pub excluded: BTreeSet<String>,
}

/// Which sites to evaluate.
#[derive(Debug, Clone, Copy)]
pub enum Sites<'a> {
    /// All that there are.
    All,
    /// These, be it none: the rest of the tree is evaluated in any case.
    These(&'a [String]),
}

/// Evaluates sites of a tree and makes something of each evaluation while others go on: at no time is more in memory than
/// a hundred sites for each processor. `work` gets the files that were left out, too.
pub fn evaluate<R: Send>(
    tree: &Tree,
    sites: Sites<'_>,
    work: &(dyn Fn(Delta, &BTreeSet<String>) -> Outcome<R> + Sync),
) -> Outcome<Evaluated<R>> {
    let shares = shares(tree, sites);
    let mut result = Evaluated { parts: Vec::new(), errors: Vec::new(), excluded: BTreeSet::new() };
    loop {
        match once(tree, &shares, &result.excluded, work)? {
            Ok(parts) => {
                result.parts = parts;
                return Ok(result);
            }
            Err(error) => {
                let error = *error;
                let Some(file) = culprit(tree, &error, &result.excluded)? else {
                    return Err(Failure::could_not("Nix cannot evaluate this tree")
                        .because(&error.message)
                        .next("no policy file is to blame by itself; `nix-instantiate --parse FILE` may tell more"));
                };
                result.excluded.insert(file);
                if !result.errors.contains(&error) {
                    result.errors.push(error);
                }
            }
        }
        if result.excluded.len() > MOST_EXCLUDED {
            return Ok(result);
        }
    }
}

/// The sites of each evaluation, as JSON lists; `null` means all.
fn shares(tree: &Tree, sites: Sites<'_>) -> Vec<String> {
    let listed;
    let (names, all) = match sites {
        Sites::These(names) => (names, false),
        Sites::All => {
            listed = tree.sites();
            (listed.as_slice(), true)
        }
    };
    if names.len() <= FEW {
        return vec![if all { "null".to_owned() } else { json(names) }];
    }
    names.chunks(names.len().div_ceil(processors()).min(MOST)).map(json).collect()
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_PROCESSES)
}

fn json<T: serde::Serialize>(names: impl IntoIterator<Item = T>) -> String {
    serde_json::Value::from_iter(names.into_iter().filter_map(|name| serde_json::to_value(name).ok())).to_string()
}

/// One round: what was made of every share, or the first error.
fn once<R: Send>(
    tree: &Tree,
    shares: &[String],
    excluded: &BTreeSet<String>,
    work: &(dyn Fn(Delta, &BTreeSet<String>) -> Outcome<R> + Sync),
) -> Outcome<Result<Vec<R>, Box<NixError>>> {
    let exclude = json(excluded.iter());
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let share = |sites: &str| -> Outcome<Result<R, Box<NixError>>> {
        match delta(tree, &[("exclude", &exclude), ("sites", sites)])? {
            Ok(delta) => work(delta, excluded).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    };
    // Shares are taken in order, and whoever has one ends it: so the first error is the same in every run.
    let worker = || {
        let mut done = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(sites) = shares.get(at) else { break };
            let result = share(sites);
            failed.fetch_or(!matches!(result, Ok(Ok(_))), Ordering::Relaxed);
            done.push((at, result));
        }
        done
    };
    let mut results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..processors().min(shares.len())).map(|_| scope.spawn(worker)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// One evaluation of some sites.
fn delta(tree: &Tree, arguments: &[(&str, &str)]) -> Outcome<Result<Delta, Box<NixError>>> {
    let misfit = |e: serde_json::Error| {
        Failure::could_not("what modules/policy evaluates to is not what this version of writ reads").caused_by(&e)
    };
    let read = |printed: Vec<u8>, read: fn(&[u8]) -> serde_json::Result<Delta>| read(&printed).map_err(misfit);
    match run(tree, writ_policy::delta::DELTA, arguments)? {
        Ok(printed) => read(printed, Delta::read).map(Ok),
        Err(error) if lacks_delta(&error.message) => match run(tree, writ_policy::delta::REPORT, arguments)? {
            Ok(printed) => read(printed, Delta::read_report).map(Ok),
            Err(error) => Ok(Err(error)),
        },
        Err(error) => Ok(Err(error)),
    }
}

/// One process: what it printed, or the error that ended it.
pub fn run(tree: &Tree, attribute: &str, arguments: &[(&str, &str)]) -> Outcome<Result<Vec<u8>, Box<NixError>>> {
    let output = process::run(tree.evaluation(attribute, arguments), TIME, LIMIT)
        .map_err(|e| Failure::could_not("Nix could not evaluate the policy").caused_by(&e))?;
    Ok(if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Box::new(NixError::read(&output.stderr, tree, &output.status.to_string())))
    })
}

/// The file to leave out because of an error: the nearest policy file that its trace names and that is still there, or
/// else the first one that does not evaluate by itself.
fn culprit(tree: &Tree, error: &NixError, excluded: &BTreeSet<String>) -> Outcome<Option<String>> {
    if let Some(at) = error.trace.iter().find(|at| !excluded.contains(&at.file)) {
        return Ok(Some(at.file.clone()));
    }
    let exclude = json(excluded.iter());
    let Ok(listed) = run(tree, "files", &[("exclude", &exclude)])? else { return Ok(None) };
    let files: Vec<String> = serde_json::from_slice(&listed).unwrap_or_default();
    let mut suspects: Vec<String> = files.into_iter().filter(|file| !excluded.contains(file)).collect();
    let fails = |files: &[String]| -> Outcome<bool> {
        Ok(run(tree, "forced", &[("exclude", &exclude), ("only", &json(files))])?.is_err())
    };
    if suspects.is_empty() || !fails(&suspects)? {
        return Ok(None);
    }
    while suspects.len() > 1 {
        let rest = suspects.split_off(suspects.len() / 2);
        if !fails(&suspects)? {
            suspects = rest;
        }
    }
    Ok(suspects.pop())
}
