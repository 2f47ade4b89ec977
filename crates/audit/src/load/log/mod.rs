//! The logs of a site: whether each is what its key signed, whether everything that others saw of it is a beginning of it,
//! and whether it holds what is in the folder and the folder what it holds.
//!
//! The bundles come first, in the order of their chains; each brings what it says of a log. Then each log is read once,
//! from its first entry to its last.

mod book;
mod claims;
mod notes;
mod restarts;
mod stream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_evidence::{Bundle, BundleId};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::key_register::KeyRecord;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::note::MAX_NOTE;
use writ_trust::log::receipt::{MAX_RECEIPT, Receipt as ReceiptDocument, ReceiptError, VerifiedReceipt};
use writ_trust::log::restart::LogRestart;

use self::book::{Book, Pass, Receipt, source_of};
use self::claims::{Claims, Held, Source};
use self::notes::Notes;
use self::stream::{Place, Streamed, stream};
use super::{directory, entries, is_signature_of, path_in, read, releases, stray};
use crate::archive::{Archive, SiteRecord};
use crate::folder::{Entry, EntryKind, Folder};
use crate::log_summary::{EntryCounts, LogSummary, NOT_VERIFIED, OneLog, VERIFIED};
use crate::problem::{Code, Problems};
use crate::verify::VerifyReport;
use crate::words::of;

/// The name of the newest checkpoint of a log.
const CHECKPOINT: &str = "checkpoint";

/// The logs of one site while its evidence is read.
pub struct SiteLog<'a> {
    archive: &'a Archive,
    site: &'a SiteId,
    record: &'a SiteRecord,
    origins: &'a [String],
    notes: Notes<'a>,
    /// Of each log, what others say of it.
    claims: Vec<Claims>,
    book: Book<'a>,
    /// What is bad around the logs, so far.
    bad: usize,
}

/// A bundle in the folder.
#[derive(Debug, Clone, Copy)]
pub struct BundleHere<'b> {
    /// Where it is.
    pub path: &'b str,
    /// Its number and id, by the name of its file.
    pub name: (u64, BundleId),
    /// Of its bytes; null when they could not be read.
    pub digest: Option<Digest>,
    /// What it says, if it verified.
    pub bundle: Option<&'b Bundle>,
    /// Whether there is a receipt beside it.
    pub receipted: bool,
    /// That receipt, if it could be read.
    pub receipt: Option<&'b [u8]>,
}

/// What was last seen of a log in one chain of bundles.
#[derive(Debug, Default)]
pub struct Seen(Option<(usize, u64)>);

impl<'a> SiteLog<'a> {
    /// Begins, and judges the receipts of the releases. `None` when the newest trust root names no log for the site.
    pub fn begin(
        archive: &'a Archive,
        site: &'a SiteId,
        record: &'a SiteRecord,
        problems: &mut Problems,
    ) -> Option<Self> {
        let chain = archive.chain.as_ref()?;
        let origins = chain.newest().origins(site);
        if origins.is_empty() {
            return None;
        }
        let broken = releases::broken(&archive.folder, site, record);
        let mut log = Self {
            archive,
            site,
            record,
            origins,
            notes: Notes::new(chain, site, origins),
            claims: origins.iter().map(|_| Claims::default()).collect(),
            book: Book::new(site, record, chain, broken),
            bad: 0,
        };
        log.release_receipts(problems);
        Some(log)
    }

    fn release_receipts(&mut self, problems: &mut Problems) {
        for past in &self.record.releases {
            let (epoch, serial) = past.release.point();
            let path = format!("releases/{}/{epoch}-{serial}", self.site);
            let Some(bytes) = releases::receipt(&self.archive.folder, self.site, past.release.point(), problems) else {
                continue;
            };
            self.book.receipted(past.digest);
            let path = path_in(&path, releases::RECEIPT);
            let own = |entry: &LogEntry| matches!(entry, LogEntry::Release { digest, .. } if *digest == past.digest);
            self.receipt(&path, &bytes, own, problems);
        }
    }

