//! Every parser of hostile bytes against the corpus of the fuzzer, and small changes of it. `cargo xtask fuzz` looks for more.

#[path = "../../../fuzz/targets/mod.rs"]
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use writ_tools::phase::{root, tracked_files};

use targets::Target;
use targets::documents::{DOCUMENTS, GOOD, POLICIES};
use targets::mutate::{Random, mutate};

/// How many changes of its corpus each target reads.
const CHANGES: usize = 400;
/// The largest input of the corpus, and all of it, in bytes.
const LARGEST: u64 = 16 * 1024;
const LARGEST_CORPUS: u64 = 1024 * 1024;

/// Schemas of what we write and read back no more than as JSON, or not at all.
const WRITTEN: [(&str, &str); 51] = [
    ("writ.advisories.v1", "read by the probe `patches`, which has a target"),
    ("writ.attested.v1", "printed"),
    ("writ.check-results.v1", "the form of the cache of `writ check`, hashed into the names of its files"),
    ("writ.check.v1", "printed"),
    ("writ.checklist.v1", "printed"),
    ("writ.claim-shown.v1", "printed"),
    ("writ.claimed.v1", "printed"),
    ("writ.claims-seen.v1", "printed"),
    ("writ.comparison.v1", "printed"),
    ("writ.depot-archived.v1", "printed"),
    ("writ.depot-backed-up.v1", "printed"),
    ("writ.depot-backup.v1", "a depot's own; damaged ones are refused in its tests"),
    ("writ.depot-fsck.v1", "printed"),
    ("writ.depot-gc.v1", "printed"),
    ("writ.depot-mended.v1", "printed"),
    ("writ.depot-migrated.v1", "printed"),
    ("writ.depot-restored.v1", "printed"),
    ("writ.depot-ship-verified.v1", "printed"),
    ("writ.depot-ship.v1", "printed"),
    ("writ.depot-shipped.v1", "a depot's own; damaged ones are refused in its tests"),
    ("writ.diff.v1", "printed"),
    ("writ.doctor.v1", "printed"),
    ("writ.evidence-summary.v1", "an answer of the depot that nobody relies on"),
    ("writ.evidence-verify.v1", "an answer of the depot that nobody relies on"),
    ("writ.explain.v1", "printed"),
    ("writ.fetched.v1", "printed"),
    ("writ.fleet.v1", "printed"),
    ("writ.key-ages.v1", "printed"),
    ("writ.key-change.v1", "printed"),
    ("writ.learning-candidates.v1", "an answer of the portal that nobody relies on"),
    ("writ.learning-status.v1", "an answer of the portal that nobody relies on"),
    ("writ.learned.v1", "printed"),
    ("writ.learning.v1", "printed"),
    ("writ.logs-status.v1", "read by the probe `log_forwarding`, which has a target"),
    ("writ.mcp-answer.v1", "for models"),
    ("writ.notify-state.v1", "a notifier's own; read back in its tests"),
    ("writ.packet.v1", "printed"),
    ("writ.plan.v2", "of a test"),
    ("writ.planner-status.v1", "for people"),
    ("writ.probe-status.v1", "for people"),
    ("writ.proof.v1", "printed"),
    ("writ.proposal-answered.v1", "of the folder of proposals; damaged ones are refused in its tests"),
    ("writ.restore-tested.v1", "printed"),
    ("writ.sample.v1", "printed"),
    ("writ.told.v1", "in what is posted to a webhook and a pager"),
    ("writ.secrets.v1", "printed"),
    ("writ.ticket.v1", "for people; a member of it is set anew when it is closed"),
    ("writ.verification.v1", "printed"),
    ("writ.verify.v1", "printed"),
    ("writ.watch.v1", "printed"),
    ("writ.x.v1", "of a test"),
];

fn corpus() -> PathBuf {
    root().join("checks/fuzz/corpus")
}

/// The inputs of a target, by name.
fn inputs(target: &Target) -> BTreeMap<String, Vec<u8>> {
    let folder = corpus().join(&target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}: a target has a corpus", folder.display()));
    let files = entries.map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())).collect()
}

/// Runs a target, and says what broke it.
fn broken(target: &Target, what: &str, bytes: &[u8]) -> Option<String> {
    let run = AssertUnwindSafe(|| (target.run)(bytes));
    let panic = catch_unwind(run).err()?;
    let said = panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
    let shown = String::from_utf8_lossy(bytes);
    Some(format!("{} broke by {what}: {}\n{shown:?}", target.name, said.unwrap_or_default()))
}

