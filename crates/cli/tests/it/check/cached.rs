//! What is kept of earlier runs changes nothing but the time: whatever is edited, a run that may take results from earlier
//! ones says exactly what one says that may not.

use std::cell::RefCell;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{env, fs};

use serde_json::Value;

use super::generated::{Chance, appliance, lay, site};
use super::tree::{Tree, run_in};

const EDITS: usize = 12;

/// A tree, and the folder in which results are kept.
struct Kept {
    folder: tempfile::TempDir,
    /// The PATH, where it is another one.
    path: Option<PathBuf>,
    /// The arguments of the last run without what is kept, and what it said.
    last: RefCell<(Vec<String>, Value)>,
}

impl Kept {
    fn new(seed: u64, sites: usize) -> Self {
        let kept = Self { folder: tempfile::tempdir().unwrap(), path: None, last: RefCell::default() };
        lay(&mut Chance(seed), &kept.root(), sites);
        kept
    }

    /// The same, with a Nix that notes what it is asked for.
    fn noted(seed: u64, sites: usize) -> Self {
        let mut kept = Self::new(seed, sites);
        let path = env::var_os("PATH").unwrap();
        let nix = env::split_paths(&path).map(|folder| folder.join("nix-instantiate")).find(|file| file.is_file());
        let folder = kept.folder.path().join("bin");
        let (notes, nix) = (kept.notes("all"), nix.unwrap());
        let text = format!("#!/bin/sh\necho \"$@\" >>{}\nexec {} \"$@\"\n", notes.display(), nix.display());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("nix-instantiate"), text).unwrap();
        fs::set_permissions(folder.join("nix-instantiate"), fs::Permissions::from_mode(0o755)).unwrap();
        kept.path = Some(env::join_paths([folder].into_iter().chain(env::split_paths(&path))).unwrap().into());
        kept
    }

    /// The evaluations of what was compared last, first those of the run that may take results: the sites as JSON.
    fn evaluations(&self) -> [Vec<String>; 2] {
        let sites = |line: &str| Some(line.split_once(" sites ")?.1.split_once(" -A ")?.0.to_owned());
        ["with", "all"].map(|name| {
            let notes = fs::read_to_string(self.notes(name)).unwrap();
            fs::remove_file(self.notes(name)).unwrap();
            notes.lines().filter_map(sites).collect()
        })
    }

    fn notes(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("notes-{name}"))
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.root().join(file)).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}: {text}");
        self.write(file, &text.replacen(from, to, 1));
    }

    fn document(&self, arguments: &[&str]) -> Value {
        let output = run_in(&self.root(), &[&["--format", "json"], arguments].concat(), self.path.as_deref());
        serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", output.stdout, output.stderr))
    }

    /// Compares a run with and one without what is kept; returns of how many sites the result was known.
    fn compare(&self, what: &str, arguments: &[&str]) -> u64 {
        let (with, known) = Self::without_times(self.document(arguments));
        if self.path.is_some() {
            fs::rename(self.notes("all"), self.notes("with")).unwrap();
        }
        let (without, none) = Self::without_times(self.document(&[arguments, &["--no-cache"]].concat()));
        assert_eq!(none, 0);
        assert_eq!(with, without, "{what}");
        self.last.replace((owned(arguments), without));
        known
    }

    /// The same, where the tree has not changed since it was compared: what a run without says is known.
    fn again(&self, what: &str, arguments: &[&str]) -> u64 {
        let (with, known) = Self::without_times(self.document(arguments));
        assert_eq!(*self.last.borrow(), (owned(arguments), with), "{what}");
        known
    }

    /// What a run said apart from how, and of how many sites the result was known.
    fn without_times(mut document: Value) -> (Value, u64) {
        let summary = document["summary"].as_object_mut().unwrap();
        summary.remove("took_ms").unwrap();
        let known = summary.remove("cached").unwrap().as_u64().unwrap();
        (document, known)
    }

    /// The file in which results are kept.
    fn file(&self) -> PathBuf {
        let folder = self.folder.path().join("cache/writ/check");
        let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let file = files.next().unwrap();
        assert!(files.next().is_none());
        file
    }
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

