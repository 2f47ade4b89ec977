//! Evaluating a tree although some of its files may not evaluate at all.
//!
//! Nix ends a run at its first own error (a syntax error, an undefined variable). That error becomes a finding, its file
//! is left out, and the rest is evaluated again, a bounded number of times, so that one typing mistake hides no other. A
//! file of one site costs only those an evaluation that share a process with that site.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use writ_policy::delta::{Delta, lacks_delta};

use super::cache::plain;
use super::nix_error::NixError;
use super::process;
use super::tree::{Tree, site_of};
use crate::failure::{Failure, Outcome};

/// The longest time that one evaluation may take.
const TIME: Duration = Duration::from_secs(300);
/// The most bytes that one evaluation may print.
const LIMIT: u64 = 1 << 30;
/// The most files that are left out before giving up.
pub const MOST_EXCLUDED: usize = 50;
/// The most bytes of a file that is searched for names.
const LONGEST_TEXT: usize = 4 << 20;
/// The most processes at once: each holds an evaluation.
const MOST_PROCESSES: usize = 8;

/// What evaluation gave.
#[derive(Debug)]
pub struct Evaluated<R> {
    /// What was made of each evaluation, in order of the sites. Everything but the sites is in each. None where too many
    /// files had to be left out.
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

/// How many sites one process evaluates. What comes of them is the same however they are shared out.
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    /// Up to this many are not shared out.
    pub few: usize,
    /// The most of one evaluation: what it takes of memory is bounded by that.
    pub most: usize,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { few: 50, most: 125 }
    }
}

/// Sites that are evaluated together.
struct Share {
    names: BTreeSet<String>,
    /// A JSON list of them; `null` means all.
    argument: String,
}

impl Share {
    /// Whether a file belongs to one of these sites: nobody else's policy comes of it.
    fn has(&self, file: &str) -> bool {
        site_of(file).is_some_and(|site| self.names.contains(site))
    }
}

/// What came of a share: none where a file that is not of its sites was left out, or too many.
struct Done<R> {
    made: Option<R>,
    /// The files that were left out, and why.
    left_out: Vec<(String, NixError)>,
}

/// What is made of an evaluation; it gets the files that were left out, too.
type Work<'w, R> = dyn Fn(Delta, &BTreeSet<String>) -> Outcome<R> + Sync + 'w;

/// Evaluates sites of a tree and makes something of each evaluation while others go on: at no time is more in memory than
/// a hundred sites for each processor.
pub fn evaluate<R: Send>(tree: &Tree, sites: Sites<'_>, work: &Work<'_, R>) -> Outcome<Evaluated<R>> {
    evaluate_shared(tree, sites, Sharing::default(), work)
}

/// The same, with the sites shared out as one likes.
pub fn evaluate_shared<R: Send>(
    tree: &Tree,
    sites: Sites<'_>,
    sharing: Sharing,
    work: &Work<'_, R>,
) -> Outcome<Evaluated<R>> {
    let shares = shares(tree, sites, sharing);
    let mut result = Evaluated { parts: Vec::new(), errors: Vec::new(), excluded: BTreeSet::new() };
    loop {
        let mut parts = Vec::with_capacity(shares.len());
        for done in once(tree, &shares, &result.excluded, work)? {
            parts.extend(done.made);
            for (file, error) in done.left_out {
                result.excluded.insert(file);
                if !result.errors.contains(&error) {
                    result.errors.push(error);
                }
            }
        }
        if result.excluded.len() > MOST_EXCLUDED {
            // However many shares there are, as many errors are told as one would have met.
            result.errors.truncate(MOST_EXCLUDED + 1);
            return Ok(result);
        }
        if parts.len() == shares.len() {
            result.parts = parts;
            return Ok(result);
        }
    }
}

fn shares(tree: &Tree, sites: Sites<'_>, sharing: Sharing) -> Vec<Share> {
    let listed;
    let (names, all) = match sites {
        Sites::These(names) => (names, false),
        Sites::All => {
            listed = tree.sites();
            (listed.as_slice(), true)
        }
    };
    let share = |names: &[String]| Share { names: names.iter().cloned().collect(), argument: json(names) };
    if names.len() > sharing.few {
        return names.chunks(names.len().div_ceil(processors()).min(sharing.most)).map(share).collect();
    }
    let one = share(names);
    vec![if all { Share { argument: "null".to_owned(), ..one } } else { one }]
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_PROCESSES)
}

fn json<T: serde::Serialize>(names: impl IntoIterator<Item = T>) -> String {
    serde_json::Value::from_iter(names.into_iter().filter_map(|name| serde_json::to_value(name).ok())).to_string()
}

