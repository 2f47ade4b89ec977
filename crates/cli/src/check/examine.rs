//! From a tree to everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::{ptr, thread};

use writ_policy::delta::{Delta, Site as Said};
use writ_trust::time::Time;

use super::approvals::{self, BySite};
use super::cache::Cache;
use super::clear::{self, InClear};
use super::evaluate::{MOST_EXCLUDED, Sharing, Sites, evaluate_shared};
use super::judge::{Checks, Found, Holds, Judge, Subject};
use super::left_outs::left_outs;
use super::mistake::Mistake;
use super::output::{self, Appliance, Site};
use super::source::Sources;
use super::tree::{Tree, site_of};
use super::{families, found, keys, mistake, secret_files, secret_keys, told, unevaluated, untracked};
use crate::failure::{Failure, Outcome};

/// What to look at, and when.
pub struct Asked<'a> {
    /// The tree.
    pub tree: &'a Tree,
    /// Its files.
    pub sources: &'a Sources,
    /// Only this site.
    pub site: Option<&'a str>,
    /// The instant at which exceptions are judged.
    pub now: Time,
    /// Whether what will be a mistake soon is told.
    pub soon: bool,
    /// Whether results of earlier runs may be taken, and those of this one kept.
    pub cache: bool,
    /// How many sites one process evaluates.
    pub sharing: Sharing,
}

/// What came of one site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteResult {
    /// What was looked at.
    pub site: Site,
    /// The public keys of its appliances, by their names.
    pub keys: Vec<(String, String)>,
    /// The rule families that it chooses, where the tree says.
    pub families: Option<Vec<String>>,
    /// What Nix's constructors found.
    pub told: Vec<Mistake>,
    /// What validation found.
    pub found: Vec<Mistake>,
    /// Keys and passwords in its files.
    pub clear: Vec<InClear>,
    /// The checks of its appliances.
    pub checks: Arc<Checks>,
    /// For how long that is true.
    pub holds: Holds,
}

/// One evaluation, judged.
struct Judged {
    delta: Delta,
    found: Found,
    approvals: BySite,
    secrets: secret_files::BySite,
}

/// What came of the sites that were not known from an earlier run, and of the tree apart from its sites.
struct Run {
    told: Vec<Mistake>,
    /// Keys and passwords in baselines and rules.
    clear: Vec<InClear>,
    fresh: Vec<SiteResult>,
    /// The files that could not be evaluated.
    excluded: BTreeSet<String>,
    /// Whether there were too many of them to say anything else.
    gave_up: bool,
    /// The files that the lists of baselines and rules name.
    reads: Option<Vec<String>>,
    /// Every rule family.
    families: Vec<String>,
}

impl Run {
    /// Whether what had to be left out was of these sites: a file of one excuses no mistake of another.
    fn lacks_only(&self, sites: &[String]) -> bool {
        self.excluded.iter().all(|file| site_of(file).is_some_and(|site| sites.iter().any(|name| name == site)))
    }

    /// Whether what came of a site is all that there is to say of it.
    fn is_whole(&self, result: &SiteResult) -> bool {
        !self.excluded.iter().any(|file| site_of(file) == Some(&result.site.site))
    }
}

/// Evaluates and judges a tree.
pub fn examine(asked: &Asked<'_>) -> Outcome<output::Result> {
    let root = &asked.tree.root;
    let ((untracked, keys), looked) = thread::scope(|scope| {
        let of_git = scope.spawn(|| (untracked::mistake(root), secret_keys::look(root)));
        let looked = look(asked);
        (of_git.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), looked)
    });
    let (mut run, known) = looked?;
    run.told.extend(untracked);
    run.told.extend(secret_keys::mistakes(&keys, asked.sources));
    let cached = known.len();
    let mut results: Vec<SiteResult> = known.into_iter().chain(run.fresh).collect();
    results.iter_mut().for_each(|result| secret_keys::named(root, &mut result.told, asked.sources));
    // What other sites choose is not known where one is asked for, nor what a file of a site that was left out does.
    if asked.site.is_none() && !run.gave_up && !run.excluded.iter().any(|file| site_of(file).is_some()) {
        let chosen: Option<Vec<_>> = results.iter().map(|result| result.families.as_deref()).collect();
        let chosen = chosen.map(|all| all.into_iter().flatten().map(String::as_str).collect::<BTreeSet<&str>>());
        run.told
            .extend(chosen.map(|chosen| families::mistakes(&run.families, &chosen, asked.sources)).unwrap_or_default());
    }
    Ok(output::Result { cached, ..all(run.told, run.clear, results, asked.sources) })
}

