//! Policy files that git does not track: they count here, but a flake does not see them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use writ_policy::validate::Level;

use super::cache::reach::{How, reach};
use super::clear::nix_files;
use super::mistake::Mistake;
use super::source::LARGEST;
use super::{git, process, secret_keys};
use crate::secret::place::{FOLDER, PUBLIC, SIGNATURE};

/// The folders of a tree that policy is read from.
const FOLDERS: [&str; 4] = ["baselines", "rules", "hosts", "modules"];
/// The most files that are named; of more it is their kinds.
const MOST_NAMED: usize = 5;

/// One warning that names them. Where there is no git, or no repository, there is nothing to say.
pub fn mistake(root: &Path) -> Option<Mistake> {
    // Those that are ignored, too: a flake sees as little of them.
    let listed = ask(root, &["ls-files", "--others", "-z", "--"], &FOLDERS)?;
    let files = policy_files(root, listed.split('\0').filter(|file| !file.is_empty()));
    // Nobody should add a secret key.
    let files: Vec<&str> =
        files.iter().map(String::as_str).filter(|file| !secret_keys::holds_one(root, file)).collect();
    let message = match files.as_slice() {
        [] => return None,
        [file] => format!("git does not track {file}, so a flake does not see it"),
        _ => format!("git does not track {} policy files, so a flake does not see them", files.len()),
    };
    let force = if ask(root, &["check-ignore", "--"], &files[..files.len().min(100)]).is_some() { "-f " } else { "" };
    // A command to be pasted as it is.
    let named = if files.len() > MOST_NAMED { kinds(&files) } else { files.join(" ") };
    Some(Mistake {
        code: "untracked-file".to_owned(),
        severity: Level::Warning,
        message,
        expected: None,
        nearest: None,
        help: Some(format!("git add {force}{named}")),
        // For those who must name a file.
        path: files.first().map(|file| file.split('/').map(str::to_owned).collect()).unwrap_or_default(),
        place: None,
        related: Vec::new(),
        appliances: BTreeSet::new(),
    })
}

/// Patterns that git takes for many files. Whole folders would add what should not be there, such as secret keys, which
/// are ignored for that.
fn kinds(files: &[&str]) -> String {
    let kind = |file: &&str| match file {
        nix if nix.ends_with(".nix") => "'*.nix'".to_owned(),
        key if is_key(key) => "'*/key.pub'".to_owned(),
        secret if is_secret(secret) => "'hosts/*/*/secrets*'".to_owned(),
        other => other.to_string(),
    };
    files.iter().map(kind).collect::<BTreeSet<_>>().into_iter().take(MOST_NAMED).collect::<Vec<_>>().join(" ")
}

/// What a git command says of paths; none where it fails.
fn ask(root: &Path, arguments: &[&str], paths: &[&str]) -> Option<String> {
    let mut command = git::command(root);
    command.args(arguments).args(paths);
    let output = process::run(command, Duration::from_secs(20), 16 << 20).ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Those of the files that policy comes from: Nix files, keys of appliances, and what a Nix file beside them reads.
fn policy_files<'a>(root: &Path, files: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut read_in: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut is_policy = |file: &str| {
        let folder = folder(file);
        file.ends_with(".nix")
            || is_key(file)
            || is_secret(file)
            || read_in.entry(folder).or_insert_with_key(|f| read(root, f)).contains(file)
    };
    files.filter(|file| is_policy(file)).map(str::to_owned).collect()
}

/// Whether a file is the key of an appliance.
fn is_key(file: &str) -> bool {
    matches!(file.split('/').collect::<Vec<_>>().as_slice(), ["hosts", _, _, "key.pub"])
}

/// Whether a file is what an appliance's secrets are encrypted to, one of those, or a note of one.
fn is_secret(file: &str) -> bool {
    match file.split('/').collect::<Vec<_>>().as_slice() {
        ["hosts", _, _, name] => [PUBLIC, SIGNATURE].contains(name),
        ["hosts", _, _, FOLDER, name] => name.ends_with(".age") || name.ends_with(".toml"),
        _ => false,
    }
}

/// The folder in which whoever reads a file is looked for: that of its site, or else that of all that is of its kind.
fn folder(file: &str) -> String {
    let depth = if file.starts_with("hosts/") { 2 } else { 1 };
    file.split('/').take(depth).collect::<Vec<_>>().join("/")
}

/// The files that the Nix files below a folder read, as far as these show it.
fn read(root: &Path, folder: &str) -> BTreeSet<String> {
    let mut files = Vec::new();
    nix_files(&root.join(folder), &mut files, 0);
    let read = files.iter().filter_map(|file| {
        let small = fs::metadata(file).is_ok_and(|m| m.len() <= LARGEST);
        let text = small.then(|| fs::read_to_string(file).ok()).flatten().filter(|text| text.contains("readFile"))?;
        Some(reach(&text, file.strip_prefix(root).ok()?.to_str()?)?.links)
    });
    read.flatten().filter(|link| link.how == How::Read).map(|link| link.to).collect()
}
