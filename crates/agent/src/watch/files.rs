//! Watching paths with inotify(7), whether they are there yet or not.
//!
//! A path is watched through its parent directory, so that its being replaced, removed and made anew is seen; while the
//! parent is missing, through the deepest ancestor that is there. A directory's own entries are watched too, and for a
//! symbolic link also the parent of what it leads to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use tracing::{debug, warn};

use super::Topic;
use super::account::Standing;

/// How long it takes until what could not be watched is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// Watched paths and what each is about.
pub struct Files {
    inotify: Inotify,
    /// The same, to be polled.
    descriptor: Arc<OwnedFd>,
    watches: Watches,
    /// Every path that is asked for, and what links lead to, with its topics.
    wanted: BTreeMap<PathBuf, Vec<Topic>>,
    /// What is wanted through links, by where they lead.
    through: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    by_directory: HashMap<PathBuf, WatchDescriptor>,
    directories: HashMap<WatchDescriptor, PathBuf>,
    /// Directories that are there and cannot be watched, and why.
    refused: BTreeMap<PathBuf, String>,
    retry_at: Option<Instant>,
    /// What is to be told although nothing came: of what could not be watched, and can be now.
    missed: BTreeSet<Topic>,
}

const SHAPE: EventMask =
    EventMask::CREATE.union(EventMask::MOVED_TO).union(EventMask::MOVED_FROM).union(EventMask::DELETE);
const OWN: EventMask =
    EventMask::DELETE_SELF.union(EventMask::MOVE_SELF).union(EventMask::IGNORED).union(EventMask::UNMOUNT);

impl Files {
    /// Watches nothing yet.
    pub fn new() -> io::Result<Self> {
        let inotify = Inotify::init()?;
        Ok(Self {
            descriptor: Arc::new(inotify.as_fd().try_clone_to_owned()?),
            watches: inotify.watches(),
            inotify,
            wanted: BTreeMap::new(),
            through: BTreeMap::new(),
            by_directory: HashMap::new(),
            directories: HashMap::new(),
            refused: BTreeMap::new(),
            retry_at: None,
            missed: BTreeSet::new(),
        })
    }

