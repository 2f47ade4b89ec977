//! The file in which results are kept: a line of JSON for the run, one for each site, and the digest of all of them.
//!
//! It is as good as its owner: only a file that belongs to the user, in a folder that nobody else may write to, is read.
//! What is damaged, from another version, or too large is as if it were not there. Written whole and renamed; not
//! synced, because a power cut costs nothing but time.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;

use super::super::clear::InClear;
use super::super::examine::SiteResult;
use super::super::judge::{Checks, Holds};
use super::super::mistake::Mistake;
use super::super::output::{Appliance, Site};

/// The most bytes of the file.
const LARGEST: usize = 64 << 20;
/// The most bytes of what was found at one site: one with more mistakes is looked at again.
const LARGEST_ENTRY: usize = 64 << 10;
/// The most trees of which results are kept.
const MOST_TREES: usize = 32;

/// One site's result, and what it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The digest of the site's files.
    pub content: Digest,
    /// What came of it.
    pub result: SiteResult,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// What all sites depend on.
    common: Digest,
    /// The sets of checks that sites have.
    checks: Vec<Checks>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    content: Digest,
    site: String,
    title: Option<String>,
    appliances: Vec<(String, bool)>,
    keys: Vec<(String, String)>,
    families: Option<Vec<String>>,
    told: Vec<Mistake>,
    found: Vec<Mistake>,
    clear: Vec<InClear>,
    /// Which set of checks.
    checks: usize,
    holds: Holds,
}

/// The entries of a file that were made under `common`; none where there is nothing of use.
pub fn read(file: &Path, common: Digest) -> Vec<Entry> {
    if !is_ours(file) || !file.parent().is_some_and(is_ours) {
        return Vec::new();
    }
    let bytes = writ_durable::read_bounded(file, LARGEST).unwrap_or_default();
    parse(&bytes, common).unwrap_or_default()
}

fn parse(bytes: &[u8], common: Digest) -> Option<Vec<Entry>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (body, end) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    if end != Digest::of(body.as_bytes()).to_string() {
        return None;
    }
    let mut lines = body.lines();
    let head: Head = serde_json::from_str(lines.next()?).ok()?;
    if head.common != common {
        return None;
    }
    let checks: Vec<Arc<Checks>> = head.checks.into_iter().map(Arc::new).collect();
    lines.map(|line| entry(serde_json::from_str(line).ok()?, &checks)).collect()
}

fn entry(line: Line, checks: &[Arc<Checks>]) -> Option<Entry> {
    let appliances = line.appliances.into_iter().map(|(appliance, composed)| Appliance { appliance, composed });
    let result = SiteResult {
        site: Site { site: line.site, title: line.title, appliances: appliances.collect() },
        keys: line.keys,
        families: line.families,
        told: line.told,
        found: line.found,
        clear: line.clear,
        checks: Arc::clone(checks.get(line.checks)?),
        holds: line.holds,
    };
    Some(Entry { content: line.content, result })
}

/// Replaces a file, and makes its folder. Of a site with too many mistakes nothing is kept.
pub fn write(file: &Path, common: Digest, entries: &[Entry]) -> std::io::Result<()> {
    let folder = file.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if !is_ours(folder) {
        return Err(std::io::ErrorKind::PermissionDenied.into());
    }
    let bytes = printed(common, entries)?;
    if bytes.len() > LARGEST {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(&bytes)?;
    temporary.persist(file)?;
    prune(folder);
    Ok(())
}

fn printed(common: Digest, entries: &[Entry]) -> serde_json::Result<Vec<u8>> {
    let mut checks: Vec<&Arc<Checks>> = Vec::new();
    let mut numbers: HashMap<&Checks, usize> = HashMap::new();
    // Most are the very same set: to compare those by content would cost as much as to write them.
    let mut seen: HashMap<*const Checks, usize> = HashMap::new();
    let mut lines = Vec::with_capacity(entries.len());
    for Entry { content, result } in entries {
        let pointer = Arc::as_ptr(&result.checks);
        let known = seen.get(&pointer).or_else(|| numbers.get(&*result.checks)).copied();
        let at = known.unwrap_or(checks.len());
        let appliances = result.site.appliances.iter().map(|a| (a.appliance.clone(), a.composed)).collect();
        let line = serde_json::to_string(&Line {
            content: *content,
            site: result.site.site.clone(),
            title: result.site.title.clone(),
            appliances,
            keys: result.keys.clone(),
            families: result.families.clone(),
            told: result.told.clone(),
            found: result.found.clone(),
            clear: result.clear.clone(),
            checks: at,
            holds: result.holds,
        })?;
        if line.len() > LARGEST_ENTRY {
            continue;
        }
        lines.push(line);
        if known.is_none() {
            checks.push(&result.checks);
            numbers.insert(&result.checks, at);
        }
        seen.insert(pointer, at);
    }
    let checks = checks.into_iter().map(|checks| (**checks).clone()).collect();
    let mut text = serde_json::to_string(&Head { common, checks })?;
    for line in lines {
        text.push('\n');
        text.push_str(&line);
    }
    let digest = Digest::of(text.as_bytes());
    text.push_str(&format!("\n{digest}\n"));
    Ok(text.into_bytes())
}

/// Says that a file is of use: those that were not for longest are removed first.
pub fn touch(file: &Path) {
    // It costs nothing but time when this fails.
    let _ = fs::File::open(file).and_then(|file| file.set_modified(crate::clock::of_files()));
}

/// Whether a file or folder belongs to the user, and nobody else may write to it. A link is neither.
fn is_ours(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|m| !m.is_symlink() && m.uid() == rustix::process::geteuid().as_raw() && m.mode() & 0o022 == 0)
}

/// Removes what is kept of the trees that were not looked at for longest, beyond a number.
fn prune(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, PathBuf)> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    files.sort();
    let surplus = files.len().saturating_sub(MOST_TREES);
    for (_, file) in files.into_iter().take(surplus) {
        // Another run may have removed it.
        let _ = fs::remove_file(file);
    }
}
