//! A desk to work at: a folder with keys, a checkout of policies, a release folder, and `writ` at hand.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};

use tempfile::TempDir;

/// The passphrase of every locked key here.
pub const PASSPHRASE: &str = "correct horse battery staple";
/// The site that the repository describes.
pub const SITE: &str = "clinic-001";

pub struct Desk {
    directory: TempDir,
    /// The desk that this one is a copy of; it goes with the last of its copies.
    _pattern: Option<Arc<Desk>>,
}

/// A desk that is furnished once for all tests that run at the time; each works at a copy of its own.
pub struct Pattern(Mutex<Weak<Desk>>);

impl Pattern {
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub fn copy(&self, furnish: impl FnOnce() -> Desk) -> Desk {
        let pattern = {
            let mut known = self.0.lock().unwrap();
            known.upgrade().unwrap_or_else(|| {
                let furnished = Arc::new(furnish());
                *known = Arc::downgrade(&furnished);
                furnished
            })
        };
        let directory = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-a").arg(pattern.path(".")).arg(directory.path()).status().unwrap();
        assert!(copied.success());
        Desk { directory, _pattern: Some(pattern) }
    }
}

impl Desk {
    /// An empty desk with a passphrase file.
    pub fn empty() -> Self {
        let desk = Self { directory: tempfile::tempdir().unwrap(), _pattern: None };
        desk.put("pass", format!("{PASSPHRASE}\n"));
        desk
    }

    /// Keys of alice, bob and carol; a signed root that takes `needed` of them for releases; a checkout; no release yet.
    /// The keys are those of every such desk.
    pub fn ready(needed: u32) -> Self {
        static ONE: Pattern = Pattern::new();
        static SEVERAL: Pattern = Pattern::new();
        match needed {
            1 => ONE.copy(|| Self::furnished(1)),
            2 => SEVERAL.copy(|| Self::furnished(2)),
            needed => Self::furnished(needed),
        }
    }

    fn furnished(needed: u32) -> Self {
        let desk = Self::empty();
        for name in ["alice", "bob", "carol"] {
            desk.key(name);
        }
        desk.ok(&["keys", "new", "--name", "cache-1", "--out", "keys", "--role", "cache"]);
        let needed = format!("release={needed}");
        desk.ok(&[
            "trust",
            "init",
            "--out",
            "releases/trust/1.json",
            "--key",
            "keys/alice.pub:trust,release",
            "--key",
            "keys/bob.pub:release",
            "--key",
            "keys/carol.pub:release",
            "--key",
            "keys/cache-1.pub:cache",
            "--threshold",
            "trust=1",
            "--threshold",
            &needed,
        ]);
        desk.ok(&["trust", "sign", "releases/trust/1.json", "--key", "keys/alice.key", "--passphrase-file", "pass"]);
        fs::copy(desk.path("releases/trust/1.json"), desk.path("first-root.json")).unwrap();
        desk.checkout("flake");
        desk
    }

    /// A desk with release 1-1, signed by alice alone and published. The keys are those of every such desk.
    pub fn published() -> Self {
        static PUBLISHED: Pattern = Pattern::new();
        PUBLISHED.copy(|| {
            let desk = Self::ready(1);
            desk.release("draft-1");
            desk
        })
    }

    /// The same with keys of its own.
    pub fn of_others() -> Self {
        let desk = Self::furnished(1);
        desk.release("draft-1");
        desk
    }

    /// A locked key pair in `keys/`.
    pub fn key(&self, name: &str) {
        self.ok(&["keys", "new", "--name", name, "--out", "keys", "--kdf", "weak", "--passphrase-file", "pass"]);
    }

