//! Secret keys among the files that git tracks, or that a flake would see: whoever reads those has them.
//!
//! A key is a line of its own that really is one: of minisign by what it decodes into, of a binary cache of Nix by its
//! two halves, so that a signature, which looks the same, is none. Nothing of it is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_age::Identity;
use writ_nix::cache_key::CacheKey;
use writ_policy::validate::Level;
use zeroize::Zeroizing;

use super::mistake::{Mistake, SECRET};
use super::source::Sources;
use super::told::placed;
use super::{git, process};

/// The largest file that is looked into, in bytes: a key file has some hundred.
const LARGEST: u64 = 16 * 1024;
/// The deepest folder, and the most files, that are looked into without git.
const DEEPEST: usize = 8;
const MOST_FILES: usize = 20_000;
/// What git looks for: the first bytes of minisign's secret keys, 64 bytes behind a name, and what age's begin with.
const PATTERNS: [&str; 3] = ["RW(RTY0Iy|QAAEIy)", ":[A-Za-z0-9+/]{86}==", "AGE-SECRET-KEY-1"];

/// A secret key that a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// Of minisign, as it is or locked with a passphrase.
    Minisign { locked: bool },
    /// Of a binary cache of Nix.
    Cache,
    /// Of age: what decrypts an appliance's secrets.
    Age,
}

/// A file that holds a secret key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    /// The way from the root of the tree; above it, with `..`.
    file: String,
    /// From 1.
    line: u32,
    key: Key,
    /// Whether git has it; else a flake would see it.
    tracked: bool,
}

/// What came of looking for secret keys.
#[derive(Debug, Default)]
pub struct Looked {
    /// The files that hold one.
    held: Vec<Held>,
    /// Why not everything was looked into.
    unseen: Option<String>,
}

/// Looks into every file that git tracks in the tree's repository; without a repository, that a flake would see.
pub fn look(root: &Path) -> Looked {
    let tracked = root.ancestors().any(|folder| folder.join(".git").exists());
    let (files, unseen) = if tracked {
        candidates(root).map_or_else(|why| (Vec::new(), Some(why)), |files| (files, None))
    } else if root.join("flake.nix").is_file() {
        let mut files = Vec::new();
        let unseen = walk(root, &mut files, 0).err();
        let named = |file: &PathBuf| Some(file.strip_prefix(root).ok()?.to_str()?.to_owned());
        (files.iter().filter_map(named).collect(), unseen)
    } else {
        return Looked::default();
    };
    Looked { held: files.into_iter().filter_map(|file| in_file(root, file, tracked)).collect(), unseen }
}

/// Whether a file below the root holds a secret key.
pub fn holds_one(root: &Path, file: &str) -> bool {
    in_file(root, file.to_owned(), false).is_some()
}

/// The files in which git finds what may be a key, or why it cannot say.
fn candidates(root: &Path) -> Result<Vec<String>, String> {
    let search = |syntax: &str| {
        let mut command = git::command(root);
        // One thread takes no longer than several that wait for each other, and leaves the others to Nix.
        command.args(["-c", "grep.threads=1", "grep", "--files-with-matches", "--null", "--text", syntax]);
        command.args(PATTERNS.iter().flat_map(|pattern| ["-e", pattern])).args(["--", ":/"]).env("LC_ALL", "C");
        process::run(command, Duration::from_secs(20), 1 << 20).map_err(|e| e.to_string())
    };
    // Takes half of the time, where git is built with it.
    let mut output = search("--perl-regexp")?;
    if output.status.code() == Some(128) {
        output = search("--extended-regexp")?;
    }
    // Without a match it ends with 1.
    if !matches!(output.status.code(), Some(0 | 1)) {
        return Err(said(&output, root));
    }
    let listed = String::from_utf8_lossy(&output.stdout);
    Ok(listed.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect())
}

/// What git says of its failure, without where the tree lies.
fn said(output: &process::Output, root: &Path) -> String {
    let mut lines = output.stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let line =
        lines.next().map_or_else(|| format!("git ended ({})", output.status), |line| format!("git says: {line}"));
    // The repository may be that of a folder above.
    let above = root.ancestors().filter(|folder| folder.parent().is_some()).map(|folder| folder.display().to_string());
    above.fold(line, |line, folder| line.replace(&format!("{folder}/"), "").replace(&folder, "."))
}

