//! Documents, and the binary cache: what is active must be there, and what is there must be what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use writ_nix::cache::{Entry, MAX_NARINFO, hash_part};
use writ_policy::closure::StorePath;
use writ_trust::digest::Digest;
use writ_trust::json::MAX_DOCUMENT;

use super::{Code, Look};
use crate::directory::Directory;
use crate::upkeep::{Outcome, content};

/// What the closures of active releases say, by the hash part of the path.
type Expected = BTreeMap<String, Vec<StorePath>>;

impl Look<'_> {
    /// A path as it is told: below the data directory.
    pub(super) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.folders.root()).unwrap_or(path).display().to_string()
    }

    /// Every document that an active release names, and what else is there under a digest.
    pub(super) fn documents(&mut self, directory: &Directory) -> Outcome<()> {
        let pending: BTreeSet<Digest> = directory
            .sites()
            .filter_map(|(_, site)| site.pending.as_ref())
            .flat_map(|pending| pending.release.generations.values())
            .flat_map(|g| [Some(g.policy.digest), g.closure.as_ref().map(|c| c.digest)])
            .flatten()
            .collect();
        for (digest, (_, site)) in content::documents(directory) {
            let path = self.folders.document(&digest);
            match writ_durable::read_bounded(&path, MAX_DOCUMENT) {
                Ok(bytes) if Digest::of(&bytes) == digest => self.checked.documents += 1,
                Ok(_) => {
                    self.problems.add(Code::DocumentAltered, self.shown(&path), "its bytes are not those of its name")
                }
                // What is pending may still come.
                Err(e) if e.kind() == ErrorKind::NotFound && pending.contains(&digest) => {}
                Err(e) if e.kind() == ErrorKind::NotFound => {
                    let what = format!("a release of {site} names it, and it is not there");
                    self.problems.add(Code::DocumentMissing, self.shown(&path), what);
                }
                Err(e) if e.kind() == ErrorKind::FileTooLarge => {
                    self.problems.add(Code::DocumentAltered, self.shown(&path), e);
                }
                Err(e) => self.problems.add(Code::Unreadable, self.shown(&path), e),
            }
        }
        Ok(())
    }

    /// Every store path of the releases that are active: its narinfo, its NAR, and the list of what is in that.
    pub(super) fn cache(&mut self, directory: &Directory) -> Outcome<()> {
        let mut expected = Expected::new();
        for closure in content::closures(directory, true, None) {
            // One that is not here was told of.
            for path in content::paths_of(self.folders, &closure).unwrap_or_default() {
                expected.entry(hash_part(&path.path).to_owned()).or_default().push(path);
            }
        }
        let mut nars = BTreeSet::new();
        for (part, candidates) in expected {
            self.path(&part, &candidates, &mut nars)?;
        }
        Ok(())
    }

    fn path(&mut self, part: &str, candidates: &[StorePath], nars: &mut BTreeSet<String>) -> Outcome<()> {
        let file = self.folders.cache().join(format!("{part}.narinfo"));
        let shown = self.shown(&file);
        let bytes = match writ_durable::read_bounded(&file, usize::try_from(MAX_NARINFO).unwrap_or(usize::MAX)) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                self.problems.add(Code::NarinfoMissing, shown, "an active release names its path, and it is not there");
                return Ok(());
            }
            Err(e) => {
                self.problems.add(Code::Unreadable, shown, e);
                return Ok(());
            }
        };
        self.checked.narinfos += 1;
        let mut why = String::new();
        for expected in candidates {
            let named = Entry::parse(bytes.clone(), expected, &file).map_err(|e| e.to_string()).and_then(|entry| {
                let (size, hash) = entry.named_by_content().map_err(|e| e.to_string())?;
                Ok((entry.nar_file().map_err(|e| e.to_string())?.to_owned(), size, hash))
            });
            match named {
                Ok((nar, size, hash)) => {
                    let whole = !nars.insert(nar.clone()) || self.nar(&nar, size, &hash);
                    return if whole { self.listing(part, &nar, expected) } else { Ok(()) };
                }
                Err(error) => why = error,
            }
        }
        self.problems.add(Code::NarinfoBroken, shown, why);
        Ok(())
    }

    fn nar(&mut self, name: &str, size: u64, hash: &Digest) -> bool {
        let path = self.folders.nars().join(name);
        let shown = self.shown(&path);
        match File::open(&path).and_then(|mut file| content::copy_hashed(&mut file, &mut std::io::sink())) {
            Ok(found) if found == (*hash, size) => {
                self.checked.nars += 1;
                return true;
            }
            Ok(_) => self.problems.add(Code::NarAltered, shown, "its bytes are not those that its narinfo says"),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                self.problems.add(Code::NarMissing, shown, "a narinfo names it, and it is not there");
            }
            Err(e) => self.problems.add(Code::Unreadable, shown, e),
        }
        false
    }

    fn listing(&mut self, part: &str, nar: &str, expected: &StorePath) -> Outcome<()> {
        let listing = self.folders.cache().join(format!("{part}.ls"));
        if listing.is_file() {
            return Ok(());
        }
        let (shown, what) = (self.shown(&listing), "it is not there");
        if !self.repair {
            self.problems.add(Code::ListingMissing, shown, what);
            return Ok(());
        }
        let file = self.folders.nars().join(nar);
        match crate::publication::nar::examine_file(&file, nar.ends_with(".zst"), expected.clone()) {
            Ok(examined) => {
                writ_durable::replace(&listing, &examined.listing, 0o644)
                    .map_err(crate::upkeep::UpkeepError::io(&listing))?;
                self.problems.repaired(Code::ListingMissing, shown, what);
            }
            Err(error) => self.problems.add(Code::NarAltered, self.shown(&file), error),
        }
        Ok(())
    }
}