/// Reads the corpus of a target, and changes of it.
fn replay(target: &Target) -> Vec<String> {
    let inputs = inputs(target);
    assert!(!inputs.is_empty(), "{} has no corpus", target.name);
    let mut found: Vec<String> = inputs.iter().filter_map(|(name, bytes)| broken(target, name, bytes)).collect();
    let seeds: Vec<&Vec<u8>> = inputs.values().collect();
    let mut random = Random::new(target.name.bytes().map(u64::from).sum());
    for change in 0..CHANGES {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        mutate(&mut bytes, seeds[random.below(seeds.len())], &mut random);
        found.extend(broken(target, &format!("change {change}"), &bytes));
    }
    found
}

#[test]
fn no_input_of_the_corpus_and_no_change_of_one_breaks_a_parser() {
    let (targets, next) = (targets::all(), AtomicUsize::new(0));
    let work = || {
        let mut found = Vec::new();
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            // By its name: a stack that is too small says whose it was.
            let thread = std::thread::Builder::new().name(target.name.clone());
            let run = std::thread::scope(|scope| thread.spawn_scoped(scope, || replay(target)).unwrap().join());
            found.extend(run.unwrap_or_else(|_| vec![format!("{}: its corpus cannot be read", target.name)]));
        }
        found
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(found.is_empty(), "{} finds:\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_corpus_is_of_the_targets_and_small() {
    let names: Vec<String> = targets::all().into_iter().map(|target| target.name).collect();
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "two targets of one name: {names:?}");
    assert!(names.len() >= 100, "{names:?}");
    let mut size = 0;
    for entry in fs::read_dir(corpus()).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert!(names.contains(&name), "{name} is the corpus of no target");
        for file in fs::read_dir(&folder).unwrap() {
            let (path, length) = file.map(|file| (file.path(), file.metadata().unwrap().len())).unwrap();
            assert!(length <= LARGEST, "{} has {length} bytes", path.display());
            size += length;
        }
    }
    assert!(size <= LARGEST_CORPUS, "{size} bytes");
}

#[test]
fn each_document_of_the_corpus_is_one() {
    let documents = [DOCUMENTS, POLICIES].concat();
    let of_documents = |target: &Target| documents.iter().any(|(name, _)| *name == target.name);
    let is_good = |target: &Target| {
        let before = GOOD.get();
        inputs(target).values().for_each(|bytes| (target.run)(bytes));
        GOOD.get() > before
    };
    let targets = targets::all().into_iter().filter(of_documents);
    let without: Vec<String> = targets.filter(|target| !is_good(target)).map(|target| target.name).collect();
    assert!(without.is_empty(), "nothing in the corpus of these is one: {without:?}");
}

/// Each `"writ.<name>.v<n>"` that the crates spell out.
fn schemas() -> BTreeSet<String> {
    let product = |file: &Path| file.starts_with("crates") && file.iter().any(|part| part == "src");
    let files = tracked_files().unwrap().into_iter().filter(|file| product(file));
    let texts = files.filter(|file| file.extension().is_some_and(|e| e == "rs"));
    let mut found = BTreeSet::new();
    for text in texts.map(|file| fs::read_to_string(root().join(file)).unwrap()) {
        for word in text.split('"').filter(|word| word.starts_with("writ.")) {
            if let Some((name, version)) = word["writ.".len()..].rsplit_once(".v")
                && !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
                && version.parse::<u32>().is_ok()
            {
                found.insert(word.to_owned());
            }
        }
    }
    found
}

#[test]
fn each_document_that_is_read_has_a_target() {
    let targets: BTreeSet<String> = targets::all().into_iter().map(|target| target.name).collect();
    let schemas = schemas();
    for schema in &schemas {
        let written = WRITTEN.iter().any(|(name, _)| name == schema);
        let target = targets.contains(schema);
        assert!(target || written, "{schema}: add it to checks/fuzz/targets, or here to what is only written");
        assert!(!(target && written), "{schema} has a target, and is not only written");
    }
    let named = targets.iter().map(String::as_str).filter(|name| name.starts_with("writ."));
    for name in named.chain(WRITTEN.iter().map(|(name, _)| *name)) {
        assert!(schemas.contains(name), "there is no {name} any more");
    }
}
