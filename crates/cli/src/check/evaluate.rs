//! Evaluating a tree although some of its files may not evaluate at all.
//!
//! Nix ends a run at its first own error (a syntax error, an undefined variable). That error becomes a finding, its file
//! is left out, and the rest is evaluated again, a bounded number of times, so that one typing mistake hides no other.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

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
/// From this many sites on, they are shared out among processes.
const SITES_PER_PROCESS: usize = 50;

/// What evaluation gave.
#[derive(Debug, Default)]
pub struct Evaluated {
    /// JSON of `report`, one document per share of the sites.
    pub reports: Vec<Vec<u8>>,
    /// Nix's own errors, each of which ended one file.
    pub errors: Vec<NixError>,
    /// The files that were left out because of them, relative to the root.
    pub excluded: BTreeSet<String>,
}

/// Evaluates all sites of a tree, or one.
pub fn evaluate(tree: &Tree, site: Option<&str>) -> Outcome<Evaluated> {
    let shares = shares(tree, site);
    let mut result = Evaluated::default();
    loop {
        let exclude = json(result.excluded.iter());
        match once(tree, &shares, &exclude)? {
            Ok(reports) => {
                result.reports = reports;
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

/// The sites for each process, as JSON lists; `null` means all.
fn shares(tree: &Tree, site: Option<&str>) -> Vec<String> {
    if let Some(site) = site {
        return vec![json([site])];
    }
    let sites = tree.sites();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let processes = (sites.len() / SITES_PER_PROCESS).clamp(1, processors);
    if processes == 1 {
        return vec!["null".to_owned()];
    }
    sites.chunks(sites.len().div_ceil(processes)).map(json).collect()
}

fn json<T: serde::Serialize>(names: impl IntoIterator<Item = T>) -> String {
    serde_json::Value::from_iter(names.into_iter().filter_map(|name| serde_json::to_value(name).ok())).to_string()
}

/// One round: every share's report, or the first error.
fn once(tree: &Tree, shares: &[String], exclude: &str) -> Outcome<Result<Vec<Vec<u8>>, Box<NixError>>> {
    let run = |sites: &String| run(tree, "report", &[("exclude", exclude), ("sites", sites)]);
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = shares.iter().map(|share| scope.spawn(move || run(share))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(Failure::could_not("a thread of writ ended"))))
            .collect::<Outcome<_>>()
    })?;
    Ok(results.into_iter().collect())
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