    /// A small site with keys for its appliances, committed.
    pub fn checkout(&self, name: &str) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&here.join("tests/trees/clinic"), &self.path(name));
        copy(&here.join("../../modules/policy"), &self.path(name).join("modules/policy"));
        self.admit(name);
    }

    /// The site of the repository, whose front desk has a system, instead of the small one. The checkout tracks the one
    /// static program that the system is built with.
    pub fn with_system(self) -> Self {
        let (repository, flake) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), self.path("flake"));
        fs::remove_dir_all(&flake).unwrap();
        for folder in ["baselines", "rules", "hosts/clinic-001", "modules/policy", "modules/minimal-system"] {
            copy(&repository.join(folder), &flake.join(folder));
        }
        let programs = flake.join(format!("hosts/{SITE}/busybox/bin"));
        fs::create_dir_all(&programs).unwrap();
        fs::copy("/bin/busybox", programs.join("busybox")).expect("busybox-static is installed");
        self.admit("flake");
        self
    }

    /// Gives every appliance of a checkout its key, made if there is none, and commits all of it.
    pub fn admit(&self, name: &str) {
        for appliance in fs::read_dir(self.path(name).join("hosts").join(SITE)).unwrap() {
            let appliance = appliance.unwrap().path();
            if appliance.join("policy.nix").exists() {
                let key = appliance.file_name().unwrap().to_str().unwrap();
                let public = self.path(&format!("keys/{key}.pub"));
                if !public.exists() {
                    self.ok(&["keys", "new", "--name", key, "--out", "keys", "--role", "appliance", "--no-passphrase"]);
                }
                fs::copy(public, appliance.join("key.pub")).unwrap();
            }
        }
        self.git(name, &["init", "--quiet"]);
        self.commit(name);
    }

    /// Commits everything in a checkout.
    pub fn commit(&self, name: &str) {
        self.git(name, &["add", "--all"]);
        let who = ["-c", "user.name=desk", "-c", "user.email=desk@example", "-c", "commit.gpgsign=false"];
        self.git(name, &[&who[..], &["commit", "--quiet", "--message", "change"]].concat());
    }

    pub fn git(&self, checkout: &str, arguments: &[&str]) {
        let output = Command::new("git").arg("-C").arg(self.path(checkout)).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Changes a text in a file of the checkout, and commits it.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path("flake").join(file);
        let before = fs::read_to_string(&path).unwrap();
        assert!(before.contains(from), "{file} does not say {from:?}");
        fs::write(&path, before.replacen(from, to, 1)).unwrap();
        self.commit("flake");
    }

    /// A change that every release may have: a new title of the site.
    pub fn retitle(&self, title: &str) {
        let path = self.path(&format!("flake/hosts/{SITE}/site.nix"));
        let before = fs::read_to_string(&path).unwrap();
        let start = before.find("title = \"").unwrap() + "title = \"".len();
        let end = start + before[start..].find('"').unwrap();
        fs::write(&path, format!("{}{title}{}", &before[..start], &before[end..])).unwrap();
        self.commit("flake");
    }

    pub fn draft(&self, to: &str) -> String {
        self.ok(&["release", "draft", "--flake", "flake", "--site", SITE, "--previous", "releases", "--to", to])
    }

    pub fn sign(&self, draft: &str, key: &str) -> String {
        self.ok(&self.sign_arguments(draft, &format!("keys/{key}.key")).each_ref().map(String::as_str))
    }

    pub fn sign_arguments(&self, draft: &str, key: &str) -> [String; 11] {
        [
            "release",
            "sign",
            draft,
            "--key",
            key,
            "--passphrase-file",
            "pass",
            "--flake",
            "flake",
            "--previous",
            "releases",
        ]
        .map(str::to_owned)
    }

    pub fn sign_refused(&self, draft: &str, key: &str) -> String {
        self.refused(&self.sign_arguments(draft, &format!("keys/{key}.key")).each_ref().map(String::as_str))
    }

    pub fn publish(&self, draft: &str) -> String {
        self.ok(&["release", "publish", draft, "--to", "releases"])
    }

    /// Drafts, signs with alice's key, publishes.
    pub fn release(&self, draft: &str) {
        self.draft(draft);
        self.sign(draft, "alice");
        self.publish(draft);
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub fn put(&self, relative: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(relative), content).unwrap();
    }

    pub fn read(&self, relative: &str) -> Vec<u8> {
        fs::read(self.path(relative)).unwrap()
    }

    /// Every file below a folder with its content, sorted.
    pub fn files(&self, relative: &str) -> Vec<(String, Vec<u8>)> {
        fn walk(root: &Path, path: &Path, found: &mut Vec<(String, Vec<u8>)>) {
            for entry in fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    walk(root, &path, found);
                } else if !path.is_symlink() {
                    found.push((path.strip_prefix(root).unwrap().display().to_string(), fs::read(&path).unwrap()));
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.path(relative), &self.path(relative), &mut found);
        found.sort();
        found
    }

    /// The names of the files of a folder.
    pub fn names(&self, relative: &str) -> Vec<String> {
        self.files(relative).into_iter().map(|(name, _)| name).collect()
    }

    /// Flips one bit in the middle of a file.
    pub fn flip(&self, relative: &str) {
        let mut bytes = self.read(relative);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.put(relative, bytes);
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        // No cache on the network to ask, and a sandbox that finds its shell.
        command.env("NIX_CONFIG", "substituters =\nsandbox-paths = /bin/sh=/bin/busybox");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        for stream in [&output.stdout, &output.stderr] {
            assert!(!contains(stream, PASSPHRASE.as_bytes()), "the passphrase was printed by {arguments:?}");
            assert!(!contains(stream, b"panicked"), "{arguments:?}: {}", String::from_utf8_lossy(stream));
        }
        output
    }

    /// Runs `writ` and expects exit code 0; returns what it printed.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        self.expect(arguments, 0).0
    }

    /// Runs `writ` and expects exit code 1; returns what it said on standard error.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> String {
        self.expect(arguments, 1).1
    }

    /// Runs `writ` and expects exit code 2; returns what it said on standard error.
    #[track_caller]
    pub fn could_not(&self, arguments: &[&str]) -> String {
        self.expect(arguments, 2).1
    }

    /// Runs `writ` and expects an exit code; returns both outputs.
    #[track_caller]
    pub fn expect(&self, arguments: &[&str], code: i32) -> (String, String) {
        let output = self.run(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "writ {arguments:?}\n{out}\n{err}");
        (out, err)
    }

    /// Whether the real minisign accepts a signature.
    pub fn minisign_accepts(&self, document: &str, signature: &str, public_key: &str) -> bool {
        let paths = [document, signature, public_key].map(|file| self.path(file));
        let mut command = Command::new("minisign");
        command.arg("-Vm").arg(&paths[0]).arg("-x").arg(&paths[1]).arg("-p").arg(&paths[2]);
        command.output().expect("minisign is installed").status.success()
    }

    /// The id of a key in `keys/`.
    pub fn key_id(&self, name: &str) -> String {
        let shown = self.ok(&["keys", "show", "--json", &format!("keys/{name}.pub")]);
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        shown["key_id"].as_str().unwrap().to_owned()
    }
}

pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        // Of a developer's tree: keys and tools that are not part of the repository.
        if name == "key.pub" || name == "busybox" || name.as_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}
