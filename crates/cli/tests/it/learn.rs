//! `writ learn`, from five heals of plans on three appliances to a rule that `writ check` passes and `writ diff` shows: with a real
//! tree, real Nix, and evidence that was really signed under the policies that the tree evaluates to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use writ_policy::observation::Observation;
use writ_trust::json as strict;

use crate::check::tree::{NOW, Tree};
use crate::learn_world::{Ended, Fleet, Told};

const NAMES: [&str; 3] = ["back-office", "front-desk", "lab"];
/// As of when everything is judged.
const LATER: &str = "2026-11-27T10:00:00Z";

/// A tree whose one rule for a file leaves room for another, and evidence of plans that had another runbook run.
pub struct Clinic {
    tree: Tree,
    fleet: Fleet,
    /// What the tree evaluated to when its release was signed.
    policies: Vec<(&'static str, Vec<u8>)>,
}

/// What a run came to.
struct Ran {
    code: i32,
    said: String,
    warned: String,
}

impl Clinic {
    pub fn new() -> Self {
        Self::altered(|_| {})
    }

    /// The same with something else in the policies that were signed.
    fn altered(edit: impl Fn(&mut Value)) -> Self {
        let tree = Tree::of_cases();
        for file in ["rules.nix", "rejected.nix", "README.md"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules/learned").join(file);
            fs::create_dir_all(tree.path().join("rules/learned")).unwrap();
            fs::copy(from, tree.path().join("rules/learned").join(file)).unwrap();
        }
        tree.edit("rules/default.nix", "families = {", "families = { learned = ./learned/rules.nix;");
        tree.edit("hosts/clinic-001/site.nix", "[ \"files\"", "[ \"learned\" \"files\"");
        tree.edit("rules/files.nix", "run = \"RB-FILE-001\";", "run = \"RB-FILE-001\";\n    attempts = 1;");
        tree.edit("rules/runbooks/files.nix", "[ \"file.shadow\" ]", "[ \"file.shadow\" \"file.motd\" ]");
        fs::create_dir_all(tree.path().join("hosts/clinic-001/lab")).unwrap();
        tree.write("hosts/clinic-001/lab/policy.nix", "{ writ, ... }:\nwrit.appliance { }\n");
        let policies = policies(&tree, edit);
        Self { fleet: Fleet::new(&policies), tree, policies }
    }

    /// Five heals on three appliances.
    pub fn healed() -> Self {
        let mut clinic = Self::new();
        for (n, on) in (0..).zip(["front-desk", "back-office", "lab", "front-desk", "lab"]) {
            clinic.fleet.tell(&heal(on, 10 + 5 * n));
        }
        clinic
    }

    pub fn audit(&self) -> &Path {
        self.fleet.world.path()
    }

    fn writ(&self, arguments: &[&str]) -> Ran {
        let mut writ = Command::new(env!("CARGO_BIN_EXE_writ"));
        writ.current_dir(self.tree.path()).args(arguments).env("NO_COLOR", "1");
        writ.env("XDG_CACHE_HOME", self.tree.path().parent().unwrap().join("cache"));
        let output = writ.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code().unwrap(), said: text(&output.stdout), warned: text(&output.stderr) }
    }

    /// `writ learn` with the evidence.
    #[track_caller]
    fn learn(&self, code: i32, arguments: &[&str]) -> Ran {
        let audit = self.audit().to_str().unwrap();
        let root = self.tree.path().parent().unwrap().join("root.json");
        fs::write(&root, strict::canonical(&self.fleet.world.root)).unwrap();
        let common = ["--audit", audit, "--trust", root.to_str().unwrap(), "--now", LATER];
        let ran = self.writ(&[&["learn"], arguments, &common].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {}{}", ran.said, ran.warned);
        ran
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.learn(0, &[arguments, &["--json"]].concat());
        serde_json::from_str(&ran.said).unwrap_or_else(|e| panic!("{e}: {}{}", ran.said, ran.warned))
    }

    /// What `writ learn … --json` prints, for what judges schemas.
    pub fn printed(&self) -> [Value; 2] {
        let all = self.json(&["status"]);
        let id = all["patterns"][0]["id"].as_str().unwrap().to_owned();
        [all, self.json(&["promote", &id])]
    }

    /// The one pattern.
    fn pattern(&self) -> Value {
        let all = self.json(&["status"]);
        assert_eq!(all["patterns"].as_array().unwrap().len(), 1, "{all:#}");
        all["patterns"][0].clone()
    }

    fn id(&self) -> String {
        self.pattern()["id"].as_str().unwrap().to_owned()
    }

    fn learned_files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.tree.path().join("rules/learned")).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("L1-"));
        names
    }

    /// A release of what the tree evaluates to now.
    fn release(&mut self) {
        self.policies = policies(&self.tree, |_| {});
        self.fleet.release(&self.policies);
    }
}

