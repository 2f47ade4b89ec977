//! Results of earlier runs: of a thousand sites, hardly one has changed since.
//!
//! A site's result is taken from an earlier run only where everything that it depends on is the same, by content: this
//! program and Nix, the policy library (exactly the one that this version is built with), baselines and rules, and every
//! file in the folder of the site; and where the calendar says the same of its exceptions. It is kept only where that is
//! known to be all (see `reach`), where none of these files had to be left out, and where all of it is the same after the
//! run as it was before. Whatever is in doubt is a miss: then the site is looked at.

mod content;
mod depends;
mod index;
mod library;
pub mod reach;

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs, thread};

use writ_trust::digest::Digest;
use writ_trust::time::Time;

use self::content::Content;
pub use self::content::plain;
use self::index::Entry;
use super::examine::SiteResult;
use super::tree::Tree;

/// Named in what all results depend on: another form of the file is another name.
const FORM: &str = "writ.check-results.v1";

/// The results that are kept of one tree.
pub struct Cache<'a> {
    tree: &'a Tree,
    file: PathBuf,
    /// What all sites depend on.
    common: Digest,
    entries: HashMap<String, Entry>,
    /// Whether this run, or one before under the same `common`, knows what baselines and rules read.
    shared_known: bool,
    /// The sites of this run as they were before it.
    before: BTreeMap<String, Digest>,
}

impl<'a> Cache<'a> {
    /// What is kept of a tree; none where nothing can be kept, whatever the reason.
    pub fn open(tree: &'a Tree) -> Option<Self> {
        let folder = folder()?;
        let common = common(tree)?;
        let file = folder.join(format!("{}.jsonl", Digest::of(tree.root.to_str()?.as_bytes()).hex()));
        let entries: HashMap<String, Entry> =
            index::read(&file, common).into_iter().map(|entry| (entry.result.site.site.clone(), entry)).collect();
        let shared_known = !entries.is_empty();
        Some(Self { tree, file, common, entries, shared_known, before: BTreeMap::new() })
    }

    /// Of these sites, the results that still hold at `now`.
    pub fn hits(&mut self, sites: &[String], now: Time) -> Vec<SiteResult> {
        self.before = digests(&self.tree.root, sites);
        let hit = |site: &String| {
            let entry = self.entries.get(site)?;
            let same = self.before.get(site) == Some(&entry.content);
            (same && entry.result.holds.at(now)).then(|| entry.result.clone())
        };
        sites.iter().filter_map(hit).collect()
    }

    /// Keeps results of this run. `reads` are the files that the lists of baselines and rules name. A failure to write is
    /// none of the run.
    pub fn keep(mut self, fresh: Vec<&SiteResult>, reads: Option<&[String]>) {
        let sites = self.tree.sites();
        let count = self.entries.len();
        self.entries.retain(|site, _| sites.binary_search(site).is_ok());
        let gone = self.entries.len() < count;
        let fresh: Vec<&SiteResult> =
            fresh.into_iter().filter(|result| self.before.contains_key(&result.site.site)).collect();
        if fresh.is_empty() && !gone {
            if count > 0 {
                index::touch(&self.file);
            }
            return;
        }
        let Some(shared) = self.shared(reads) else { return };
        let kept = in_parallel(&fresh, |result| self.entry(result, &shared));
        // Whatever all depend on may have changed meanwhile.
        if common(self.tree) != Some(self.common) {
            return;
        }
        for (result, entry) in fresh.iter().zip(kept) {
            self.entries.remove(&result.site.site);
            self.entries.extend(entry.map(|entry| (result.site.site.clone(), entry)));
        }
        let mut entries: Vec<Entry> = self.entries.into_values().collect();
        entries.sort_by(|a, b| a.result.site.site.cmp(&b.result.site.site));
        let _ = index::write(&self.file, self.common, &entries);
    }

