//! `writ secret` as people use it, with age itself (Debian's package `age`) as the appliance.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::check::tree::{Tree, run};
use crate::export_schema::reports::held;

const SITE_FILE: &str = "hosts/clinic-001/site.nix";
const FRONT: &str = "hosts/clinic-001/front-desk";
const BACK: &str = "hosts/clinic-001/back-office";

/// What a command came to.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }
}

/// A tree whose site keeps secrets, and the keys of its appliances outside of it.
struct Site {
    tree: Tree,
    keys: tempfile::TempDir,
}

impl Site {
    /// Both appliances have a key, and one for secrets.
    fn new() -> Self {
        let site = Self { tree: Tree::new(), keys: tempfile::tempdir().unwrap() };
        site.tree.edit(SITE_FILE, "  probation =", "  secrets = [ \"backup\" \"vpn\" ];\n  probation =");
        for (name, folder) in [("front-desk", FRONT), ("back-office", BACK)] {
            site.enrol(name, folder);
        }
        site
    }

    fn enrol(&self, name: &str, folder: &str) {
        let out = self.keys.path().to_str().unwrap();
        let new = ["keys", "new", "--name", name, "--out", out, "--role", "appliance", "--no-passphrase"];
        self.writ(&new, b"").ends(0);
        fs::copy(self.key(&format!("{name}.pub")), self.tree.path().join(folder).join("key.pub")).unwrap();
        self.identify(name, folder).ends(0);
    }

    fn key(&self, name: &str) -> PathBuf {
        self.keys.path().join(name)
    }

    /// Makes the appliance's key for secrets, or shows it again.
    fn identify(&self, name: &str, folder: &str) -> Ran {
        let at = |file: String| self.key(&file).to_str().unwrap().to_owned();
        let (key, signer) = (at(format!("{name}.secrets.key")), at(format!("{name}.key")));
        let out = self.tree.path().join(folder);
        let out = out.to_str().unwrap();
        self.writ(&["secret", "identity", "--key", &key, "--signed-by", &signer, "--out", out, "--json"], b"")
    }

    fn writ(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.args(arguments).current_dir(self.tree.path()).env("NO_COLOR", "1").stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn set(&self, arguments: &[&str], value: &[u8]) -> Ran {
        self.writ(&[&["secret", "set", "--site", "clinic-001"], arguments].concat(), value)
    }

    fn list(&self, code: i32) -> Value {
        let ran = self.writ(&["secret", "list", "--site", "clinic-001", "--json"], b"").ends(code);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// The state of each secret on each appliance, in order.
    fn states(&self, code: i32) -> Vec<String> {
        let listed = self.list(code);
        let one = |one: &Value| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            format!("{} {} {}", text("name"), text("appliance"), text("state"))
        };
        listed["sites"][0]["secrets"].as_array().unwrap().iter().map(one).collect()
    }

    /// What age makes of a secret with an appliance's key; none where it cannot decrypt it.
    fn decrypted(&self, name: &str, file: &str) -> Option<Vec<u8>> {
        let mut age = Command::new("age");
        age.args(["-d", "-i"]).arg(self.key(&format!("{name}.secrets.key"))).arg(self.tree.path().join(file));
        let output = age.output().unwrap_or_else(|e| panic!("this test needs `age` (apt-get install age): {e}"));
        output.status.success().then_some(output.stdout)
    }

    /// The codes of what `writ check` finds, in order of place.
    fn codes(&self) -> Vec<String> {
        let findings = run(&self.tree, &["--format", "json", "--no-cache"]).findings();
        findings.iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect()
    }

    fn age_file(&self, folder: &str, name: &str) -> PathBuf {
        self.tree.path().join(folder).join("secrets").join(format!("{name}.age"))
    }
}

/// Whether any file below a folder holds these bytes.
fn holds(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
    })
}

const VALUE: &[u8] = b"correct horse battery staple";