/// The policies of a tree, as Nix has them.
fn policies(tree: &Tree, edit: impl Fn(&mut Value)) -> Vec<(&'static str, Vec<u8>)> {
    let mut nix = Command::new("nix-instantiate");
    nix.args(["--store", "dummy://", "--eval", "--strict", "--json", "modules/policy/evaluate.nix"]);
    let output =
        nix.args(["--arg", "root", "./.", "-A", "policies.clinic-001"]).current_dir(tree.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let document = |name: &'static str| {
        let mut policy = all[name].clone();
        edit(&mut policy);
        let rules = json!({ "rules": policy["rules"], "runbooks": policy["runbooks"] });
        policy["rules_version"] = json!(writ_trust::digest::Digest::of(&strict::canonical(&rules)));
        (name, strict::canonical(&policy))
    };
    NAMES.map(document).into()
}

fn heal(on: &str, at: i64) -> Told<'_> {
    Told {
        on,
        check: "file.motd",
        seen: Observation::new().with("mode", "0666").with("kind", "file"),
        at,
        ran: &[("RB-FILE-002", "helped")],
        ended: Ended::ByPlan,
    }
}

#[test]
fn five_heals_become_a_rule_that_check_passes_and_diff_shows() {
    let clinic = Clinic::healed();
    let tree = &clinic.tree;
    tree.git(&["init", "--quiet", "-b", "main"]);
    tree.git(&["add", "--all"]);
    tree.git(&["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "before"]);
    let pattern = clinic.pattern();
    assert_eq!((&pattern["state"], &pattern["occurrences"]), (&"eligible".into(), &5.into()));
    let id = pattern["id"].as_str().unwrap();
    let listed = clinic.learn(0, &["candidates"]).said;
    assert!(listed.contains(&format!("{id}  file.motd → RB-FILE-002  5 of 5 (100 %), 3 appliances")), "{listed}");
    let shown = clinic.learn(0, &["show", &id[..5]]).said;
    for part in ["not so      mode eq \"0644\"", "rests on    clinic-001/lab/EB-", "at clinic-001: 5 of 5"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let promoted = clinic.learn(0, &["promote", id]).said;
    let rule = format!("L1-LEARNED-{}", id.to_uppercase());
    let file = format!("rules/learned/{rule}.nix");
    assert!(promoted.contains(&file) && promoted.contains("it is in the policy of 1 site"), "{promoted}");
    golden(&tree.read(&file), &rule);
    tree.git(&["add", "--intent-to-add", "rules/learned"]);
    let checked = clinic.writ(&["check", "--deny-warnings", "--now", NOW]);
    assert_eq!(checked.code, 0, "{}{}", checked.said, checked.warned);
    let diff = clinic.writ(&["diff", "--from", "main", "--now", NOW]);
    assert!(diff.code == 0 && diff.said.contains(&rule), "{}{}", diff.said, diff.warned);
    assert!(!diff.said.contains("weakens"), "{}", diff.said);
    let explained = clinic.writ(&["explain", &rule]);
    assert!(explained.code == 0 && explained.said.contains("RB-FILE-002"), "{}{}", explained.said, explained.warned);
    let changed = Command::new("git").args(["status", "--porcelain"]).current_dir(tree.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&changed.stdout), format!(" A {file}\n"), "it touches its own file alone");

    let again = clinic.learn(1, &["promote", id]);
    assert!(
        again.warned.contains("written already") && again.warned.contains("nothing was overwritten"),
        "{}",
        again.warned
    );
}

#[test]
fn what_was_promoted_is_known_by_the_release_and_withdrawn_when_it_fails() {
    let mut clinic = Clinic::healed();
    let id = clinic.id();
    let rule = format!("L1-LEARNED-{}", id.to_uppercase());
    let unknown = clinic.learn(2, &["withdraw", &rule, "--by", "Sam Okafor", "--reason", "No"]);
    assert!(unknown.warned.contains("was learned, by the newest releases here"), "{}", unknown.warned);
    clinic.learn(0, &["promote", &id]);
    clinic.release();
    assert_eq!(clinic.pattern()["state"], "promoted");
    let again = clinic.learn(1, &["promote", &id]);
    assert!(again.warned.contains("is a rule already"), "{}", again.warned);
    let rejected = clinic.learn(1, &["reject", &id, "--by", "Sam Okafor", "--reason", "No"]);
    assert!(rejected.warned.contains("is a rule"), "{}", rejected.warned);
    let by_rule = Ended::ByRule(Box::leak(rule.clone().into_boxed_str()));
    for n in 0..5 {
        let told = Told { ran: &[], ended: by_rule, ..heal("lab", 100 + 5 * n) };
        if n < 3 {
            clinic.fleet.tell(&told)
        } else {
            clinic.fleet.ran_in_vain(&told)
        }
        if n == 1 {
            let early = clinic.learn(1, &["withdraw", &rule, "--by", "Sam Okafor", "--reason", "No"]);
            assert!(early.warned.contains("it ran for 2 incidents, and is judged from 5 on"), "{}", early.warned);
        }
    }
    let listed = clinic.learn(0, &["candidates"]).said;
    assert!(listed.contains("resolved 3 of 5 incidents (60 %)  to be withdrawn"), "{listed}");
    let words = ["--by", "Sam Okafor", "--reason", "It \"helps\" for an hour: ${x}"];
    let withdrawn = clinic.json(&[&["withdraw", &rule][..], &words].concat());
    assert_eq!(withdrawn["removed"][0], format!("rules/learned/{rule}.nix"));
    assert!(clinic.learned_files().is_empty());
    let entry = nix(clinic.tree.path(), "rules/learned/rejected.nix");
    let wanted =
        [("id", json!(id)), ("occurrences", json!(5)), ("success_percent", json!(60)), ("why", json!(words[3]))];
    wanted.iter().for_each(|(field, value)| assert_eq!(&entry[0][field], value, "{entry:#}"));
    // It counts until the next release, and stays rejected after that.
    clinic.release();
    assert_eq!(clinic.pattern()["state"], "rejected");
    let refused = clinic.learn(1, &["promote", &id]);
    for part in ["was rejected", "by Sam Okafor at 2026-11-27T10:00:00Z: It \"helps\"", "rules/learned/rejected.nix"] {
        assert!(refused.warned.contains(part), "{part}: {}", refused.warned);
    }
    let checked = clinic.writ(&["check", "--now", NOW]);
    assert_eq!(checked.code, 0, "{}{}", checked.said, checked.warned);
}

#[test]
fn a_pattern_that_was_turned_down_stays_so() {
    let clinic = Clinic::healed();
    let id = clinic.id();
    let comment = "# Patterns that were proposed and turned down";
    clinic.learn(2, &["reject", &id, "--by", " ", "--reason", "No"]);
    let ran = clinic.learn(0, &["reject", &id[..6], "--by", "Kim Lee", "--reason", "It hides a failing disk"]);
    assert!(ran.said.contains(&format!("{id} is rejected")), "{}", ran.said);
    let text = clinic.tree.read("rules/learned/rejected.nix");
    assert!(text.starts_with(comment) && text.contains("# check file.motd, runbook RB-FILE-002"), "{text}");
    assert_eq!(nix(clinic.tree.path(), "rules/learned/rejected.nix")[0]["by"], "Kim Lee");
    let again = clinic.learn(1, &["reject", &id, "--by", "Kim Lee", "--reason", "Again"]);
    assert!(again.warned.contains("was rejected already"), "{}", again.warned);
    assert_eq!(clinic.pattern()["state"], "rejected");
    assert!(clinic.learn(0, &["candidates"]).said.contains("nothing waits for a decision"));
    assert!(clinic.learn(0, &["show", &id]).said.contains("rejected    by Kim Lee"));
    clinic.tree.write("rules/learned/rejected.nix", "import ./elsewhere.nix\n");
    let unread = clinic.learn(1, &["status"]);
    assert!(unread.warned.contains("what was rejected cannot be read"), "{}", unread.warned);
}

#[test]
fn nothing_is_promoted_that_lacks_something() {
    let mut clinic = Clinic::new();
    for n in 0..3 {
        clinic.fleet.tell(&heal("lab", 10 + 5 * n));
    }
    clinic.fleet.tell(&Told { ran: &[("RB-FILE-002", "failed")], ended: Ended::ByPeople, ..heal("lab", 40) });
    let id = clinic.id();
    let refused = |clinic: &Clinic, parts: &[&str]| {
        let ran = clinic.learn(1, &["promote", &id]);
        parts.iter().for_each(|part| assert!(ran.warned.contains(part), "{part}: {}", ran.warned));
        assert!(clinic.learned_files().is_empty(), "nothing is written");
    };
    refused(&clinic, &["it was seen 4 times, and 5 are needed", "it helped in 75 %, and 90 % are needed"]);
    for n in 0..8 {
        clinic.fleet.tell(&heal("lab", 100 + 5 * n));
    }
    let named = clinic.learn(2, &["show", "zzzz"]);
    assert!(named.warned.contains("knows no pattern zzzz"), "{}", named.warned);
    // What the tree has by now, and did not have when it was seen; each is put back.
    for (file, from, to, part) in [
        ("rules/learned/rules.nix", "builtins.readDir ./.", "{ }", "are named one by one"),
        ("rules/runbooks/files.nix", "path = \"/etc/shadow\"", "path = \"/etc/gshadow\"", "does something else by now"),
        (
            "rules/runbooks/files.nix",
            "[ \"file.shadow\" \"file.motd\" ]",
            "[ \"file.shadow\" ]",
            "does not look at file.motd",
        ),
        (
            "baselines/small/files.nix",
            "expect.mode.eq = \"0644\"",
            "expect.mode.eq = \"0444\"",
            "expects something else by now",
        ),
        ("rules/files.nix", "attempts = 1;", "attempts = 3;", "with this rule the tree has 1 mistake"),
        ("rules/files.nix", "priority = 100;", "priority = 40;", "--priority N gives it another one"),
    ] {
        let before = clinic.tree.read(file);
        clinic.tree.edit(file, from, to);
        refused(&clinic, &[part]);
        clinic.tree.write(file, &before);
    }
    let other = clinic.learn(2, &["promote", &id, "--priority", "50"]);
    assert!(other.warned.contains("--priority"), "{}", other.warned);
    // A site that does not use learned rules has none.
    clinic.tree.edit("hosts/clinic-001/site.nix", "[ \"learned\" \"files\"", "[ \"files\"");
    let ran = clinic.learn(0, &["promote", &id, "--priority", "7"]);
    assert!(ran.warned.contains("name the family `learned` in `rule_families`"), "{}", ran.warned);
    assert!(clinic.tree.read(&format!("rules/learned/{}", clinic.learned_files()[0])).contains("priority = 7;"));
}

/// What was seen breaks neither of the two terms that the check has: a rule of it would answer either.
#[test]
fn nothing_is_promoted_that_is_wider_than_its_evidence() {
    let mut clinic = Clinic::new();
    for n in 0..5 {
        clinic.fleet.tell(&Told { seen: Observation::new().with("kind", "file"), ..heal("lab", 10 + 5 * n) });
    }
    let pattern = clinic.pattern();
    assert_eq!((&pattern["state"], &pattern["conditions"]), (&json!("eligible"), &json!([])));
    let ran = clinic.learn(1, &["promote", &clinic.id()]);
    assert!(ran.warned.contains("does not tell which part of the check file.motd was broken"), "{}", ran.warned);
    assert!(clinic.learned_files().is_empty());
}

#[test]
fn names_are_text_in_the_file_whatever_they_are() {
    let odd = "file.\"${builtins.abort \"x\"}''\\ # motd";
    let runbook = "RB\"; }; evil = ${x";
    let renamed = |policy: &mut Value| {
        let text = policy.to_string();
        let quoted = |name: &str| json!(name).to_string();
        let text = text.replace("\"file.motd\"", &quoted(odd)).replace("\"RB-FILE-002\"", &quoted(runbook));
        *policy = serde_json::from_str(&text).unwrap();
    };
    let mut clinic = Clinic::altered(renamed);
    for n in 0..5 {
        let told = heal("lab", 10 + 5 * n);
        clinic.fleet.tell(&Told { check: odd, ran: &[(runbook, "helped")], ..told });
    }
    let id = clinic.id();
    // The tree has no such check: it is named in one line, and nothing is written.
    let none = clinic.learn(1, &["promote", &id]);
    assert!(none.warned.contains("no site of this tree has the check file.\"${builtins.abort"), "{}", none.warned);
    let nix_text = |name: &str| name.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${");
    for (file, from, to) in [
        ("baselines/small/files.nix", "file.motd", odd),
        ("rules/files.nix", "file.motd", odd),
        ("rules/files.nix", "RB-FILE-002", runbook),
        ("rules/runbooks/files.nix", "file.motd", odd),
        ("rules/runbooks/files.nix", "RB-FILE-002", runbook),
        ("hosts/clinic-001/site.nix", "file.motd", odd),
    ] {
        let text = clinic.tree.read(file).replace(from, &nix_text(to));
        clinic.tree.write(file, &text);
    }
    clinic.learn(0, &["promote", &id]);
    let file = format!("rules/learned/{}", clinic.learned_files()[0]);
    let written = nix(clinic.tree.path(), &file);
    let rule = &written["rules"][format!("L1-LEARNED-{}", id.to_uppercase())];
    assert_eq!((&rule["when"]["check"], &rule["run"]), (&json!(odd), &json!(runbook)), "{written:#}");
    assert_eq!(written.as_object().unwrap().len(), 2, "{written:#}");
    clinic.learn(0, &["reject", &id, "--by", odd, "--reason", runbook]);
    let entry = nix(clinic.tree.path(), "rules/learned/rejected.nix");
    assert_eq!((&entry[0]["by"], &entry[0]["why"]), (&json!(odd), &json!(runbook)));
}

#[test]
fn a_folder_that_does_not_verify_says_so() {
    let clinic = Clinic::healed();
    let file = fs::read_dir(clinic.fleet.folder("lab")).unwrap().map(|e| e.unwrap().path());
    let mut files: Vec<PathBuf> = file.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    fs::write(&files[3], "{}").unwrap();
    let ran = clinic.learn(1, &["status"]);
    assert!(ran.warned.contains("NOT VERIFIED") && ran.said.contains("4 of 4 (100 %)"), "{}{}", ran.said, ran.warned);
    let none = clinic.writ(&["learn", "status", "--audit", "no-such-folder"]);
    assert!(none.code == 2 && none.warned.contains("cannot open the audit folder"), "{}", none.warned);
    let site = clinic.learn(2, &["status", "--site", "clinic-009"]);
    assert!(site.warned.contains("no verified release of site clinic-009"), "{}", site.warned);
}

/// What a Nix file evaluates to; a function is called with a library whose rules are what they are given.
fn nix(root: &Path, file: &str) -> Value {
    let text = format!(
        "let content = import (/. + \"{}\"); in if builtins.isFunction content then content {{ writ.rule = x: x; }} else content",
        root.join(file).display()
    );
    let output = Command::new("nix-instantiate")
        .args(["--store", "dummy://", "--eval", "--strict", "--json", "-E", &text])
        .output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The file of a rule, but for its ids and digests; `WRIT_BLESS=1` writes it anew.
fn golden(text: &str, rule: &str) {
    let mut parts = text.split("sha256:");
    let mut masked = parts.next().unwrap().to_owned();
    parts.for_each(|part| masked.extend(["sha256:…", &part[64..]]));
    let masked = masked.replace(rule, "L1-LEARNED-ID");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/learned-rule.nix");
    if std::env::var_os("WRIT_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &masked).unwrap();
    }
    assert_eq!(masked, fs::read_to_string(&path).unwrap_or_default());
}