#[test]
fn after_any_edit_both_say_the_same() {
    let chance = &mut Chance(99);
    let kept = Kept::new(1, 6);
    assert_eq!(kept.compare("at first", &[]), 0);
    let mut hits = 0;
    for edit in 0..EDITS {
        let n = chance.below(6);
        let folder = format!("hosts/site-{n:03}");
        let what = match chance.below(9) {
            0 | 1 => (format!("{folder}/site.nix"), site(chance)),
            2 | 3 => (format!("{folder}/left/policy.nix"), appliance(chance)),
            4 => (format!("{folder}/right/policy.nix"), appliance(chance).replacen("title", "titel", 1)),
            5 => (format!("{folder}/right/policy.nix"), "{ writ, ... }: writ.applianc { }\n".to_owned()),
            6 => (format!("{folder}/left/key.pub"), format!("c\nRW{}\n", ["A", "B"][n as usize % 2].repeat(54))),
            7 => (format!("{folder}/notes.txt"), format!("{edit}")),
            _ => {
                let text = fs::read_to_string(kept.root().join("baselines/a/items.nix")).unwrap();
                ("baselines/a/items.nix".to_owned(), text.replacen("size_bytes.le", "size_bytes.ge", 1))
            }
        };
        kept.write(&what.0, &what.1);
        let now = chance.one(&["2026-11-10T00:00:00Z", "2026-11-23T00:00:00Z", "2026-12-15T00:00:00Z"]);
        hits += kept.compare(&format!("edit {edit}: {}\n{}", what.0, what.1), &["--now", now]);
        hits += kept.again(&format!("again after edit {edit}"), &["--now", now]);
        if what.1.contains("applianc {") {
            kept.write(&what.0, &appliance(chance));
        }
    }
    assert!(hits > EDITS as u64 * 2, "only {hits} results were known");
}

/// What does not evaluate is left out of its site alone, however much is known of the others.
#[test]
fn an_error_of_nix_costs_no_more_than_without_what_is_kept() {
    let kept = Kept::noted(8, 3);
    let policy = |site: usize| format!("hosts/site-00{site}/left/policy.nix");
    // Of how many sites the result was known, the evaluations of a run, and how many a run without has.
    let compare = |what: &str| {
        let known = kept.compare(what, &["--now", "2026-10-01T00:00:00Z"]);
        let [with, without] = kept.evaluations();
        (known, with, without.len())
    };
    let all = || "null".to_owned();
    assert_eq!(compare("at first"), (0, vec![all()], 1));
    let whole = [1, 2].map(|site| fs::read_to_string(kept.root().join(policy(site))).unwrap());
    for site in [1, 2] {
        kept.write(&policy(site), "{ writ, ... }: writ.appliance { programs = [ ; }\n");
    }
    let broken = "[\"site-001\",\"site-002\"]".to_owned();
    assert_eq!(compare("two errors"), (1, vec![broken; 3], 3));
    // With an error, what came of the other sites is kept all the same.
    fs::remove_file(kept.file()).unwrap();
    kept.write(&policy(1), &whole[0]);
    assert_eq!(compare("nothing known"), (0, vec![all(); 2], 2));
    kept.write(&policy(2), &whole[1]);
    assert_eq!(compare("no error"), (2, vec!["[\"site-002\"]".to_owned()], 1));
    // What all sites share is evaluated for all of them.
    kept.edit("rules/f1.nix", "title = ", "title ");
    assert_eq!(compare("an error in the rules"), (0, vec![all(); 2], 2));
}

#[test]
fn what_is_of_use_is_not_what_is_removed_first() {
    let kept = Kept::new(9, 1);
    let now = ["--now", "2026-10-01T00:00:00Z"];
    kept.document(&now);
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::open(kept.file()).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(kept.document(&now)["summary"]["cached"], 1);
    assert!(fs::metadata(kept.file()).unwrap().modified().unwrap() > long_ago);
}

#[test]
fn only_what_changed_is_looked_at_again() {
    let kept = Kept::new(2, 5);
    let now = ["--now", "2026-10-01T00:00:00Z"];
    let compare = |what: &str| kept.compare(what, &now);
    let again = || kept.again("nothing changed", &now);
    assert_eq!(compare("at first"), 0);
    assert_eq!(again(), 5);
    kept.edit("hosts/site-001/site.nix", "title = \"", "title = \"The ");
    assert_eq!(compare("a site"), 4);
    assert_eq!(again(), 5);
    kept.write("hosts/site-002/left/key.pub", "no key\n");
    assert_eq!(compare("a key"), 4);
    fs::create_dir(kept.root().join("hosts/site-003/empty")).unwrap();
    assert_eq!(compare("an empty folder"), 4);
    fs::remove_dir_all(kept.root().join("hosts/site-004")).unwrap();
    assert_eq!(compare("a site that is gone"), 4);
    assert_eq!(kept.compare("one site", &[&now[..], &["--site", "site-000"]].concat()), 1);
    kept.edit("rules/f1.nix", "title = \"", "title = \"The ");
    assert_eq!(compare("rules"), 0);
    kept.edit("baselines/b/items.nix", "title = \"", "title = \"The ");
    assert_eq!(compare("a baseline"), 0);
    kept.write("baselines/b/words.txt", "x");
    assert_eq!(compare("anything beside a baseline"), 0);
    assert_eq!(again(), 4);
    // Two sites with one key: neither has changed, and together they are a mistake.
    let key = format!("c\nRW{}\n", "A".repeat(54));
    kept.write("hosts/site-000/left/key.pub", &key);
    assert_eq!(compare("a key"), 3);
    kept.write("hosts/site-001/left/key.pub", &key);
    assert_eq!(compare("the same key"), 3);
    assert_eq!(again(), 4);
    let codes = |document: &Value| document["findings"].to_string().matches("duplicate-key").count();
    assert_eq!(codes(&kept.document(&now)), 1);
}

