//! What is kept of earlier runs changes nothing but the time: whatever is edited, a run that may take results from earlier
//! ones says exactly what one says that may not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::generated::{Chance, appliance, lay, site};
use super::tree::{Tree, run_in};

const EDITS: usize = 12;

/// A tree, and the folder in which results are kept.
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new(seed: u64, sites: usize) -> Self {
        let kept = Self { folder: tempfile::tempdir().unwrap() };
        lay(&mut Chance(seed), &kept.root(), sites);
        kept
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
        let output = run_in(&self.root(), &[&["--format", "json"], arguments].concat(), None);
        serde_json::from_str(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", output.stdout, output.stderr))
    }

    /// Compares a run with and one without what is kept; returns of how many sites the result was known.
    fn compare(&self, what: &str, arguments: &[&str]) -> u64 {
        let mut with = self.document(arguments);
        let mut without = self.document(&[arguments, &["--no-cache"]].concat());
        let known = with["summary"]["cached"].as_u64().unwrap();
        assert_eq!(without["summary"]["cached"], 0);
        for document in [&mut with, &mut without] {
            for field in ["took_ms", "cached"] {
                document["summary"].as_object_mut().unwrap().remove(field).unwrap();
            }
        }
        assert_eq!(with, without, "{what}");
        known
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
        hits += kept.compare(&format!("again after edit {edit}"), &["--now", now]);
        if what.1.contains("applianc {") {
            kept.write(&what.0, &appliance(chance));
        }
    }
    assert!(hits > EDITS as u64 * 2, "only {hits} results were known");
}

#[test]
fn only_what_changed_is_looked_at_again() {
    let kept = Kept::new(2, 5);
    let now = ["--now", "2026-10-01T00:00:00Z"];
    let compare = |what: &str| kept.compare(what, &now);
    assert_eq!(compare("at first"), 0);
    assert_eq!(compare("nothing changed"), 5);
    kept.edit("hosts/site-001/site.nix", "title = \"", "title = \"The ");
    assert_eq!(compare("a site"), 4);
    assert_eq!(compare("nothing changed"), 5);
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
    assert_eq!(compare("nothing changed"), 4);
    // Two sites with one key: neither has changed, and together they are a mistake.
    let key = format!("c\nRW{}\n", "A".repeat(54));
    kept.write("hosts/site-000/left/key.pub", &key);
    assert_eq!(compare("a key"), 3);
    kept.write("hosts/site-001/left/key.pub", &key);
    assert_eq!(compare("the same key"), 3);
    assert_eq!(compare("nothing changed"), 4);
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
        hits += kept.compare(time, &["--now", time]);
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
        assert_eq!(compare(read), 2, "{read}");
        kept.edit("docs/words.nix", "\"", "\"an");
        kept.edit("hosts/site-000/words.nix", "\"", "\"an");
        compare(read);
    }
    // What lies in its own folder is a part of it.
    kept.write("hosts/site-001/words.nix", "\"one\"");
    kept.write(policy, "{ writ, ... }: writ.appliance { programs = [ (import ../words.nix) ]; }\n");
    compare("its own file");
    assert_eq!(compare("its own file"), 3);
    kept.write("hosts/site-001/words.nix", "5");
    assert_eq!(compare("its own file, changed"), 2);
    // A link may lead anywhere.
    fs::remove_file(kept.root().join("hosts/site-001/words.nix")).unwrap();
    symlink(kept.root().join("docs/words.nix"), kept.root().join("hosts/site-001/words.nix")).unwrap();
    compare("a link");
    assert_eq!(compare("a link"), 2);
    // Where baselines may read anything, nothing is known of any site.
    kept.edit("baselines/a/items.nix", "title = \"c0\"", "title = \"c0${toString (import ../../docs/words.nix)}\"");
    compare("a baseline that reads");
    assert_eq!(compare("a baseline that reads"), 0);
    kept.edit("baselines/a/items.nix", "${toString (import ../../docs/words.nix)}", "");
    compare("a baseline that does not");
    assert_eq!(compare("a baseline that does not"), 2);
    // Of another library it is not known what it reads.
    kept.edit("modules/policy/lib.nix", "#", "# Another one.\n#");
    compare("another library");
    assert_eq!(compare("another library"), 0);
}

#[test]
fn a_list_that_names_files_elsewhere_is_not_known() {
    let kept = Kept::new(5, 2);
    let list = fs::read_to_string(kept.root().join("rules/default.nix")).unwrap();
    let outside = format!("{}/docs/rules.nix", kept.root().canonicalize().unwrap().display());
    kept.write("docs/rules.nix", "{ writ, ... }: { rules = { }; }\n");
    kept.write(
        "rules/default.nix",
        &list.replacen("families.f0", &format!("families.other = \"{outside}\"; families.f0"), 1),
    );
    kept.compare("at first", &[]);
    assert_eq!(kept.compare("again", &[]), 0);
}

#[test]
fn what_is_damaged_or_somebody_elses_is_not_believed() {
    let kept = Kept::new(6, 3);
    let now = ["--now", "2026-10-01T00:00:00Z"];
    let compare = |what: &str| kept.compare(what, &now);
    compare("at first");
    assert_eq!(compare("whole"), 3);
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
        assert_eq!(compare(what), 0, "{what}");
        assert_eq!(compare("written anew"), 3, "{what}");
    }
    let allow = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(&file, 0o660);
    assert_eq!(compare("others may write to the file"), 0);
    assert_eq!(compare("written anew"), 3);
    allow(file.parent().unwrap(), 0o777);
    assert_eq!((compare("others may write to the folder"), compare("still")), (0, 0));
    allow(file.parent().unwrap(), 0o700);
    assert_eq!(compare("nobody else may"), 3);
    // Where nothing can be written, all is as without.
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file.parent().unwrap(), "").unwrap();
    assert_eq!((compare("no folder"), compare("still none")), (0, 0));
}

#[test]
fn a_secret_is_kept_nowhere() {
    let tree = Tree::new();
    tree.edit("baselines/small/files.nix", "\"Password hashes\"", "\"rest:https://a:bcd@example\"");
    let output = run_in(tree.path(), &[], None);
    assert!(output.stdout.contains("secret-in-clear"), "{}", output.stdout);
    let folder = tree.path().parent().unwrap().join("cache/writ/check");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("secret-in-clear") && !text.contains("bcd"), "{text}");
}
