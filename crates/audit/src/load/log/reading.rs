//! Reading the logs themselves: their heads, their older checkpoints, and each from its first entry to its last.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_trust::digest::Digest;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::restart::LogRestart;

use super::book::Pass;
use super::claims::{Beyond, Held, Source, short};
use super::outside::{COSIGNATURES, Said, Sort, TIMESTAMPS};
use super::stream::{Place, Streamed, stream};
use super::{SiteLog, edge, gaps, restarts};
use crate::folder::{Entry, EntryKind, Folder};
use crate::load::{directory, entries, is_signature_of, path_in, read, stray};
use crate::log_summary::{EntryCounts, External, LogSummary, NOT_VERIFIED, OneLog, VERIFIED, WITHOUT_ENTRIES};
use crate::problem::{Code, Problems};
use crate::verify::VerifyReport;
use crate::words::of;

/// The name of the newest checkpoint of a log.
const CHECKPOINT: &str = "checkpoint";
/// Where its entries are.
const ENTRIES: &str = "tile/entries";

/// Which log is read.
#[derive(Clone, Copy)]
struct About<'r> {
    path: &'r str,
    index: usize,
    /// The digest of the order that began it.
    restart: Option<Digest>,
    /// The order by which the next one took over.
    next: Option<&'r LogRestart>,
    /// Whether the newest log is here without its entries.
    bare: bool,
}

/// Whether a log has a directory of entries. What it holds is judged when it is read.
fn has_entries(folder: &Folder) -> bool {
    let tiles = folder.directory("tile").ok().flatten();
    tiles.is_some_and(|tiles| !matches!(tiles.directory("entries"), Ok(None)))
}

