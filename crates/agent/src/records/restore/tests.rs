use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;

/// An archive in memory, which may lie.
#[derive(Default)]
struct Memory {
    snapshot: Option<Snapshot>,
    files: BTreeMap<String, (Entry, Vec<u8>)>,
    broken: bool,
}

impl Memory {
    fn add(&mut self, path: &str, modified_at: Time, bytes: &[u8]) {
        let entry = Entry { path: path.into(), size_bytes: bytes.len() as u64, modified_at };
        self.files.insert(path.into(), (entry, bytes.to_vec()));
    }

    /// Backs up a file of this machine.
    fn back_up(&mut self, path: &Path) {
        let (_, modified_at) = open(path).unwrap();
        self.add(path.to_str().unwrap(), modified_at, &fs::read(path).unwrap());
    }
}

impl Archive for Memory {
    fn newest(&self, _: Time) -> Result<Option<Snapshot>, String> {
        Ok(self.snapshot.clone())
    }

    fn list(&self, _: &str, take: &mut dyn FnMut(Entry)) -> Result<(), String> {
        self.files.values().for_each(|(entry, _)| take(entry.clone()));
        if self.broken { Err("the line is down".into()) } else { Ok(()) }
    }

    fn restore(&self, _: &str, path: &str, take: &mut dyn FnMut(&[u8]) -> Result<(), String>) -> Result<(), String> {
        let no_such_file = || format!("cannot dump {path}: path \"{path}\" not found, nor {}", &path[1..]);
        let (_, bytes) = self.files.get(path).ok_or_else(no_such_file)?;
        bytes.chunks(3).try_for_each(take)
    }
}

fn now() -> Time {
    "2026-11-27T12:00:00Z".parse().unwrap()
}

fn archive() -> Memory {
    let at = now().plus_millis(-3_600_000);
    Memory { snapshot: Some(Snapshot { id: "9cdfbd1f".into(), at, tags: vec![] }), ..Memory::default() }
}

fn plan() -> Plan {
    let deadline = Instant::now() + Duration::from_secs(600);
    Plan { sample: 50, seed: "seed".into(), paths: vec![], largest: 1 << 20, sample_file: None, deadline }
}

fn tried(archive: &Memory, plan: &Plan, before: Option<&Record>) -> (Record, RestoreTest) {
    let record = attempt(archive, plan, "records", before, Run::begin(now()), now);
    record.judge("restore-test", "records", now()).unwrap();
    let Facts::RestoreTest(test) = record.facts.clone() else { panic!() };
    (record, test)
}

/// Changes what a file holds as a failing disk does: it says of itself that it was not changed.
fn rot(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, "rotten").unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

#[test]
fn what_is_as_it_was_is_a_success_and_what_rotted_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut archive = archive();
    for n in 0..10 {
        let path = dir.path().join(n.to_string());
        fs::write(&path, format!("file {n}")).unwrap();
        archive.back_up(&path);
    }
    let (record, test) = tried(&archive, &plan(), None);
    assert!(record.ok, "{record:?}");
    assert_eq!((test.sampled, test.compared, test.mismatched, test.failures), (10, 10, 0, 0));
    assert_eq!(test.backup_at, archive.snapshot.as_ref().map(|s| s.at));

    rot(&dir.path().join("3"));
    let (record, test) = tried(&archive, &plan(), Some(&record));
    assert_eq!((record.ok, test.compared, test.mismatched, test.failures), (false, 10, 1, 1));
    assert_eq!(test.files, [dir.path().join("3").to_str().unwrap()]);
    let (_, test) = tried(&archive, &plan(), Some(&record));
    assert_eq!(test.failures, 2);
}

#[test]
fn what_has_changed_since_is_judged_by_the_sample_in_the_backup() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("letter");
    fs::write(&path, "dear").unwrap();
    let mut archive = archive();
    archive.back_up(&path);
    let (_, modified_at) = open(&path).unwrap();
    let later = SystemTime::now() + Duration::from_secs(60);
    fs::write(&path, "dear all").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    let (record, test) = tried(&archive, &plan(), None);
    assert_eq!((record.ok, test.sampled, test.changed_since, test.compared), (false, 1, 1, 0));
    assert!(record.notes[0].contains("writ-record sample"), "{:?}", record.notes);

    let sampled = SampledFile { path: path.to_str().unwrap().into(), digest: Digest::of(b"dear"), modified_at };
    let mut sample = BackupSample { schema: Default::default(), at: now(), files: vec![sampled] };
    let plan = Plan { sample_file: Some("/sample.json".into()), ..plan() };
    archive.add("/sample.json", now(), &sample.canonical());
    let (record, test) = tried(&archive, &plan, None);
    assert_eq!((record.ok, test.sampled, test.compared, test.mismatched), (true, 1, 1, 0), "{record:?}");
    // A file that is gone, and was not what the backup holds.
    fs::remove_file(&path).unwrap();
    sample.files[0].digest = Digest::of(b"other");
    archive.add("/sample.json", now(), &sample.canonical());
    let (_, test) = tried(&archive, &plan, None);
    assert_eq!((test.compared, test.mismatched), (1, 1));
    // A sample that is none is told, and is no reason to stop.
    archive.add("/sample.json", now(), b"{}");
    let (record, test) = tried(&archive, &plan, None);
    assert!(test.changed_since == 1 && record.notes[0].contains("/sample.json"), "{record:?}");
}