/// The files below a folder, or why they are not all of them.
fn walk(folder: &Path, files: &mut Vec<PathBuf>, depth: usize) -> Result<(), String> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(|e| format!("a folder cannot be read: {e}"))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut whole = Ok(());
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEEPEST => whole = walk(&entry.path(), files, depth + 1).and(whole),
            Ok(kind) if kind.is_dir() => whole = Err(format!("a folder is more than {DEEPEST} deep")),
            Ok(kind) if kind.is_file() && files.len() < MOST_FILES => files.push(entry.path()),
            Ok(kind) if kind.is_file() => whole = Err(format!("there are more than {MOST_FILES} files")),
            _ => {}
        }
    }
    whole
}

fn in_file(root: &Path, file: String, tracked: bool) -> Option<Held> {
    let path = root.join(&file);
    let small = fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= LARGEST);
    let text = Zeroizing::new(small.then(|| fs::read(&path).ok())??);
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().enumerate().take(1000);
    let (at, key) = lines.filter_map(|(at, line)| Some((at, key(line.trim())?))).next()?;
    Some(Held { file, line: u32::try_from(at).ok()?.saturating_add(1), key, tracked })
}

/// The key that a line is.
fn key(line: &str) -> Option<Key> {
    if line.starts_with("AGE-SECRET-KEY-1") {
        return Identity::parse(line).is_ok().then_some(Key::Age);
    }
    if line.contains(':') {
        return CacheKey::parse(line).is_ok().then_some(Key::Cache);
    }
    if line.len() != 212 || !line.starts_with("RW") {
        return None;
    }
    let bytes = Zeroizing::new(STANDARD.decode(line).ok()?);
    // Ed25519; scrypt or no lock; BLAKE2b (minisign(1)).
    match bytes.get(2..6)? {
        b"ScB2" => Some(Key::Minisign { locked: true }),
        b"\0\0B2" => Some(Key::Minisign { locked: false }),
        _ => None,
    }
}

/// The mistakes that they are, and that not everything was looked into.
pub fn mistakes(looked: &Looked, sources: &Sources) -> Vec<Mistake> {
    let unseen = looked.unseen.as_deref().map(unseen);
    looked.held.iter().map(|held| mistake(held, sources)).chain(unseen).collect()
}

fn unseen(why: &str) -> Mistake {
    Mistake {
        code: "search-failed".to_owned(),
        severity: Level::Warning,
        message: format!("not every file was searched for secret keys: {why}"),
        expected: None,
        nearest: None,
        help: Some("until it was, nobody knows whether the repository has one".to_owned()),
        path: Vec::new(),
        place: None,
        related: Vec::new(),
        appliances: Default::default(),
    }
}

/// Says what a key file holds that Nix can only say is no public key.
pub fn named(root: &Path, told: &mut [Mistake], sources: &Sources) {
    for wrong in told.iter_mut().filter(|mistake| mistake.code == "wrong-key") {
        let file = wrong.place.as_ref().map(|place| place.file.clone());
        if let Some(held) = file.and_then(|file| in_file(root, file, true)) {
            *wrong = Mistake { appliances: std::mem::take(&mut wrong.appliances), ..mistake(&held, sources) };
        }
    }
}

fn mistake(held: &Held, sources: &Sources) -> Mistake {
    let Held { file, line, key, tracked } = held;
    let of = match key {
        Key::Cache => "secret key of a binary cache",
        Key::Age => "secret key of age",
        Key::Minisign { .. } => "secret key",
    };
    let who = if *tracked { "whoever reads the repository or its history" } else { "whoever reads this tree" };
    let has = match key {
        Key::Minisign { locked: true } => format!("{who} needs only its passphrase"),
        _ => format!("{who} has it"),
    };
    let public = file.ends_with(".pub");
    let is = if public { format!("holds a {of}, not the public one") } else { format!("is a {of}") };
    let instead = if public { ", and put its public key (NAME.pub) here" } else { "" };
    let source = sources.get(file).filter(|_| !file.starts_with("../"));
    Mistake {
        code: SECRET.to_owned(),
        severity: Level::Error,
        message: format!("{file} {is}: {has}"),
        expected: Some("no secret key in the tree".to_owned()),
        nearest: None,
        help: Some(match key {
            Key::Age => "make a new one on the appliance (writ secret identity), put its secrets.pub here, and set every secret \
                         anew: whoever has this one can decrypt those that lie in the history"
                .to_owned(),
            _ => format!(
                "make a new one outside of the tree (writ keys new … --out ../keys){instead}; revoke this one where it counts"
            ),
        }),
        path: file.split('/').map(str::to_owned).collect(),
        place: source.map(|source| placed(file, &source, source.line(*line))),
        related: Vec::new(),
        appliances: Default::default(),
    }
}