    /// Takes in a bundle, its receipt if there is one, and what it says of a log.
    pub fn bundle(&mut self, key: &KeyRecord, here: &BundleHere, seen: &mut Seen, problems: &mut Problems) {
        let BundleHere { path, name, digest, bundle, receipted, receipt } = *here;
        let receipt = match receipt {
            None if receipted => {
                // Why it could not be read was told of.
                self.bad += 1;
                Receipt::Bad
            }
            None => Receipt::None,
            Some(bytes) => {
                let path = path.replace(".json", ".receipt.json");
                // What a bundle that does not verify should have been is not known, so its receipt stands by itself.
                let own = |entry: &LogEntry| match entry {
                    LogEntry::Evidence { digest: logged, .. } => bundle.is_none() || Some(*logged) == digest,
                    _ => false,
                };
                if self.receipt(&path, bytes, own, problems) { Receipt::Holds } else { Receipt::Bad }
            }
        };
        self.book.bundle(key, name, digest, bundle.is_some(), receipt);
        let Some(bundle) = bundle else { return };
        if let Some(named) = &bundle.release {
            self.book.obeyed(named.digest);
        }
        self.last_checkpoint(path, bundle.last_checkpoint.as_deref(), seen, problems);
    }

    /// Judges a receipt by itself; whether the log shown here is the one that gave it is known later.
    fn receipt(
        &mut self,
        path: &str,
        bytes: &[u8],
        is_own: impl Fn(&LogEntry) -> bool,
        problems: &mut Problems,
    ) -> bool {
        const CONSEQUENCE: &str = "it does not show that anybody took this in";
        let mut bad = |code, what: String| {
            problems.bad(code, path, what, CONSEQUENCE);
            false
        };
        let judged = ReceiptDocument::parse(bytes).map_err(|e| (code_of(&e), e.to_string())).and_then(|receipt| {
            let (number, signed) = self.notes.judge(receipt.checkpoint.as_bytes()).map_err(|e| (e.code, e.what))?;
            let verified = receipt.verify_under(signed).map_err(|e| (code_of(&e), e.to_string()))?;
            Ok((number, verified))
        });
        let holds = match judged {
            Err((code, what)) => bad(code, what),
            Ok((_, VerifiedReceipt { entry, .. })) if !is_own(&entry) => {
                bad(Code::Foreign, format!("it is the receipt of something else ({})", entry.digest()))
            }
            Ok((number, VerifiedReceipt { checkpoint, entry, .. })) => {
                self.claims[number - 1].add(&checkpoint.checkpoint, source_of(&entry), path);
                true
            }
        };
        self.bad += usize::from(!holds);
        holds
    }