#[test]
fn an_archive_that_lies_or_breaks_is_no_success() {
    let (record, _) = tried(&Memory::default(), &plan(), None);
    assert!(!record.ok && record.notes[0].contains("no backup of this machine"), "{record:?}");
    let (record, _) = tried(&archive(), &plan(), None);
    assert!(!record.ok && record.notes[0].contains("no file that could be compared"), "{record:?}");

    let mut lies = archive();
    lies.add("/longer", now(), b"more than it says");
    lies.files.get_mut("/longer").unwrap().0.size_bytes = 4;
    lies.add("relative", now(), b"");
    lies.add("/huge", now(), b"");
    lies.files.get_mut("/huge").unwrap().0.size_bytes = u64::MAX;
    let (record, test) = tried(&lies, &plan(), None);
    assert_eq!((record.ok, test.sampled, test.missing), (false, 1, 1));
    assert!(record.notes[0].contains("larger than the backup's own listing says"), "{record:?}");

    let mut hides = archive();
    hides.add("/home/ann/smith, john.pdf", now(), b"");
    let (entry, _) = hides.files.remove("/home/ann/smith, john.pdf").unwrap();
    hides.files.insert("/elsewhere".into(), (entry, vec![]));
    let (record, test) = tried(&hides, &plan(), None);
    assert_eq!((test.missing, test.files.len()), (1, 1));
    assert_eq!(record.notes[0], "a file cannot be restored: cannot dump …: path \"…\" not found, nor …");

    let broken = Memory { broken: true, ..lies };
    let (record, test) = tried(&broken, &plan(), None);
    assert!(!record.ok && test.sampled == 0 && record.notes[0].contains("the line is down"), "{record:?}");
}

/// Files of which the sample in the backup knows what they were have half of the places, and no more.
#[test]
fn a_sample_does_not_keep_all_other_files_from_being_tried() {
    let mut archive = archive();
    let known = |n: u32| format!("/known/{n}");
    let files = (0..40).map(|n| SampledFile { path: known(n), digest: Digest::of(b"x"), modified_at: now() }).collect();
    let sample = BackupSample { schema: Default::default(), at: now(), files };
    archive.add("/sample.json", now(), &sample.canonical());
    for n in 0..40 {
        archive.add(&known(n), now(), b"x");
        archive.add(&format!("/large/{n}"), now(), b"x");
    }
    let plan = Plan { sample: 20, sample_file: Some("/sample.json".into()), ..plan() };
    // What is not known is gone: it cannot be compared.
    let (_, test) = tried(&archive, &plan, None);
    assert_eq!((test.sampled, test.compared + test.changed_since), (20, 20));
    assert!((10..20).contains(&test.compared), "{test:?}");
    // Where nothing else is there, all places are theirs.
    archive.files.retain(|path, _| !path.starts_with("/large"));
    assert_eq!(tried(&archive, &plan, None).1.compared, 20);
    // Nothing is hashed once the time is up.
    let late = Plan { deadline: Instant::now(), ..plan };
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("live"), "x").unwrap();
    archive.files.retain(|path, _| path == "/sample.json");
    archive.back_up(&dir.path().join("live"));
    assert_eq!(tried(&archive, &late, None).1.changed_since, 1);
}

#[test]
fn only_what_was_asked_for_is_chosen() {
    let mut archive = archive();
    for path in ["/var/lib/ehr/a", "/var/lib/ehr/b/c", "/var/lib/ehrx", "/etc/x"] {
        archive.add(path, now(), b"x");
    }
    let below = Plan { paths: vec!["/var/lib/ehr".into()], ..plan() };
    assert_eq!(tried(&archive, &below, None).1.sampled, 2);
    assert_eq!(tried(&archive, &Plan { sample: 1, ..plan() }, None).1.sampled, 1);
    assert_eq!(tried(&archive, &Plan { largest: 0, ..plan() }, None).1.sampled, 0);
}

proptest! {
    /// The order in which files are listed does not matter, whoever has the seed chooses the same, and who goes first has a place.
    #[test]
    fn a_choice_is_of_the_seed_alone(paths in proptest::collection::btree_set("[a-z]{1,6}", 0..60), most in 0_usize..20) {
        let choose = |backwards: bool| -> Vec<String> {
            let (mut choice, mut first) = (Choice::of(most), Choice::of(most / 2));
            let mut paths: Vec<&String> = paths.iter().collect();
            if backwards {
                paths.reverse();
            }
            for path in paths {
                if path.starts_with('q') {
                    first.offer(rank("seed", path), path.clone());
                }
                choice.offer(rank("seed", path), path.clone());
            }
            choice.after(first).chosen().collect()
        };
        let chosen = choose(false);
        prop_assert_eq!(&chosen, &choose(true));
        prop_assert_eq!(chosen.len(), most.min(paths.len()));
        let (chosen_first, first) =
            (chosen.iter().filter(|p| p.starts_with('q')).count(), paths.iter().filter(|p| p.starts_with('q')).count());
        prop_assert!(chosen_first >= first.min(most / 2));
    }
}

proptest! {
    #[test]
    fn lines_are_whole_however_the_pieces_come(lines in proptest::collection::vec("[a-z]{0,9}", 0..20), cut in 1_usize..9) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let (mut reader, mut read) = (Lines::default(), Vec::new());
        for piece in text.as_bytes().chunks(cut) {
            reader.take(piece, &mut |line| read.push(String::from_utf8(line.to_vec()).unwrap())).unwrap();
        }
        prop_assert_eq!(read.concat(), text);
        prop_assert!(Lines::default().take(&vec![b'x'; MAX_LINE + 1], &mut |_| ()).is_err());
    }
}