    /// What is polled.
    pub fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.descriptor)
    }

    /// Watches exactly these paths from now on.
    pub fn set(&mut self, wanted: impl IntoIterator<Item = (PathBuf, Topic)>) {
        self.wanted.clear();
        for (path, topic) in wanted {
            self.wanted.entry(path).or_default().push(topic);
        }
        self.arm_all();
    }

    /// Takes what has come, when something has, and tries again what could not be watched.
    ///
    /// # Errors
    /// When nothing will come any more.
    pub fn take(&mut self, ready: bool) -> io::Result<BTreeSet<Topic>> {
        let mut topics = Vec::new();
        if ready {
            let mut buffer = [0; 16 * 1024];
            match self.inotify.read_events(&mut buffer) {
                Ok(events) => {
                    for event in events {
                        self.take_one(&event.wd, event.mask, event.name.map(Path::new), &mut topics);
                    }
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                Err(e) => return Err(e),
            }
        }
        if self.retry_at.is_some_and(|at| Instant::now() >= at) {
            self.arm_all();
        }
        topics.extend(std::mem::take(&mut self.missed));
        Ok(topics.into_iter().collect())
    }

    /// How much is watched.
    pub fn standing(&self) -> Standing {
        let why = self.refused.values().next().cloned();
        let (watches, missing) = (self.by_directory.len() as u64, self.refused.len() as u64);
        Standing { watches: Some(watches), missing, why, ..Standing::default() }
    }

    fn take_one(&mut self, wd: &WatchDescriptor, mask: EventMask, name: Option<&Path>, topics: &mut Vec<Topic>) {
        if mask.contains(EventMask::Q_OVERFLOW) {
            topics.extend(self.wanted.values().flatten().cloned());
            self.arm_all();
            return;
        }
        let Some(directory) = self.directories.get(wd).cloned() else { return };
        if mask.intersects(OWN) {
            if mask.intersects(EventMask::IGNORED.union(EventMask::UNMOUNT).union(EventMask::MOVE_SELF)) {
                self.forget(&directory);
            }
            self.tell_below(&directory, topics);
            return;
        }
        let full = name.map_or_else(|| directory.clone(), |name| directory.join(name));
        for path in [&full, &directory].into_iter().chain(self.through.get(&full).into_iter().flatten()) {
            topics.extend(self.wanted.get(path).into_iter().flatten().cloned());
        }
        if mask.intersects(SHAPE) {
            self.tell_below(&full, topics);
        }
    }

    /// A path came or went: what is wanted at or below it may have changed, and is armed anew.
    fn tell_below(&mut self, path: &Path, topics: &mut Vec<Topic>) {
        let direct = self.wanted.range(path.to_owned()..).take_while(|(wanted, _)| wanted.starts_with(path));
        let linked = self.through.range(path.to_owned()..).take_while(|(target, _)| target.starts_with(path));
        let mut affected: Vec<PathBuf> = direct.map(|(wanted, _)| wanted.clone()).collect();
        affected.extend(linked.flat_map(|(_, wanted)| wanted).cloned());
        for wanted in affected {
            self.arm(&wanted);
            topics.extend(self.wanted.get(&wanted).into_iter().flatten().cloned());
        }
    }

    fn arm_all(&mut self) {
        self.through.clear();
        let refused = std::mem::take(&mut self.refused);
        self.retry_at = None;
        let wanted: Vec<PathBuf> = self.wanted.keys().cloned().collect();
        let mut needed = Vec::new();
        for path in wanted {
            needed.extend(self.arm(&path));
        }
        let surplus: Vec<PathBuf> = self.by_directory.keys().filter(|d| !needed.contains(d)).cloned().collect();
        for directory in surplus {
            if let Some(wd) = self.by_directory.get(&directory) {
                let _ = self.watches.remove(wd.clone());
            }
            self.forget(&directory);
        }
        // Whatever happened there meanwhile was not heard.
        let mut missed = Vec::new();
        for directory in refused.into_keys() {
            if !self.refused.contains_key(&directory) {
                self.tell_below(&directory, &mut missed);
            }
        }
        self.missed.extend(missed);
    }

    fn forget(&mut self, directory: &Path) {
        if let Some(wd) = self.by_directory.remove(directory) {
            self.directories.remove(&wd);
        }
    }

    /// Watches all that a wanted path needs; gives the directories.
    fn arm(&mut self, path: &Path) -> Vec<PathBuf> {
        let mut directories = self.arm_way(path);
        let Ok(metadata) = path.symlink_metadata() else { return directories };
        if metadata.is_dir() && self.watch(path) {
            directories.push(path.to_owned());
        }
        // A link may lead elsewhere by now, as often as somebody likes.
        self.through.retain(|_, wanted| {
            wanted.remove(path);
            !wanted.is_empty()
        });
        if metadata.is_symlink()
            && let Ok(target) = path.canonicalize()
        {
            directories.extend(self.arm_way(&target));
            self.through.entry(target).or_default().insert(path.to_owned());
        }
        directories
    }

    /// Watches the parent of a path, or the deepest ancestor that is there.
    fn arm_way(&mut self, path: &Path) -> Vec<PathBuf> {
        let Some(parent) = path.parent() else { return Vec::new() };
        // A parent that comes to be between finding an ancestor and watching it would be missed: look again then.
        for _ in 0..16 {
            let found = parent.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("/"));
            let armed = self.watch(found);
            let again = parent.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("/"));
            if armed && found == again {
                return vec![found.to_owned()];
            }
        }
        Vec::new()
    }

    /// A directory that has gone meanwhile is found again by what holds it.
    fn refuse(&mut self, directory: &Path, e: &io::Error) {
        debug!(directory = %directory.display(), "cannot be watched: {e}");
        if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            return;
        }
        let why = match e.raw_os_error() {
            Some(libc::ENOSPC) => "the limit fs.inotify.max_user_watches is reached".to_owned(),
            _ => e.to_string(),
        };
        if self.refused.is_empty() {
            warn!(directory = %directory.display(), "cannot be watched: {why}; what is there is found by polling");
        }
        self.refused.insert(directory.to_owned(), why);
        self.retry_at = Some(Instant::now() + RETRY);
    }

    fn watch(&mut self, directory: &Path) -> bool {
        let mask = WatchMask::CREATE
            | WatchMask::MOVED_TO
            | WatchMask::MOVED_FROM
            | WatchMask::DELETE
            | WatchMask::ATTRIB
            | WatchMask::MODIFY
            | WatchMask::CLOSE_WRITE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR
            // Adding a watch that is there already would clear its mask for a moment, and lose what happens then.
            | WatchMask::MASK_ADD;
        match self.watches.add(directory, mask) {
            Ok(wd) => {
                self.by_directory.insert(directory.to_owned(), wd.clone());
                self.directories.insert(wd, directory.to_owned());
                true
            }
            Err(e) => {
                self.refuse(directory, &e);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use super::super::Message;
    use super::super::account::Account;
    use super::super::events::{Events, Wanted};
    use super::*;

    struct Watched {
        dir: tempfile::TempDir,
        files: Events,
        messages: Receiver<Message>,
    }

    fn watched(names: &[&str]) -> Watched {
        let (sender, messages) = channel();
        let dir = tempfile::tempdir().unwrap();
        let files = Events::new(sender, Account::default()).unwrap();
        let paths = names.iter().map(|name| (dir.path().join(name), Topic::Check((*name).to_owned()))).collect();
        files.set(Wanted { paths, ..Wanted::default() });
        Watched { dir, files, messages }
    }

    impl Watched {
        fn told(&self, name: &str, doing: impl FnOnce(&Path)) {
            while self.messages.try_recv().is_ok() {}
            doing(&self.dir.path().join(name));
            let expected = Message::Changed(Topic::Check(name.to_owned()));
            loop {
                match self.messages.recv_timeout(Duration::from_secs(5)) {
                    Ok(message) if message == expected => break,
                    Ok(_) => {}
                    Err(_) => panic!("nothing was told of {name}"),
                }
            }
            // Everything that belongs to this change is told before the next one begins.
            while self.messages.recv_timeout(Duration::from_millis(20)).is_ok() {}
        }
    }

    #[test]
    fn a_file_is_followed_through_replacement_removal_and_renewal() {
        let w = watched(&["file"]);
        w.told("file", |p| fs::write(p, "1").unwrap());
        w.told("file", |p| fs::set_permissions(p, fs::Permissions::from_mode(0o600)).unwrap());
        w.told("file", |p| fs::write(p, "2").unwrap());
        w.told("file", |p| {
            fs::write(p.with_extension("new"), "3").unwrap();
            fs::rename(p.with_extension("new"), p).unwrap();
        });
        w.told("file", |p| fs::set_permissions(p, fs::Permissions::from_mode(0o644)).unwrap());
        w.told("file", |p| fs::remove_file(p).unwrap());
        w.told("file", |p| fs::write(p, "4").unwrap());
    }

    #[test]
    fn a_path_whose_parents_are_missing_is_found_when_they_come() {
        let w = watched(&["a/b/file"]);
        w.told("a/b/file", |p| fs::create_dir_all(p.parent().unwrap()).unwrap());
        w.told("a/b/file", |p| fs::write(p, "1").unwrap());
        let a = w.dir.path().join("a");
        w.told("a/b/file", |_| fs::rename(&a, w.dir.path().join("c")).unwrap());
        w.told("a/b/file", |p| fs::create_dir_all(p.parent().unwrap()).unwrap());
        w.told("a/b/file", |p| fs::write(p, "1").unwrap());
    }

    #[test]
    fn entries_of_a_directory_and_the_target_of_links_are_seen() {
        let w = watched(&["folder", "link", "other"]);
        w.told("folder", |p| fs::create_dir(p).unwrap());
        w.told("folder", |p| fs::write(p.join("entry"), "1").unwrap());
        let target = w.dir.path().join("target");
        fs::write(&target, "1").unwrap();
        w.told("link", |p| symlink(&target, p).unwrap());
        w.told("link", |_| fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap());
        w.told("other", |p| symlink(&target, p).unwrap());
        w.told("link", |_| fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap());
        w.told("other", |_| fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap());
        w.files.set(Wanted::default());
        while w.messages.try_recv().is_ok() {}
        fs::write(w.dir.path().join("folder/other"), "1").unwrap();
        assert!(w.messages.recv_timeout(Duration::from_millis(100)).is_err(), "nothing is wanted any more");
    }
}