#[test]
fn exceptions_are_judged_by_the_day() {
    let kept = Kept::new(3, 1);
    kept.write("hosts/site-000/left/policy.nix", "{ writ, ... }: writ.appliance { }\n");
    kept.write("hosts/site-000/right/policy.nix", "{ writ, ... }: writ.appliance { }\n");
    let exception = |id: &str, from: &str, to: &str| {
        format!(
            "exceptions.\"{id}\" = writ.exception {{ control = \"K0\"; reason = \"R\"; risk = \"R\"; compensating = \"C\";
               owner = \"O\"; approved_by = \"A\"; approval = \"sha256:{}\"; approved_at = \"2026-{from}T00:00:00Z\";
               expires = \"2026-{to}T00:00:00Z\"; }};",
            "0".repeat(64)
        )
    };
    kept.write(
        "hosts/site-000/site.nix",
        &format!(
            "{{ writ, ... }}: writ.site {{ title = \"S\"; time_zone = \"Etc/UTC\"; approvers = [ \"A\" ]; contacts = [ \"c@example\" ];
               baselines.a = \"1\"; baselines.b = \"1\"; {} {} }}",
            exception("EX-1", "03-01", "06-01"),
            exception("EX-2", "05-01", "07-01"),
        ),
    );
    // Each of the times that an exception names, the instant before it, and one between, in both directions.
    let mut times: Vec<String> = Vec::new();
    for month in ["03", "05", "06", "07"] {
        times.push(format!("2026-{month}-01T00:00:00Z"));
        times.push(format!("2026-{month}-02T12:00:00Z"));
    }
    times.extend(
        ["2026-02-28T23:59:59Z", "2026-04-30T23:59:59Z", "2026-05-31T23:59:59Z", "2026-06-30T23:59:59Z"]
            .map(str::to_owned),
    );
    let mut hits = 0;
    for time in times.iter().chain(times.iter().rev()) {
        hits += kept.compare(time, &["--now", time]);
        hits += kept.again(time, &["--now", time]);
    }
    assert!(hits as usize >= 2 * times.len(), "only {hits} results were known");
    // Within the same months nothing is looked at again; past the end of one it is.
    let known = |now: &str| kept.compare(now, &["--now", now]);
    known("2026-05-10T00:00:00Z");
    assert_eq!(
        (known("2026-05-20T00:00:00Z"), known("2026-06-01T00:00:00Z"), known("2026-05-31T23:59:59Z")),
        (1, 0, 0)
    );
    // What will be a mistake soon is not kept.
    assert_eq!(kept.compare("soon", &["--now", "2026-05-31T23:59:59Z", "--soon"]), 0);
}

#[test]
fn nothing_is_kept_of_what_may_depend_on_something_else() {
    let kept = Kept::new(4, 3);
    let now = ["--now", "2026-10-01T00:00:00Z"];
    let compare = |what: &str| kept.compare(what, &now);
    let again = |what: &str| kept.again(what, &now);
    let policy = "hosts/site-001/left/policy.nix";
    compare("at first");
    kept.write("docs/words.nix", "\"one\"");
    kept.write("hosts/site-000/words.nix", "\"one\"");
    for read in [
        "import ../../../docs/words.nix",
        "import ../../site-000/words.nix",
        "builtins.readFile ../../../docs/words.nix",
        "import (./. + \"/../../../docs/words.nix\")",
        "builtins.toString (builtins.attrNames (builtins.readDir ../../../docs))",
        "(let i = import; in i ../../../docs/words.nix)",
    ] {
        kept.write(policy, &format!("{{ writ, ... }}: writ.appliance {{ programs = [ ({read}) ]; }}\n"));
        compare(read);
        assert_eq!(again(read), 2, "{read}");
        kept.edit("docs/words.nix", "\"", "\"an");
        kept.edit("hosts/site-000/words.nix", "\"", "\"an");
        compare(read);
    }
    // What lies in its own folder is a part of it.
    kept.write("hosts/site-001/words.nix", "\"one\"");
    kept.write(policy, "{ writ, ... }: writ.appliance { programs = [ (import ../words.nix) ]; }\n");
    compare("its own file");
    assert_eq!(again("its own file"), 3);
    kept.write("hosts/site-001/words.nix", "5");
    assert_eq!(compare("its own file, changed"), 2);
    // A link may lead anywhere.
    fs::remove_file(kept.root().join("hosts/site-001/words.nix")).unwrap();
    symlink(kept.root().join("docs/words.nix"), kept.root().join("hosts/site-001/words.nix")).unwrap();
    compare("a link");
    assert_eq!(again("a link"), 2);
    // Where baselines may read anything, nothing is known of any site.
    kept.edit("baselines/a/items.nix", "title = \"c0\"", "title = \"c0${toString (import ../../docs/words.nix)}\"");
    compare("a baseline that reads");
    assert_eq!(again("a baseline that reads"), 0);
    kept.edit("baselines/a/items.nix", "${toString (import ../../docs/words.nix)}", "");
    compare("a baseline that does not");
    assert_eq!(again("a baseline that does not"), 2);
    // Of another library it is not known what it reads.
    kept.edit("modules/policy/lib.nix", "#", "# Another one.\n#");
    compare("another library");
    assert_eq!(again("another library"), 0);
}

