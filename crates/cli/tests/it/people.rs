//! Three people on three accounts of one machine release together: each with a home, a key and a clone that nobody else
//! can read, and what they hand to one another is a draft and signatures.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::desk::{Desk, PASSPHRASE, SITE};

/// The group of the three, and their accounts: numbers that no machine gives to anybody by itself.
const GROUP: u32 = 60_100;
const ADA: Person = Person { name: "ada", uid: 60_101 };
const BEN: Person = Person { name: "ben", uid: 60_102 };
const CLEO: Person = Person { name: "cleo", uid: 60_103 };

#[derive(Clone, Copy)]
struct Person {
    name: &'static str,
    uid: u32,
}

/// The machine: three homes, and a folder that all of them may write to.
struct Office {
    folder: tempfile::TempDir,
}

impl Office {
    fn open() -> Self {
        let office = Self { folder: tempfile::tempdir().unwrap() };
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(office.folder.path(), 0o755);
        // Wherever the sources lie, these accounts may not reach it.
        fs::create_dir(office.path("bin")).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_writ"), office.path("bin/writ")).unwrap();
        mode(&office.path("bin/writ"), 0o755);
        fs::create_dir(office.path("shared")).unwrap();
        chown(office.path("shared"), Some(0), Some(GROUP)).unwrap();
        mode(&office.path("shared"), 0o2770);
        for person in [ADA, BEN, CLEO] {
            let home = office.home(person);
            fs::create_dir(&home).unwrap();
            fs::write(home.join("pass"), format!("{PASSPHRASE}\n")).unwrap();
            let shared = office.path("shared");
            let known = format!(
                "[safe]\n\tdirectory = {0}/policies.git\n\tdirectory = {0}/policies.git/.git\n",
                shared.display()
            );
            let own = format!("[user]\n\tname = {0}\n\temail = {0}@example\n{known}", person.name);
            fs::write(home.join(".gitconfig"), own).unwrap();
            office.gives(&home, person);
            mode(&home, 0o700);
        }
        office
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn home(&self, person: Person) -> PathBuf {
        self.path(person.name)
    }

    /// Makes a folder with all that is in it somebody's own.
    fn gives(&self, folder: &Path, person: Person) {
        let owner = format!("{}:{GROUP}", person.uid);
        assert!(Command::new("chown").arg("-R").arg(owner).arg(folder).status().unwrap().success());
    }

    /// Runs a program as somebody, at home.
    fn run(&self, person: Person, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.home(person)).env("HOME", self.home(person)).stdin(Stdio::null());
        // The one of whoever runs this is closed to others.
        command.env("TMPDIR", self.home(person));
        command.env("NIX_CONFIG", "substituters =").env_remove("XDG_CACHE_HOME").env_remove("XDG_CONFIG_HOME");
        // Without the groups of whoever runs this.
        command.uid(person.uid).gid(GROUP).output().unwrap()
    }

    #[track_caller]
    fn writ(&self, person: Person, arguments: &[&str], code: i32) -> String {
        let output = self.run(person, self.path("bin/writ").to_str().unwrap(), arguments);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert_eq!(output.status.code(), Some(code), "{} writ {arguments:?}\n{said}", person.name);
        assert!(!said.contains(PASSPHRASE));
        said
    }

    #[track_caller]
    fn sh(&self, person: Person, script: &str) -> String {
        let output = self.run(person, "/bin/sh", &["-euc", script]);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "{}: {script}\n{said}", person.name);
        said
    }

    /// Drafts from one's own clone, and lays the draft where all can read it.
    fn draft(&self, person: Person, name: &str) {
        let previous = "../shared/releases";
        self.writ(person, &["release", "draft", "--flake", "policies", "--previous", previous, "--to", name], 0);
        self.sh(person, &format!("cp -r {name} ../shared/"));
    }

    /// Signs one's own copy of a draft, after evaluating one's own clone; hands over nothing but the signature.
    #[track_caller]
    fn sign(&self, person: Person, name: &str, code: i32) -> String {
        self.sh(person, &format!("rm -rf {name} && cp -r ../shared/{name} ."));
        let (key, previous) = (format!("keys/{}.key", person.name), "../shared/releases");
        let sign = ["release", "sign", name, "--key", &key, "--passphrase-file", "pass", "--flake", "policies"];
        let said = self.writ(person, &[&sign[..], &["--previous", previous]].concat(), code);
        if code == 0 {
            let to = format!("../shared/signed-{name}-{}", person.name);
            self.sh(
                person,
                &format!("mkdir {to} && cd {name} && find . -name '*.minisig' -exec cp --parents {{}} ../{to}/ ';'"),
            );
        }
        said
    }

    /// Whoever drafted takes what signatures there are, and publishes.
    #[track_caller]
    fn publish(&self, person: Person, name: &str, code: i32) -> String {
        let take = format!("for of in ../shared/signed-{name}-*; do [ ! -d $of ] || cp -r $of/. {name}/; done");
        self.sh(person, &take);
        self.writ(person, &["release", "publish", name, "--to", "../shared/releases"], code)
    }
}