    /// Baselines and rules, where it is known what they depend on.
    fn shared(&self, reads: Option<&[String]>) -> Option<Vec<Content>> {
        let shared: Vec<Content> = depends::SHARED
            .iter()
            .filter(|folder| exists(&self.tree.root.join(folder)))
            .map(|folder| Content::read(&self.tree.root, folder))
            .collect::<Option<_>>()?;
        let lists = depends::SHARED.iter().flat_map(|folder| depends::LISTS.map(|list| format!("{folder}/{list}")));
        let roots = lists.chain(reads?.iter().cloned());
        let content: Vec<&Content> = shared.iter().collect();
        (self.shared_known || depends::only_on(&content, &depends::SHARED, roots)).then_some(shared)
    }

    /// What is kept of one site; none where it has changed since, or where it is not known what it depends on.
    fn entry(&self, result: &SiteResult, shared: &[Content]) -> Option<Entry> {
        let name = &result.site.site;
        let folder = format!("hosts/{name}");
        let own = Content::read(&self.tree.root, &folder)?;
        let before = *self.before.get(name)?;
        let within: Vec<&str> = depends::SHARED.iter().copied().chain([folder.as_str()]).collect();
        let content: Vec<&Content> = shared.iter().chain([&own]).collect();
        let known = own.digest() == before && depends::only_on(&content, &within, depends::roots_of(name, &own));
        known.then(|| Entry { content: before, result: result.clone() })
    }
}

/// The folder in which results are kept.
fn folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache =
        absolute("XDG_CACHE_HOME").or_else(|| cache_of(&absolute("HOME")?, rustix::process::geteuid().as_raw()))?;
    Some(cache.join("writ/check"))
}

/// The cache of a user whose home this is. In somebody else's, as with `sudo`, what is written would stand in the way of
/// who lives there.
fn cache_of(home: &Path, user: u32) -> Option<PathBuf> {
    (fs::metadata(home).ok()?.uid() == user).then(|| home.join(".cache"))
}

/// The digest of what all sites of a tree depend on; none where that cannot be told.
fn common(tree: &Tree) -> Option<Digest> {
    let mut parts = vec![
        FORM.to_owned(),
        identity(&env::current_exe().ok()?)?,
        identity(&tree.program)?,
        tree.root.to_str()?.to_owned(),
        library::of_tree(&Content::read(&tree.root, library::FOLDER)?)?.to_string(),
    ];
    // Sites whose names are not text are in no list of ours.
    for entry in fs::read_dir(tree.root.join("hosts")).ok()? {
        entry.ok()?.file_name().to_str()?;
    }
    for folder in depends::SHARED {
        let content = match exists(&tree.root.join(folder)) {
            true => Content::read(&tree.root, folder)?.digest().to_string(),
            false => String::new(),
        };
        parts.push(content);
    }
    Some(Digest::of(serde_json::to_string(&parts).ok()?.as_bytes()))
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Which program a file is: another one that is put in its place is another file, or was changed at another time.
fn identity(program: &Path) -> Option<String> {
    let path = program.canonicalize().ok()?;
    let m = fs::metadata(&path).ok()?;
    let times = [m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec()];
    Some(format!("{} {} {} {} {times:?}", path.to_str()?, m.dev(), m.ino(), m.size()))
}

/// The digests of the folders of sites; those that have none are left out.
fn digests(root: &Path, sites: &[String]) -> BTreeMap<String, Digest> {
    let digest = |site: &String| Some(Content::read(root, &format!("hosts/{site}"))?.digest());
    let all = in_parallel(sites, digest);
    sites.iter().zip(all).filter_map(|(site, digest)| Some((site.clone(), digest?))).collect()
}

/// Runs `work` over the items on all processors, in order of the items.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    if processors == 1 || items.len() < 2 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(items.len().div_ceil(processors))
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<R>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_in_the_home_of_somebody_else() {
        let home = tempfile::tempdir().unwrap();
        let user = rustix::process::geteuid().as_raw();
        assert_eq!(cache_of(home.path(), user), Some(home.path().join(".cache")));
        assert_eq!(cache_of(home.path(), user ^ 1), None);
        assert_eq!(cache_of(&home.path().join("gone"), user), None);
    }
}