#[test]
fn a_list_that_names_files_elsewhere_is_not_known() {
    let kept = Kept::new(5, 2);
    let list = fs::read_to_string(kept.root().join("rules/default.nix")).unwrap();
    let outside = format!("{}/docs/rules.nix", kept.root().canonicalize().unwrap().display());
    kept.write("docs/rules.nix", "{ writ, ... }: { rules = { }; }\n");
    kept.write(
        "rules/default.nix",
        &list.replacen("families.f0", &format!("families.other = {outside}; families.f0"), 1),
    );
    kept.compare("at first", &[]);
    assert_eq!(kept.again("again", &[]), 0);
}

#[test]
fn what_is_damaged_or_somebody_elses_is_not_believed() {
    let kept = Kept::new(6, 3);
    let now = ["--now", "2026-10-01T00:00:00Z"];
    kept.compare("at first", &now);
    let again = |what: &str| kept.again(what, &now);
    assert_eq!(again("whole"), 3);
    let file = kept.file();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let whole = fs::read(&file).unwrap();
    let mut changed = whole.clone();
    let at = changed.len() / 2;
    changed[at] ^= 1;
    for (what, bytes) in [
        ("one bit", changed.as_slice()),
        ("cut short", &whole[..at]),
        ("without its end", &whole[..whole.len() - 1]),
        ("a line less", whole.splitn(2, |b| *b == b'\n').nth(1).unwrap()),
        ("empty", b""),
        ("something else", b"[1,2]\n{}\n"),
        ("no text", &[0xff, 0xfe, b'\n']),
    ] {
        fs::write(&file, bytes).unwrap();
        assert_eq!(again(what), 0, "{what}");
        assert_eq!(again("written anew"), 3, "{what}");
    }
    let allow = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(&file, 0o660);
    assert_eq!(again("others may write to the file"), 0);
    assert_eq!(again("written anew"), 3);
    allow(file.parent().unwrap(), 0o777);
    assert_eq!((again("others may write to the folder"), again("still")), (0, 0));
    allow(file.parent().unwrap(), 0o700);
    assert_eq!(again("nobody else may"), 3);
    // Where nothing can be written, all is as without.
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file.parent().unwrap(), "").unwrap();
    assert_eq!((again("no folder"), again("still none")), (0, 0));
}

#[test]
fn a_secret_is_kept_nowhere() {
    let tree = Tree::new();
    tree.edit("baselines/small/files.nix", "\"Password hashes\"", "\"rest:https://a:swordfish@example\"");
    let output = run_in(tree.path(), &[], None);
    assert!(output.stdout.contains("secret-in-clear"), "{}", output.stdout);
    let folder = tree.path().parent().unwrap().join("cache/writ/check");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("secret-in-clear") && !text.contains("swordfish"), "{text}");
}

/// All that is written in what comes with Writ is known to read nothing else; otherwise nobody's results would be kept.
#[test]
fn results_of_this_repository_are_kept() {
    let tree = Tree::of_this_repository();
    let cached = || {
        let output = run_in(tree.path(), &["--format", "json"], None);
        let document: Value = serde_json::from_str(&output.stdout).unwrap();
        document["summary"]["cached"].as_u64().unwrap()
    };
    let sites = fs::read_dir(tree.path().join("hosts")).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        path.join("site.nix").is_file()
    });
    assert_eq!((cached(), cached()), (0, sites.count() as u64));
}
