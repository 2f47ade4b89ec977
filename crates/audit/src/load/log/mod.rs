//! The logs of a site: whether each is what its key signed, whether everything that others saw of it is a beginning of it,
//! and whether it holds what is in the folder and the folder what it holds.
//!
//! The bundles come first, in the order of their chains; each brings what it says of a log. Then each log is read once,
//! from its first entry to its last.

mod book;
mod claims;
mod edge;
mod gaps;
mod given;
pub mod held;
pub mod notes;
pub mod outside;
pub mod proving;
mod reading;
mod restarts;
mod stream;

use std::sync::Arc;

use writ_evidence::{Bundle, BundleId};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::key_register::KeyRecord;
use writ_trust::log::entry::LogEntry;

pub use self::book::Judged;
use self::book::{Book, Receipt};
use self::claims::{Claims, Source};
use self::given::Given;
pub use self::given::{Witnessed, strangers};
use self::notes::{Acknowledged, JudgedNote, JudgedReceipt, Notes};
use self::outside::Outsiders;
use super::{path_in, releases};
use crate::archive::{Archive, SiteRecord};
use crate::problem::{Code, Problems};

/// The logs of one site while its evidence is read.
pub struct SiteLog<'a> {
    archive: &'a Archive,
    site: &'a SiteId,
    record: &'a SiteRecord,
    origins: &'a [String],
    notes: Arc<Notes<'a>>,
    /// Who else vouches for when.
    outsiders: Outsiders,
    /// Of each log, what others say of it.
    claims: Vec<Claims>,
    book: Book<'a>,
    /// Checkpoints that were given, and hold by themselves.
    given: Vec<Given>,
    /// What came of holding them against the logs.
    witnessed: Vec<Witnessed>,
    /// What is bad around the logs, so far.
    bad: usize,
}

/// A bundle in the folder.
#[derive(Debug)]
pub struct BundleHere<'b> {
    /// Where it is.
    pub path: &'b str,
    /// Its number and id, by the name of its file.
    pub name: (u64, BundleId),
    /// Of its bytes; null when they could not be read.
    pub digest: Option<Digest>,
    /// What it was found to be.
    pub judged: Judged,
    /// What it says, if it verified.
    pub bundle: Option<&'b Bundle>,
    /// Whether there is a receipt beside it.
    pub receipted: bool,
    /// What that receipt is by itself, if it could be read.
    pub receipt: Option<JudgedReceipt>,
    /// What the last checkpoint is by itself that the bundle names.
    pub seen: Option<JudgedNote>,
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
            notes: Arc::new(Notes::new(chain, site, origins)),
            outsiders: Outsiders::of(chain),
            claims: origins.iter().map(|_| Claims::default()).collect(),
            book: Book::new(site, record, chain, broken),
            given: Vec::new(),
            witnessed: Vec::new(),
            bad: 0,
        };
        log.take_given(problems);
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
            let judged = self.notes.receipt(&bytes, &own);
            self.receipt(&path, judged, problems);
        }
    }

    /// What judges notes by themselves, on any thread.
    pub fn notes(&self) -> Arc<Notes<'a>> {
        Arc::clone(&self.notes)
    }

    /// Makes room for so many bundles of a key.
    pub fn expect(&mut self, key: &KeyRecord, bundles: usize) {
        self.book.expect(key, bundles);
    }

    /// Takes in a bundle, its receipt if there is one, and what it says of a log.
    pub fn bundle(&mut self, key: &KeyRecord, here: BundleHere, chain: &mut Seen, problems: &mut Problems) {
        let BundleHere { path, name, digest, judged, bundle, receipted, receipt, seen } = here;
        let receipt = match receipt {
            None if receipted => {
                // Why it could not be read was told of.
                self.bad += 1;
                Receipt::Bad
            }
            None => Receipt::None,
            Some(judged) => match self.receipt(&path.replace(".json", ".receipt.json"), judged, problems) {
                true => Receipt::Holds,
                false => Receipt::Bad,
            },
        };
        self.book.bundle(key, name, digest, judged, receipt);
        let Some(bundle) = bundle else { return };
        if let Some(named) = &bundle.release {
            self.book.obeyed(named.digest);
        }
        self.last_checkpoint(path, seen, chain, problems);
    }

    /// Takes in what a receipt is by itself. Whether it holds.
    fn receipt(&mut self, path: &str, judged: JudgedReceipt, problems: &mut Problems) -> bool {
        match judged {
            Err(problem) => {
                self.bad += 1;
                problems.bad(problem.code, path, problem.what, "it does not show that anybody took this in");
                false
            }
            Ok(Acknowledged { number, checkpoint, source, .. }) => {
                self.claims[number - 1].add(&checkpoint, source, path);
                true
            }
        }
    }

    fn last_checkpoint(&mut self, path: &str, note: Option<JudgedNote>, seen: &mut Seen, problems: &mut Problems) {
        const CONSEQUENCE: &str = "the appliance relied on something that is not a state of its log";
        let Some(note) = note else {
            if seen.0.take().is_some() {
                let what = "it names no last checkpoint, those before it did";
                let so = "the appliance forgot what it had seen of the log, so it could be shown another one";
                problems.note(Code::OutOfOrder, path, what, so);
            }
            return;
        };
        let (number, signed) = match note {
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
}