/// The three with keys of their own, a root by which two of them release, and a clone of the policies each.
fn furnished() -> Office {
    let (office, desk) = (Office::open(), Desk::ready(2));
    for person in [ADA, BEN, CLEO] {
        let new = ["keys", "new", "--name", person.name, "--out", "keys", "--kdf", "weak", "--passphrase-file", "pass"];
        office.writ(person, &new, 0);
        office.sh(person, &format!("cp keys/{}.pub ../shared/", person.name));
    }
    // What everybody else of the world has: keys of appliances, in policies that are committed.
    fs::create_dir(office.home(ADA).join("policies")).unwrap();
    let copied = Command::new("cp").arg("-a").arg(desk.path("flake/.")).arg(office.home(ADA).join("policies")).status();
    assert!(copied.unwrap().success());
    office.gives(&office.home(ADA).join("policies"), ADA);
    office.sh(ADA, "git clone --quiet --bare policies ../shared/policies.git && cd policies && git remote add origin ../../shared/policies.git");
    for person in [BEN, CLEO] {
        office.sh(person, "git clone --quiet ../shared/policies.git policies");
    }
    office.sh(ADA, "mkdir -p ../shared/releases/trust");
    let mut init = vec!["trust", "init", "--out", "../shared/releases/trust/1.json"];
    for key in ["keys/ada.pub:trust,release", "../shared/ben.pub:release", "../shared/cleo.pub:release"] {
        init.extend(["--key", key]);
    }
    init.extend(["--threshold", "trust=1", "--threshold", "release=2"]);
    office.writ(ADA, &init, 0);
    let sign =
        ["trust", "sign", "../shared/releases/trust/1.json", "--key", "keys/ada.key", "--passphrase-file", "pass"];
    office.writ(ADA, &sign, 0);
    office
}

#[test]
fn three_people_on_three_accounts_release_two_of_three() {
    let office = furnished();
    // Nobody reads the key of another, nor signs with it.
    for (thief, owner) in [(BEN, ADA), (CLEO, ADA), (ADA, BEN)] {
        let key = office.home(owner).join(format!("keys/{}.key", owner.name));
        let found = fs::metadata(&key).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o777), (owner.uid, 0o600), "{}", key.display());
        let tried = office.run(thief, "/bin/cat", &[key.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&tried.stderr).into_owned();
        assert!(!tried.status.success() && said.contains("Permission denied"), "{said}");
        assert!(tried.stdout.is_empty());
    }

    // The first release, by the one who drafted and another.
    office.draft(ADA, "draft-1");
    let said = office.publish(ADA, "draft-1", 1);
    assert!(said.contains("signature-threshold") && said.contains("expected 2"), "{said}");
    let shown = office.sign(ADA, "draft-1", 0);
    assert!(shown.contains(&format!("release 1-1 of {SITE}")) && shown.contains("first release"), "{shown}");
    let said = office.publish(ADA, "draft-1", 1);
    assert!(said.contains("signature-threshold"), "one of two: {said}");
    office.sign(BEN, "draft-1", 0);
    office.publish(ADA, "draft-1", 0);

    // A change by one, judged by the two others alone.
    let site = format!("policies/hosts/{SITE}/site.nix");
    office.sh(ADA, &format!("sed -i 's/title = \"[^\"]*\"/title = \"Renamed Clinic\"/' {site} && cd policies && git commit -qam 'A new name' && git push -q origin HEAD"));
    office.draft(ADA, "draft-2");
    let said = office.sign(CLEO, "draft-2", 1);
    assert!(said.contains("not made from your sources"), "who has not pulled signs nothing: {said}");
    office.sh(CLEO, "cd policies && git pull -q");
    let shown = office.sign(CLEO, "draft-2", 0);
    assert!(shown.contains("after 1-1") && shown.contains("settings"), "each sees what changes: {shown}");
    let said = office.publish(ADA, "draft-2", 1);
    assert!(said.contains("signature-threshold") && said.contains("expected 2"), "{said}");
    // A policy that was exchanged on the way is none of what the second evaluates.
    office.sh(BEN, "cd policies && git pull -q && git commit -q --allow-empty -m 'Not what was drafted'");
    let said = office.sign(BEN, "draft-2", 1);
    assert!(said.contains("not made from your sources"), "{said}");
    office.sh(BEN, "cd policies && git reset -q --hard origin/HEAD");
    let shown = office.sign(BEN, "draft-2", 0);
    assert!(shown.contains("after 1-1") && shown.contains("settings"), "{shown}");
    office.publish(ADA, "draft-2", 0);

    // An auditor with an account of nobody's verifies both, from the root alone.
    let release = office.path(&format!("shared/releases/releases/{SITE}/1-2"));
    let names = fs::read_dir(&release).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.ends_with(".minisig")).count(), 2);
    office.sh(CLEO, "cp ../shared/releases/trust/1.json first-root.json");
    office.writ(CLEO, &["verify", "../shared/releases", "--trust", "first-root.json"], 0);
    // Each ledger remembers what its key signed, and nothing else.
    for (person, signed) in [(ADA, 1), (BEN, 2), (CLEO, 1)] {
        let ledger = fs::read_to_string(office.home(person).join("keys/ledger.json")).unwrap();
        assert_eq!(ledger.matches("\"serial\"").count(), signed, "{}: {ledger}", person.name);
    }
}