/// What came of each site: those that were looked at, and those that are known from an earlier run.
fn look(asked: &Asked<'_>) -> Outcome<(Run, Vec<SiteResult>)> {
    let sites = asked.site.map_or_else(|| asked.tree.sites(), |site| vec![site.to_owned()]);
    let everything = || if asked.site.is_some() { Sites::These(&sites) } else { Sites::All };
    let mut cache = if asked.cache && !asked.soon { Cache::open(asked.tree) } else { None };
    let known = cache.as_mut().map(|cache| cache.hits(&sites, asked.now)).unwrap_or_default();
    if known.is_empty() {
        let run = run(asked, everything(), &sites)?;
        keep(cache, &run, &sites);
        return Ok((run, known));
    }
    let names: BTreeSet<&str> = known.iter().map(|result| result.site.site.as_str()).collect();
    let left: Vec<String> = sites.iter().filter(|site| !names.contains(site.as_str())).cloned().collect();
    let mut run_left = run(asked, Sites::These(&left), &left)?;
    if !run_left.lacks_only(&left) {
        // What is left out of one file excuses mistakes of others, so nothing that was known counts.
        return Ok((run(asked, everything(), &sites)?, Vec::new()));
    }
    if run_left.gave_up {
        run_left.clear.extend(known.into_iter().flat_map(|result| result.clear));
        return Ok((run_left, Vec::new()));
    }
    keep(cache, &run_left, &left);
    Ok((run_left, known))
}

/// Keeps what came of sites for the next run.
fn keep(cache: Option<Cache<'_>>, run: &Run, sites: &[String]) {
    if let Some(cache) = cache.filter(|_| run.lacks_only(sites)) {
        cache.keep(run.fresh.iter().filter(|result| run.is_whole(result)).collect(), run.reads.as_deref());
    }
}

/// Evaluates and judges some sites, whose names are `names`.
fn run(asked: &Asked<'_>, sites: Sites<'_>, names: &[String]) -> Outcome<Run> {
    let registry = writ_agent::probes::registry();
    let judge = Judge::new(&registry, asked.now, asked.soon);
    let root = asked.tree.root.clone();
    let work = |mut delta: Delta, excluded: &BTreeSet<String>| {
        readable(&delta)?;
        let left_outs = left_outs(&delta, excluded, &Sources::new(root.clone()));
        let found = judge.policies(&delta, &left_outs).map_err(|e| misfit(&e))?;
        let approvals = approvals::of_sites(&root, &delta);
        let secrets = secret_files::of_sites(&root, &delta);
        forget(&mut delta);
        Ok(Judged { delta, found, approvals, secrets })
    };
    let mut folders = vec!["baselines".to_owned(), "rules".to_owned()];
    folders.extend(names.iter().map(|site| format!("hosts/{site}")));
    let (files, evaluated) = thread::scope(|scope| {
        let files = scope.spawn(|| clear::suspicious(&root, &folders));
        let evaluated = evaluate_shared(asked.tree, sites, asked.sharing, &work);
        (files.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), evaluated)
    });
    let mut evaluated = evaluated?;
    all_there(&evaluated.parts, names)?;
    let mut told: Vec<Mistake> = evaluated.errors.iter().map(|error| told::error(error, asked.sources)).collect();
    let mut fresh: Vec<SiteResult> = evaluated.parts.iter().flat_map(|part| located(part, asked.sources)).collect();
    if evaluated.parts.is_empty() {
        told.push(unevaluated::too_many(MOST_EXCLUDED));
    }
    let (mut reads, mut families) = (None, Vec::new());
    if let Some(part) = evaluated.parts.first_mut() {
        told.extend(redacted(told::of_tree(&part.delta.findings, asked.sources)));
        reads = part.delta.reads.take();
        families = std::mem::take(&mut part.delta.known.families);
    }
    let mut clear = clear::in_files(&root, &files, asked.sources);
    for site in &mut fresh {
        let prefix = format!("hosts/{}/", site.site.site);
        let is_its =
            |one: &mut InClear| one.mistake.place.as_ref().is_some_and(|place| place.file.starts_with(&prefix));
        site.clear = clear.extract_if(.., is_its).collect();
    }
    Ok(Run { told, clear, fresh, gave_up: evaluated.parts.is_empty(), excluded: evaluated.excluded, reads, families })
}

/// Refuses an evaluation of other sites than those that were asked for: nobody would look at those that are missing.
fn all_there(parts: &[Judged], names: &[String]) -> Outcome<()> {
    let evaluated: BTreeSet<&str> = parts.iter().flat_map(|part| part.delta.sites.keys().map(String::as_str)).collect();
    let asked: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    // Too many files were left out: that is told, and nothing else is.
    if parts.is_empty() || evaluated == asked {
        return Ok(());
    }
    let differ: Vec<&str> = evaluated.symmetric_difference(&asked).copied().take(5).collect();
    Err(Failure::could_not("the sites that Nix evaluates are not those of the tree")
        .because(format!("they differ in {}", differ.join(", ")))
        .next("run it again if the tree was being changed; a site is a folder of hosts/ with a site.nix"))
}