/// One round: what came of the shares, up to the first of which nothing was made. That one has to do with all of them.
fn once<R: Send>(
    tree: &Tree,
    shares: &[Share],
    excluded: &BTreeSet<String>,
    work: &Work<'_, R>,
) -> Outcome<Vec<Done<R>>> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    // Shares are taken in order, and whoever has one ends it: so what comes of a round is the same in every run.
    let worker = || {
        let mut all = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(share) = shares.get(at) else { break };
            let done = alone(tree, share, excluded.clone(), work);
            failed.fetch_or(!matches!(done, Ok(Done { made: Some(_), .. })), Ordering::Relaxed);
            all.push((at, done));
        }
        all
    };
    let mut all: Vec<(usize, Outcome<Done<R>>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..processors().min(shares.len())).map(|_| scope.spawn(worker)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    all.sort_by_key(|(at, _)| *at);
    let mut round = Vec::with_capacity(all.len());
    for (_, done) in all {
        round.push(done?);
        if round.last().is_some_and(|done: &Done<R>| done.made.is_none()) {
            break;
        }
    }
    Ok(round)
}

/// The arguments that leave files out. What is no text cannot be searched by Nix for the names in it.
pub fn excluding(tree: &Tree, excluded: &BTreeSet<String>) -> Vec<(&'static str, String)> {
    let is_text =
        |file: &String| plain(&tree.root.join(file), LONGEST_TEXT).is_some_and(|(text, _)| !text.contains(&0));
    let unreadable: Vec<&String> = excluded.iter().filter(|file| !is_text(file)).collect();
    let mut arguments = vec![("exclude", json(excluded.iter()))];
    // A library of before does not know this argument.
    if !unreadable.is_empty() {
        arguments.push(("unreadable", json(unreadable)));
    }
    arguments
}

/// The same, as a run takes them.
pub fn borrowed<'a>(arguments: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    arguments.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// One share, again and again while files of its own sites do not evaluate.
fn alone<R>(tree: &Tree, share: &Share, mut excluded: BTreeSet<String>, work: &Work<'_, R>) -> Outcome<Done<R>> {
    let mut left_out = Vec::new();
    loop {
        let mut arguments = excluding(tree, &excluded);
        arguments.push(("sites", share.argument.clone()));
        let error = match delta(tree, &borrowed(&arguments))? {
            Ok(delta) => return Ok(Done { made: Some(work(delta, &excluded)?), left_out }),
            Err(error) => *error,
        };
        let Some(file) = culprit(tree, share, &error, &excluded)? else {
            return Err(nobodys(&error));
        };
        let goes_on = share.has(&file) && excluded.len() < MOST_EXCLUDED;
        excluded.insert(file.clone());
        left_out.push((file, error));
        if !goes_on {
            return Ok(Done { made: None, left_out });
        }
    }
}

/// An error that no policy file causes by itself.
fn nobodys(error: &NixError) -> Failure {
    let failure = Failure::could_not("Nix cannot evaluate this tree").because(&error.message);
    match &error.library {
        Some(at) if error.is_of_library() => failure.at(format!("{}:{}:{}", at.file, at.line, at.column)).next(
            "no policy file is to blame by itself; if modules/policy was changed, take it from this version of writ",
        ),
        Some(_) => failure.next(
            "no policy file is to blame by itself; see that each entry of baselines/default.nix, rules/default.nix and of \
             `files` is a file, or a folder with a default.nix",
        ),
        None => failure.next("no policy file is to blame by itself; `nix-instantiate --parse FILE` may tell more"),
    }
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
fn culprit(tree: &Tree, share: &Share, error: &NixError, excluded: &BTreeSet<String>) -> Outcome<Option<String>> {
    if let Some(at) = error.trace.iter().find(|at| !excluded.contains(&at.file)) {
        return Ok(Some(at.file.clone()));
    }
    // Each file by itself would seem to be at fault.
    if error.is_of_library() {
        return Ok(None);
    }
    let exclude = json(excluded.iter());
    let Ok(listed) = run(tree, "files", &[("exclude", &exclude)])? else { return Ok(None) };
    let files: Vec<String> = serde_json::from_slice(&listed).unwrap_or_default();
    let mut suspects: Vec<String> = files.into_iter().filter(|file| !excluded.contains(file)).collect();
    // A file of a site that was not asked for is the least likely one.
    suspects.sort_by_key(|file| site_of(file).is_some() && !share.has(file));
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