/// The newest of each who said anything.
fn newest(said: &[Said]) -> Vec<External> {
    let mut newest: BTreeMap<(&'static str, &str), &Said> = BTreeMap::new();
    for one in said {
        let kind = if one.sort == Sort::Timestamp { "timestamp" } else { "witness" };
        let kept = newest.entry((kind, &one.who)).or_insert(one);
        if one.at > kept.at {
            *kept = one;
        }
    }
    let external = newest.into_iter().map(|((kind, by), one)| External {
        kind,
        by: by.to_owned(),
        at: one.at,
        size: one.checkpoint.size,
    });
    external.collect()
}

impl SiteLog<'_> {
    /// Reads the logs, and holds everything against them.
    pub fn finish(mut self, report: &mut VerifyReport) {
        let mut problems = Problems::default();
        let path = format!("log/{}", self.site);
        let folder = directory(&self.archive.folder, "log", "log", &mut problems)
            .and_then(|logs| directory(&logs, &path, self.site.as_str(), &mut problems));
        if let Some(folder) = &folder {
            self.strays(folder, &path, &mut problems);
        }
        let folders: Vec<Option<Folder>> = (1..=self.origins.len())
            .map(|number| {
                let path = path_in(&path, &number.to_string());
                folder.as_ref().and_then(|folder| directory(folder, &path, &number.to_string(), &mut problems))
            })
            .collect();
        let restarts = self.restarts(&folders, &path, &mut problems);
        // From an appliance's inbox: of the logs there are heads and receipts, and never entries.
        let newest = folders.last().and_then(Option::as_ref);
        let bare = self.archive.without_entries && newest.is_some_and(|folder| !has_entries(folder));
        let (mut logs, mut held, mut complete) = (Vec::new(), Held::default(), true);
        for (index, folder) in folders.iter().enumerate() {
            let path = path_in(&path, &(index + 1).to_string());
            let next = restarts.get(index + 1).and_then(Option::as_ref).map(|(restart, _)| restart);
            let own = restarts.get(index).and_then(Option::as_ref).map(|(_, digest)| *digest);
            let about = About { path: &path, index, restart: own, next, bare };
            let (log, whole, found) = self.one(folder.as_ref(), &about, &mut problems);
            complete &= whole;
            held.receipts += found.receipts;
            held.seen += found.seen;
            logs.push(log);
        }
        self.book.missing(&mut problems);
        let unlogged = complete.then(|| self.book.unlogged(&mut problems));
        let state = match self.bad + problems.bad {
            0 if logs.iter().all(|log| log.entries_here) => VERIFIED,
            0 => WITHOUT_ENTRIES,
            _ => NOT_VERIFIED,
        };
        report.problems.extend(problems);
        report.witnesses.append(&mut self.witnessed);
        report.logs.push(LogSummary {
            site: self.site.clone(),
            state,
            logs,
            receipts: held.receipts,
            last_checkpoints: held.seen,
            unlogged,
        });
    }

    /// What is in the site's folder of logs and belongs to none that the trust root names.
    fn strays(&self, folder: &Folder, path: &str, problems: &mut Problems) {
        for entry in entries(folder, path, problems) {
            let number = entry.name.parse::<usize>().ok().filter(|n| n.to_string() == entry.name);
            if entry.kind != EntryKind::Directory || !number.is_some_and(|n| (1..=self.origins.len()).contains(&n)) {
                stray(&entry, path, problems);
            }
        }
    }

    /// The restarts that count, by the index of the log that they begin; each is a statement about the log before.
    fn restarts(
        &mut self,
        folders: &[Option<Folder>],
        path: &str,
        problems: &mut Problems,
    ) -> Vec<Option<restarts::Restarted>> {
        let mut found = Vec::new();
        for (index, folder) in folders.iter().enumerate() {
            let chain = self.archive.chain.as_ref();
            let path = path_in(path, &(index + 1).to_string());
            let restart = folder.as_ref().zip(chain).filter(|_| index > 0).and_then(|(folder, chain)| {
                restarts::load(folder, &path, chain, self.site, &self.origins[index], problems)
            });
            if let Some((restart, _)) = &restart {
                let path = path_in(&path, restarts::DOCUMENT);
                self.claims[index - 1].add(&restart.last_known(), Source::Restart, &path);
            }
            found.push(restart);
        }
        found
    }

    /// Reads one log. Says also whether every entry of it was read and is right.
    fn one(&mut self, folder: Option<&Folder>, about: &About, problems: &mut Problems) -> (OneLog, bool, Held) {
        let About { path, index, restart, .. } = *about;
        let (number, origin) = (index + 1, &self.origins[index]);
        let mut log = OneLog {
            number,
            origin: origin.clone(),
            verifier_keys: self.notes.verifier_keys(origin),
            sound: false,
            entries_here: folder.is_some_and(has_entries),
            size: None,
            root: None,
            fresh_at: None,
            note: None,
            external: Vec::new(),
            entries: EntryCounts::default(),
        };
        let head = self.head(folder, about, problems);
        let Some((folder, head)) = folder.zip(head) else {
            let held = self.claims[index].judge(&[].into(), problems);
            self.judge_given(index, None, &[].into(), problems);
            return (log, false, held);
        };
        let Checkpoint { size, root, .. } = head.checkpoint;
        log.size = Some(size);
        log.root = Some(STANDARD.encode(root));
        log.fresh_at = head.fresh_at;
        log.note = Some(head.note.clone());
        self.kept(folder, path, number, problems);
        log.external = self.outside(folder, about, &head, problems);
        let mut wanted = self.claims[index].sizes();
        wanted.retain(|wanted| *wanted <= size);
        let place = Place { folder, path };
        if !log.entries_here {
            let what = format!("of the log only the checkpoint of {} is here, not what it holds", of(size, "entry"));
            let so = "what came with receipts was taken in; whether anything else was dropped or withheld is not known";
            let entries = path_in(path, ENTRIES);
            if self.archive.without_entries {
                problems.note(Code::Missing, &entries, what, so);
            } else {
                let so = format!("{so}: `writ audit fetch` brings them; --without-entries goes on without");
                problems.bad(Code::Missing, &entries, what, so);
            }
            let roots = edge::roots(&place, &head.checkpoint, &wanted);
            let held = self.claims[index].judge(&roots, problems);
            self.judge_given(index, Some(size), &roots, problems);
            self.beyond(about, &head.checkpoint, self.archive.without_entries, problems);
            return (log, false, held);
        }
        let mut pass = Pass::new(number, path, restart);
        let jobs = self.archive.jobs_for(usize::try_from(size).unwrap_or(usize::MAX));
        let book = &mut self.book;
        let read = stream(&place, &head.checkpoint, &wanted, jobs, problems, &mut |index, bundle, entry| {
            book.entry(&mut pass, index, bundle, entry);
        });
        let Streamed { sound, complete, roots } = read;
        log.sound = sound;
        log.entries = pass.counts;
        if sound {
            problems.extend(pass.problems);
        }
        let held = self.claims[index].judge(&roots, problems);
        self.judge_given(index, Some(size), &roots, problems);
        self.beyond(about, &head.checkpoint, false, problems);
        (log, sound && complete, held)
    }

    /// The log's newest checkpoint, if it counts.
    fn head(&mut self, folder: Option<&Folder>, about: &About, problems: &mut Problems) -> Option<SignedCheckpoint> {
        let (path, number) = (about.path, about.index + 1);
        let place = path_in(path, CHECKPOINT);
        let before = problems.bad;
        let note = folder.and_then(|folder| read(folder, &place, CHECKPOINT, MAX_NOTE, problems));
        let Some(note) = note else {
            let what = format!("the log {} is not here", self.origins[number - 1]);
            if problems.bad > before {
                // It could not be read, which was said.
            } else if number == self.origins.len() {
                let so = "whether evidence was dropped or withheld is not known";
                problems.bad(Code::Missing, &place, what, so);
            } else if about.bare {
                let so = "a later log took over from it; what only it held is not known";
                problems.note(Code::Missing, &place, what, so);
            } else {
                // Whether it was lost or is withheld, nobody can see: that a later log took over is no proof of either.
                let so = "a later log took over from it, and what only it held is not known: look for a copy of it";
                problems.bad(Code::Missing, &place, what, so);
            }
            return None;
        };
        const CONSEQUENCE: &str = "nothing of this log was judged: whether evidence was dropped is not known";
        match self.notes.judge(&note) {
            Ok((found, _)) if found != number => {
                let what = format!("it is the checkpoint of log {found}, in the folder of log {number}");
                problems.bad(Code::Foreign, &place, what, CONSEQUENCE);
                None
            }
            Ok((_, signed)) => {
                if let Some(at) = self.notes.only_revoked(&signed) {
                    let what = format!("only a log key that was revoked as of {at} signed it");
                    let so = "without a timestamp nothing proves that it was signed before: a thief could have made it";
                    problems.note(Code::Revoked, &place, what, so);
                }
                Some(signed)
            }
            Err(problem) => {
                problems.bad(problem.code, &place, problem.what, CONSEQUENCE);
                None
            }
        }
    }

    /// Older checkpoints beside the newest, and what has no business there.
    fn kept(&mut self, folder: &Folder, path: &str, number: usize, problems: &mut Problems) {
        for entry in entries(folder, path, problems) {
            let Entry { name, kind } = &entry;
            let restart = || name == restarts::DOCUMENT || is_signature_of(restarts::DOCUMENT, name);
            let size = name.strip_prefix("checkpoint.").and_then(|size| size.parse::<u64>().ok());
            match kind {
                EntryKind::Directory if name == "tile" || name == TIMESTAMPS || name == COSIGNATURES => {}
                EntryKind::File if name == CHECKPOINT || (number > 1 && restart()) => {}
                EntryKind::File if size.is_some_and(|size| format!("checkpoint.{size}") == *name) => {
                    let place = path_in(path, name);
                    let Some(note) = read(folder, &place, name, MAX_NOTE, problems) else { continue };
                    match self.notes.judge(&note) {
                        Ok((found, signed)) if (found, Some(signed.checkpoint.size)) == (number, size) => {
                            self.claims[number - 1].add(&signed.checkpoint, Source::Kept, &place);
                        }
                        Ok((found, signed)) => {
                            let size = of(signed.checkpoint.size, "entry");
                            let what = format!("it is the checkpoint of log {found} with {size}, under another name");
                            problems.bad(Code::Foreign, &place, what, "it was not compared");
                        }
                        Err(problem) => problems.bad(problem.code, &place, problem.what, "it was not compared"),
                    }
                }
                _ => stray(&entry, path, problems),
            }
        }
    }

    /// Who else said when the log had come to what; each is a statement about the log.
    fn outside(
        &mut self,
        folder: &Folder,
        about: &About,
        head: &SignedCheckpoint,
        problems: &mut Problems,
    ) -> Vec<External> {
        let (path, number) = (about.path, about.index + 1);
        let (notes, before) = (self.notes(), problems.bad);
        let mut judge = |note: &[u8]| match notes.judge(note) {
            Ok((found, signed)) if found == number => Ok(signed.checkpoint),
            Ok((found, _)) => Err((Code::Foreign, format!("it is a checkpoint of log {found}"))),
            Err(problem) => Err((problem.code, problem.what)),
        };
        let mut said = self.outsiders.read(folder, path, &mut judge, problems);
        said.extend(self.outsiders.on_note(head.note.as_bytes(), &head.checkpoint, &path_in(path, CHECKPOINT)));
        for one in &said {
            let source = if one.sort == Sort::Timestamp { Source::Timestamp } else { Source::Witness };
            self.claims[about.index].add(&one.checkpoint, source, &one.path);
        }
        // That there is none that counts follows from what is wrong with those that are there.
        if self.outsiders.has_authorities() && number == self.origins.len() && problems.bad == before {
            let bare = self.archive.without_entries;
            gaps::judge(path, head.checkpoint.size, head.fresh_at, &said, bare, problems);
        }
        if number == self.origins.len() && problems.bad == before {
            gaps::uncovered(path, head.checkpoint.size, &said, problems);
        }
        newest(&said)
    }

    /// What others say of entries after the last one here.
    fn beyond(&self, about: &About, head: &Checkpoint, bare: bool, problems: &mut Problems) {
        let (About { path, index, next, .. }, size) = (*about, head.size);
        let place = path_in(path, CHECKPOINT);
        let Some(Beyond { largest, who, given }) = self.claims[index].beyond(size) else {
            if let Some(known) = next.map(LogRestart::last_known).filter(|known| known.size < size) {
                let what = format!(
                    "the log after it was begun when {} of it were known; there are {size}",
                    of(known.size, "entry")
                );
                problems.note(Code::Restarted, &place, what, "nothing was lost that is here");
            }
            return;
        };
        let entries = of(size, "entry");
        if next.is_some() {
            let what = format!("it ends with {entries}: {who}");
            let so =
                format!("entries {size} to {} were lost with it; the trust keys ordered to go on without", largest - 1);
            problems.note(Code::Restarted, &place, what, so);
        } else if bare && !given {
            let what = format!("it is of {entries}: {who}");
            problems.note(
                Code::Missing,
                &place,
                what,
                "a later checkpoint was there when this was gathered, and is not here",
            );
        } else {
            let what = format!("it ends with {entries}, and root {}: {who}", short(&head.root));
            problems.bad(Code::Truncated, &place, what, "the log shown is shorter than the one that others saw");
        }
    }
}