#[test]
fn a_value_goes_to_each_appliance_and_age_reads_it_there() {
    let site = Site::new();
    let said = site.set(&["backup"], &[VALUE, b"\n"].concat()).ends(0);
    assert!(!format!("{}{}", said.stdout, said.stderr).contains("horse"));
    let own = format!("{FRONT}/secrets/backup.age");
    // A line break at the end is none of the value.
    assert_eq!(site.decrypted("front-desk", &own).as_deref(), Some(VALUE));
    assert_eq!(site.decrypted("back-office", &own), None, "another appliance reads it");
    assert_eq!(site.decrypted("back-office", &format!("{BACK}/secrets/backup.age")).as_deref(), Some(VALUE));
    assert!(!holds(site.tree.path(), b"horse"));
    site.set(&["vpn", "--appliance", "front-desk", "--exact"], b"line one\nline two\n").ends(0);
    let vpn = site.decrypted("front-desk", &format!("{FRONT}/secrets/vpn.age"));
    assert_eq!(vpn.as_deref(), Some(&b"line one\nline two\n"[..]));
    let expected = [
        "backup back-office current",
        "backup front-desk current",
        "vpn back-office missing",
        "vpn front-desk current",
    ];
    assert_eq!(site.states(0), expected);
    assert_eq!(site.codes(), [""; 0]);
    held("secrets-v1", &[&site.list(0)], 20);

    // The same commit gives the same policy, and it brings the ciphertext of its own appliance.
    let evaluated = || {
        let mut nix = Command::new("nix-instantiate");
        nix.args([
            "--eval",
            "--strict",
            "--json",
            "--store",
            "dummy://",
            "modules/policy/evaluate.nix",
            "--arg",
            "root",
        ]);
        let output = nix.args(["./.", "-A", "policies"]).current_dir(site.tree.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let policies = evaluated();
    assert_eq!(policies, evaluated());
    let sealed = |appliance: &str| policies["clinic-001"][appliance]["sealed"].as_object().unwrap().clone();
    assert_eq!(sealed("front-desk").keys().collect::<Vec<_>>(), ["backup", "vpn"]);
    assert_eq!(sealed("back-office").keys().collect::<Vec<_>>(), ["backup"]);
    assert_ne!(sealed("front-desk")["backup"], sealed("back-office")["backup"]);
}

#[test]
fn what_is_no_secret_of_the_site_or_too_weak_is_refused_and_nothing_is_written() {
    let site = Site::new();
    let refused = |arguments: &[&str], value: &[u8], says: &str| {
        let ran = site.set(arguments, value).ends(1);
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
        assert!(!ran.stderr.contains("horse"), "{}", ran.stderr);
        assert!(!site.age_file(FRONT, "backup").exists() && !site.age_file(BACK, "backup").exists());
    };
    refused(&["bakup"], VALUE, "did you mean `backup`?");
    refused(&["backup", "--appliance", "frontdesk"], VALUE, "did you mean `front-desk`?");
    refused(&["backup"], b"\n", "at least 8 characters");
    refused(&["backup"], b"horse  \n", "at least 8 characters");
    refused(&["backup"], &[b'x'; 32 * 1024 + 1], "at most 32 KiB");
    // A recipient that somebody else put there.
    fs::copy(site.tree.path().join(BACK).join("secrets.pub"), site.tree.path().join(FRONT).join("secrets.pub"))
        .unwrap();
    refused(&["backup"], VALUE, "not signed by this appliance's key.pub");
    assert_eq!(
        site.codes(),
        ["wrong-recipient", "secret-missing", "secret-missing", "secret-missing", "secret-missing"]
    );
    fs::remove_file(site.tree.path().join(FRONT).join("secrets.pub")).unwrap();
    refused(&["backup"], VALUE, "writ secret identity");
    // Never an argument.
    assert_eq!(site.set(&["backup", "horse battery"], VALUE).code, 2);
}

#[test]
fn a_key_is_made_once_and_its_public_half_shown_again() {
    let site = Site::new();
    let first = fs::read(site.key("front-desk.secrets.key")).unwrap();
    let again: Value = serde_json::from_str(&site.identify("front-desk", FRONT).ends(0).stdout).unwrap();
    assert_eq!((fs::read(site.key("front-desk.secrets.key")).unwrap(), &again["new"]), (first, &json!(false)));
    let public = site.tree.read(&format!("{FRONT}/secrets.pub"));
    assert!(public.contains(again["recipient"].as_str().unwrap()), "{public}");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |name: &str| fs::metadata(site.key(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("front-desk.secrets.key"), 0o600);
    // minisign knows nothing of us.
    let folder = site.tree.path().join(FRONT);
    let verified = Command::new("minisign").args(["-Vm", "secrets.pub", "-p", "key.pub"]).current_dir(folder).status();
    assert!(verified.unwrap().success());
    // What is damaged is never overwritten.
    fs::write(site.key("front-desk.secrets.key"), "AGE-SECRET-KEY-1DAMAGED").unwrap();
    let refused = site.identify("front-desk", FRONT).ends(1);
    assert!(refused.stderr.contains("never overwritten") && !refused.stderr.contains("1DAMAGED"), "{}", refused.stderr);
}

#[test]
fn another_value_takes_its_place_wherever_it_was() {
    let site = Site::new();
    let rotate = |arguments: &[&str], value: &[u8]| {
        site.writ(&[&["secret", "rotate", "--site", "clinic-001"], arguments].concat(), value)
    };
    assert!(rotate(&["backup"], VALUE).ends(1).stderr.contains("writ secret set --site clinic-001 backup"));
    site.set(&["backup", "--appliance", "front-desk"], VALUE).ends(0);
    let old = fs::read(site.age_file(FRONT, "backup")).unwrap();
    let printed = rotate(&["backup", "--generate", "32", "--print"], b"").ends(0).stdout;
    let value = site.decrypted("front-desk", &format!("{FRONT}/secrets/backup.age")).unwrap();
    assert_eq!((value.len(), String::from_utf8(value).unwrap()), (64, printed.trim().to_owned()));
    assert!(!site.age_file(BACK, "backup").exists(), "an appliance that had none got one");
    assert_ne!(fs::read(site.age_file(FRONT, "backup")).unwrap(), old);
    // Nothing is printed that nobody asked for.
    assert_eq!(rotate(&["backup", "--generate", "32"], b"").ends(0).stdout, "");

    assert!(rotate(&["--older-than", "365d"], b"").ends(0).stdout.contains("none was set longer"));
    let note = format!("{FRONT}/secrets/backup.toml");
    let year = site.tree.read(&note).split("set_at = \"").nth(1).unwrap()[..4].to_owned();
    let before = format!("set_at = \"{}", year.parse::<i32>().unwrap() - 2);
    site.tree.edit(&note, &format!("set_at = \"{year}"), &before);
    let old = rotate(&["--older-than", "365d"], b"").ends(1).stdout;
    assert!(old.contains("clinic-001/front-desk  backup  set "), "{old}");
}

#[test]
fn a_replaced_appliance_cannot_read_what_was_for_the_old_one() {
    let site = Site::new();
    site.set(&["backup"], VALUE).ends(0);
    site.set(&["vpn"], VALUE).ends(0);
    for name in ["front-desk.key", "front-desk.pub", "front-desk.secrets.key"] {
        fs::remove_file(site.key(name)).unwrap();
    }
    site.enrol("front-desk", FRONT);
    assert_eq!(site.decrypted("front-desk", &format!("{FRONT}/secrets/backup.age")), None);
    assert_eq!(site.codes(), ["secret-stale", "secret-stale"]);
    let stale = ["backup front-desk stale", "vpn front-desk stale"];
    let states = site.states(1);
    assert!(stale.iter().all(|one| states.iter().any(|state| state == one)), "{states:?}");
    site.set(&["backup", "--appliance", "front-desk"], VALUE).ends(0);
    site.set(&["vpn", "--appliance", "front-desk"], VALUE).ends(0);
    assert_eq!(site.codes(), [""; 0]);
}

#[test]
fn whatever_else_lies_there_is_told_and_never_shown() {
    let site = Site::new();
    for name in ["backup", "vpn"] {
        site.set(&[name], VALUE).ends(0);
    }
    let file = site.age_file(FRONT, "backup");
    let good = fs::read(&file).unwrap();
    let to = site.tree.read(&format!("{FRONT}/secrets.pub")).lines().nth(1).unwrap().to_owned();
    let age = |arguments: &[&str]| {
        let mut age = Command::new("age").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        age.stdin.take().unwrap().write_all(VALUE).unwrap();
        age.wait_with_output().unwrap().stdout
    };
    let line = good.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let altered = [&good[..line], b"AAAA", &good[line + 4..]].concat();
    let scrypt = {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::STANDARD;
        // 2^63 rounds, before anybody knows whether the passphrase is right.
        let text = format!("age-encryption.org/v1\n-> scrypt {0} 63\n{0}\n--- {0}\n", "A".repeat(43));
        format!(
            "-----BEGIN AGE ENCRYPTED FILE-----\n{}",
            engine
                .encode(text)
                .as_bytes()
                .chunks(64)
                .map(|c| format!("{}\n", String::from_utf8_lossy(c)))
                .collect::<String>()
        ) + "-----END AGE ENCRYPTED FILE-----\n"
    };
    let cases: [(&str, Vec<u8>, &[&str]); 6] = [
        ("plain text", b"correct horse battery".to_vec(), &["wrong-secret"]),
        ("altered", altered, &["wrong-secret"]),
        ("cut short", good[..good.len() / 2].to_vec(), &["wrong-secret"]),
        ("a bomb of work", scrypt.into_bytes(), &["wrong-secret"]),
        ("huge", vec![b'A'; 1 << 20], &["wrong-secret"]),
        ("of age, by hand", age(&["-a", "-r", &to]), &["secret-unnoted"]),
    ];
    for (what, bytes, codes) in cases {
        fs::write(&file, bytes).unwrap();
        let output = run(&site.tree, &["--no-cache"]);
        assert_eq!(site.codes(), codes, "{what}: {}", output.stdout);
        assert!(!output.stdout.contains("horse"), "{what}: {}", output.stdout);
    }
    // In age's binary form it is no text, which Nix says in its own words.
    fs::write(&file, age(&["-r", &to])).unwrap();
    let output = run(&site.tree, &["--no-cache"]);
    assert!(
        output.code != 0 && format!("{}{}", output.stdout, output.stderr).contains("backup.age"),
        "{}",
        output.stderr
    );
    fs::write(&file, &good).unwrap();
    assert_eq!(site.codes(), [""; 0]);

    site.tree.write(&format!("{FRONT}/secrets/backup"), "correct horse battery");
    assert_eq!(site.codes(), ["secret-in-clear"]);
    assert!(!run(&site.tree, &["--no-cache"]).stdout.contains("horse"));
    fs::remove_file(site.tree.path().join(FRONT).join("secrets/backup")).unwrap();
    site.tree.edit(SITE_FILE, " \"vpn\"", "");
    assert_eq!(site.codes(), ["secret-undeclared", "secret-undeclared"]);
    // Nobody has it.
    site.tree.edit(SITE_FILE, "[ \"backup\"", "[ \"backup\" \"api\"");
    assert_eq!(site.codes().iter().filter(|code| *code == "secret-missing").count(), 2);
}

#[test]
fn an_identity_in_the_repository_is_found() {
    let site = Site::new();
    site.tree.git(&["init", "--quiet"]);
    site.tree.git(&["config", "core.excludesFile", "/dev/null"]);
    site.tree.git(&["add", "--all"]);
    assert_eq!(site.codes(), ["secret-missing"; 4]);
    let stray = site.tree.path().join(FRONT).join("secrets.key");
    fs::copy(site.key("front-desk.secrets.key"), &stray).unwrap();
    site.tree.git(&["add", "--force", "hosts"]);
    assert!(site.codes().contains(&"secret-in-clear".to_owned()), "{:?}", site.codes());
    assert!(!run(&site.tree, &[]).stdout.contains("AGE-SECRET"));
    fs::remove_file(stray).unwrap();
    site.tree.git(&["add", "--all"]);
    // What git does not track, a flake does not see: neither an age file, nor its note.
    site.set(&["backup"], VALUE).ends(0);
    site.set(&["vpn"], VALUE).ends(0);
    assert_eq!(site.codes(), ["untracked-file"]);
}