    fn last_checkpoint(&mut self, path: &str, note: Option<&str>, seen: &mut Seen, problems: &mut Problems) {
        const CONSEQUENCE: &str = "the appliance relied on something that is not a state of its log";
        let Some(note) = note else {
            if seen.0.take().is_some() {
                let what = "it names no last checkpoint, those before it did";
                let so = "the appliance forgot what it had seen of the log, so it could be shown another one";
                problems.note(Code::OutOfOrder, path, what, so);
            }
            return;
        };
        let (number, signed) = match self.notes.judge(note.as_bytes()) {
            Ok(judged) => judged,
            Err(problem) => {
                self.bad += 1;
                let what = format!("its last checkpoint: {}", problem.what);
                return problems.bad(problem.code, path, what, CONSEQUENCE);
            }
        };
        let checkpoint = &signed.checkpoint;
        self.claims[number - 1].add(checkpoint, Source::Seen, path);
        let now = (number, checkpoint.size);
        if let Some((log, size)) = seen.0.filter(|before| *before > now) {
            self.bad += 1;
            let what = format!(
                "its last checkpoint is entry {} of log {number}, after a bundle that had seen {size} of log {log}",
                checkpoint.size
            );
            let so = "the appliance was set back, or it was shown an older log and took it";
            problems.bad(Code::OutOfOrder, path, what, so);
        }
        seen.0 = seen.0.max(Some(now));
    }

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
        let (mut logs, mut held, mut complete) = (Vec::new(), Held::default(), true);
        for (index, folder) in folders.iter().enumerate() {
            let path = path_in(&path, &(index + 1).to_string());
            let next = restarts.get(index + 1).and_then(Option::as_ref).map(|(restart, _)| restart);
            let own = restarts.get(index).and_then(Option::as_ref).map(|(_, digest)| *digest);
            let (log, whole, found) = self.one(folder.as_ref(), &path, index, own, next, &mut problems);
            complete &= whole;
            held.receipts += found.receipts;
            held.seen += found.seen;
            logs.push(log);
        }
        self.book.missing(&mut problems);
        let unlogged = complete.then(|| self.book.unlogged(&mut problems));
        let state = if self.bad + problems.bad == 0 { VERIFIED } else { NOT_VERIFIED };
        report.problems.extend(problems);
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
    fn one(
        &mut self,
        folder: Option<&Folder>,
        path: &str,
        index: usize,
        restart: Option<Digest>,
        next: Option<&LogRestart>,
        problems: &mut Problems,
    ) -> (OneLog, bool, Held) {
        let (number, origin) = (index + 1, &self.origins[index]);
        let mut log = OneLog {
            number,
            origin: origin.clone(),
            verifier_keys: self.notes.verifier_keys(origin),
            sound: false,
            size: None,
            root: None,
            fresh_at: None,
            entries: EntryCounts::default(),
        };
        let head = self.head(folder, path, number, problems);
        let Some((folder, head)) = folder.zip(head) else {
            let held = self.claims[index].judge(&[].into(), problems);
            return (log, false, held);
        };
        let Checkpoint { size, root, .. } = head.checkpoint;
        log.size = Some(size);
        log.root = Some(STANDARD.encode(root));
        log.fresh_at = head.fresh_at;
        self.kept(folder, path, number, problems);
        let mut wanted = self.claims[index].sizes();
        wanted.retain(|wanted| *wanted <= size);
        let mut pass = Pass::new(number, path, restart);
        let place = Place { folder, path };
        let book = &mut self.book;
        let read = stream(&place, &head.checkpoint, &wanted, problems, &mut |index, bundle, bytes| {
            book.entry(&mut pass, index, &bundle.path(), bytes);
        });
        let Streamed { sound, complete, roots } = read;
        log.sound = sound;
        log.entries = pass.counts;
        if sound {
            problems.extend(pass.problems);
        }
        let held = self.claims[index].judge(&roots, problems);
        self.beyond(index, path, size, next, problems);
        (log, sound && complete, held)
    }

    /// The log's newest checkpoint, if it counts.
    fn head(
        &mut self,
        folder: Option<&Folder>,
        path: &str,
        number: usize,
        problems: &mut Problems,
    ) -> Option<SignedCheckpoint> {
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
            } else {
                let so = "a later log took over from it; what only it held is not known";
                problems.note(Code::Missing, &place, what, so);
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
                EntryKind::Directory if name == "tile" => {}
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

    /// What others say of entries after the last one here.
    fn beyond(&self, index: usize, path: &str, size: u64, next: Option<&LogRestart>, problems: &mut Problems) {
        let place = path_in(path, CHECKPOINT);
        let Some((largest, who)) = self.claims[index].beyond(size) else {
            if let Some(known) = next.map(LogRestart::last_known).filter(|known| known.size < size) {
                let what = format!(
                    "the log after it was begun when {} of it were known; there are {size}",
                    of(known.size, "entry")
                );
                problems.note(Code::Restarted, &place, what, "nothing was lost that is here");
            }
            return;
        };
        if next.is_some() {
            let what = format!("it ends with {}: {who}", of(size, "entry"));
            let so =
                format!("entries {size} to {} were lost with it; the trust keys ordered to go on without", largest - 1);
            problems.note(Code::Restarted, &place, what, so);
        } else {
            let what = format!("it ends with {}: {who}", of(size, "entry"));
            problems.bad(Code::Missing, &place, what, "the log shown is shorter than the one that others saw");
        }
    }
}

/// The receipt beside a bundle.
pub fn receipt_beside(folder: &Folder, path: &str, bundle: &str, problems: &mut Problems) -> Option<Vec<u8>> {
    let name = bundle.replace(".json", ".receipt.json");
    read(folder, &path_in(path, &name), &name, MAX_RECEIPT, problems)
}

fn code_of(error: &ReceiptError) -> Code {
    match error {
        ReceiptError::TooLarge(_) | ReceiptError::Document(_) | ReceiptError::Member(_) | ReceiptError::Entry(_) => {
            Code::Malformed
        }
        ReceiptError::Checkpoint(_) | ReceiptError::Proof { .. } => Code::Altered,
    }
}