/// The failure to read what an evaluation printed.
pub(super) fn misfit(error: &serde_json::Error) -> Failure {
    Failure::could_not("what modules/policy evaluates to is not what this version of writ reads").caused_by(error)
}

/// Refuses policies of an older schema: nobody would judge them.
fn readable(delta: &Delta) -> Outcome<()> {
    let mut all = delta.sites.iter().flat_map(|(site, said)| said.appliances.iter().map(move |of| (site, of)));
    match all.find(|(_, (_, its))| its.whole.is_some() && its.policy.is_none()) {
        None => Ok(()),
        Some((site, (appliance, _))) => {
            Err(Failure::could_not("what modules/policy evaluates to is not what this version of writ reads")
                .because(format!(
                    "the policy of {site}/{appliance} is of another schema than {}",
                    writ_policy::policy::SCHEMA
                ))
                .next("take modules/policy from this version of writ"))
        }
    }
}

/// Leaves of an evaluation what is still needed when its policies have been judged.
fn forget(delta: &mut Delta) {
    delta.bases.clear();
    for appliance in delta.sites.values_mut().flat_map(|site| site.appliances.values_mut()) {
        appliance.policy = None;
        appliance.whole = None;
    }
}

/// What came of each site of one evaluation.
fn located(part: &Judged, sources: &Sources) -> Vec<SiteResult> {
    let Judged { delta, found, approvals, secrets } = part;
    let mut mistakes = found::by_site(found, delta, sources);
    for (site, differing) in approvals {
        let of_site = differing.iter().map(|(one, appliances)| one.mistake(appliances.clone(), sources));
        mistakes.entry(site.clone()).or_default().extend(of_site);
    }
    for (site, wrong) in secrets {
        let of_site = wrong.iter().map(secret_files::Wrong::mistake);
        mistakes.entry(site.clone()).or_default().extend(of_site);
    }
    let mut subjects: BTreeMap<&str, Vec<&Subject>> = BTreeMap::new();
    for subject in &found.subjects {
        subjects.entry(&subject.site).or_default().push(subject);
    }
    let mut seen = HashSet::new();
    let result = |(name, said): (&String, &Said)| {
        let judged = subjects.remove(name.as_str()).unwrap_or_default();
        SiteResult {
            clear: Vec::new(),
            site: Site {
                site: name.clone(),
                title: said.title.clone(),
                appliances: said
                    .appliances
                    .keys()
                    .map(|appliance| Appliance {
                        appliance: appliance.clone(),
                        composed: judged.iter().any(|subject| subject.appliance == *appliance),
                    })
                    .collect(),
            }
            .redacted(),
            keys: keys_of(said),
            families: said.families.clone(),
            told: redacted(told::of_site(name, said, sources)),
            found: redacted(mistakes.remove(name).unwrap_or_default()),
            checks: checks_of(&judged, &mut seen),
            holds: judged.iter().fold(Holds::default(), |all, subject| all.and(subject.holds)),
        }
    };
    delta.sites.iter().map(result).collect()
}

/// Before anything is compared or kept: no key or password goes into a file.
fn redacted(mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.into_iter().map(Mistake::redacted).collect()
}

/// The public keys of a site's appliances, by their names.
pub(super) fn keys_of(said: &Said) -> Vec<(String, String)> {
    let keys = said.appliances.iter().filter_map(|(name, its)| Some((name.clone(), its.public_key.clone()?)));
    keys.collect()
}

/// The checks of some appliances: those of their bases without what they have otherwise, and that.
fn checks_of(subjects: &[&Subject], seen: &mut HashSet<Arc<Checks>>) -> Arc<Checks> {
    let mut all = Checks::new();
    let mut taken: Vec<*const Checks> = Vec::new();
    for subject in subjects {
        let own: BTreeSet<&str> = subject.own_checks.iter().map(|(id, _)| id.as_str()).collect();
        let otherwise = subject.checks.iter().any(|(id, _)| own.contains(id.as_str()));
        if otherwise || !taken.contains(&Arc::as_ptr(&subject.checks)) {
            all.extend(subject.checks.iter().filter(|(id, _)| !own.contains(id.as_str())).cloned());
        }
        if !otherwise {
            taken.push(Arc::as_ptr(&subject.checks));
        }
        all.extend(subject.own_checks.iter().cloned());
    }
    // Sites of one kind have the same: one set for all of them.
    if let Some(known) = seen.get(&all) {
        return Arc::clone(known);
    }
    let all = Arc::new(all);
    seen.insert(Arc::clone(&all));
    all
}

/// Everything that was found, each mistake once.
fn all(
    mut told: Vec<Mistake>,
    mut clear: Vec<InClear>,
    mut results: Vec<SiteResult>,
    sources: &Sources,
) -> output::Result {
    results.sort_by(|a, b| a.site.site.cmp(&b.site.site));
    let named = |(site, (appliance, key)): (&str, &(String, String))| (site.to_owned(), appliance.clone(), key.clone());
    let owners: Vec<_> =
        results.iter().flat_map(|result| result.keys.iter().map(|key| named((&result.site.site, key)))).collect();
    told.extend(keys::mistakes(owners.iter().map(|(site, appliance, key)| (&**site, &**appliance, &**key)), sources));
    let mut found = Vec::new();
    let mut checks: BTreeSet<&str> = BTreeSet::new();
    let mut unobserved: BTreeSet<&str> = BTreeSet::new();
    let mut seen: Option<&Arc<Checks>> = None;
    for result in &results {
        if seen.is_some_and(|seen| ptr::eq(Arc::as_ptr(seen), Arc::as_ptr(&result.checks))) {
            continue;
        }
        seen = Some(&result.checks);
        checks.extend(result.checks.iter().map(|(id, _)| id.as_str()));
        unobserved.extend(result.checks.iter().filter(|(_, unobserved)| *unobserved).map(|(id, _)| id.as_str()));
    }
    let (checks, unobserved) = (checks.len(), unobserved.len());
    let mut sites = Vec::with_capacity(results.len());
    for result in results {
        told.extend(result.told);
        found.extend(result.found);
        clear.extend(result.clear);
        sites.push(result.site);
    }
    let mistakes = mistake::merge(told, clear::joined(found, clear));
    output::Result { mistakes, sites, checks, unobserved, cached: 0, took: Default::default() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const SITES: [&str; 5] = ["clinic-001", "clinic-002", "clinic-003", "clinic-004", "clinic-005"];

    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }

    /// The tree of the cases, with its site five times.
    fn tree(root: &Path) -> Tree {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        copy(&repository.join("checks/mistakes/tree"), root);
        copy(&repository.join("modules/policy"), &root.join("modules/policy"));
        for site in &SITES[1..] {
            copy(&root.join("hosts").join(SITES[0]), &root.join("hosts").join(site));
        }
        Tree::at(root).unwrap()
    }

    fn edit(tree: &Tree, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(tree.root.join(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        fs::write(tree.root.join(file), text.replacen(from, to, 1)).unwrap();
    }

    /// What is said of a tree, and the codes of its mistakes.
    fn said(tree: &Tree, sharing: Sharing) -> (String, Vec<String>) {
        let sources = Sources::new(tree.root.clone());
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        let asked = Asked { tree, sources: &sources, site: None, now, soon: false, cache: false, sharing };
        let result = examine(&asked).unwrap();
        let codes = result.mistakes.iter().map(|mistake| mistake.code.clone()).collect();
        (format!("{:#?} {:#?} {} {}", result.mistakes, result.sites, result.checks, result.unobserved), codes)
    }

    #[test]
    fn sites_that_are_shared_out_come_to_what_one_process_says() {
        let folder = tempfile::tempdir().unwrap();
        let tree = tree(folder.path());
        let both = || {
            let one = said(&tree, Sharing { few: SITES.len(), most: SITES.len() });
            // Three evaluations, whatever the processors.
            assert_eq!(said(&tree, Sharing { few: 1, most: 2 }), one);
            one.1
        };
        assert_eq!(both(), [""; 0]);
        edit(&tree, "hosts/clinic-001/front-desk/policy.nix", "writ.check", "writ.chekc");
        edit(&tree, "hosts/clinic-002/site.nix", "\"Dr. Ruth Alvarez\";", "\"Dr. Ruth Alvares\";");
        edit(&tree, "hosts/clinic-003/back-office/policy.nix", "{ }", "{ ");
        edit(&tree, "hosts/clinic-004/site.nix", "contacts = {", "contacts = {{");
        edit(&tree, "baselines/small/files.nix", "mode.eq", "mode.equals");
        assert_eq!(both(), ["unknown-operator", "nix-error", "unknown-approver", "nix-error", "nix-error"]);
        edit(&tree, "rules/files.nix", "priority = 100", "priority = low");
        assert_eq!(both().iter().filter(|code| *code == "nix-error").count(), 4);
    }
}
