//! Batches of logs: the chain of each source, from the ends that bundles name back to where the one before ended.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use writ_evidence::Bundle;
use writ_evidence::log_drop::{LogsDropped, RULE};
use writ_evidence::records::LogExtract;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;
use writ_wire::log_batch::{LogBatch, MAX_BATCH};

use super::{directory, entries, path_in, read, stray};
use crate::archive::Archive;
use crate::folder::{EntryKind, Folder};
use crate::problem::{Code, Problems};
use crate::verify::VerifyReport;

/// What follows when a batch is not what it should be.
const CONSEQUENCE: &str = "what the logs said then is not known";

/// The logs of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogSourceSummary {
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The source.
    pub source: String,
    /// How many bundles name the end of its chain.
    pub bundles: u64,
    /// How many of its batches are here and in the chain.
    pub batches: u64,
    /// Lines in these.
    pub lines: u64,
    /// How many times the chain leads to a batch that is not here.
    pub missing: u64,
    /// Where it begins, by the first bundle.
    pub from: Time,
    /// Where it ends, by the last.
    pub to: Time,
}

/// A bundle that names the end of a chain.
struct Head {
    path: String,
    /// The key of the bundle's chain, and the place in that.
    key: PublicKey,
    sequence: u64,
    extract: LogExtract,
}

/// What the evidence of a site says of logs.
#[derive(Default)]
pub struct LogChains {
    heads: BTreeMap<(ApplianceId, String), Vec<Head>>,
    /// What an appliance dropped, by the last batch of it.
    dropped: BTreeMap<ApplianceId, BTreeMap<Digest, LogsDropped>>,
    /// What ended before this may be gone.
    kept_since: Option<Time>,
}

impl LogChains {
    /// Takes a bundle that verified.
    pub fn take(&mut self, path: &str, bundle: &Bundle) {
        if let Some(extract) = &bundle.logs {
            let (key, sequence) = (bundle.public_key.clone(), bundle.chain.sequence);
            let head = Head { path: path.to_owned(), key, sequence, extract: extract.clone() };
            self.heads.entry((bundle.appliance.clone(), extract.source.clone())).or_default().push(head);
        }
        if let Some(refused) = bundle.refused.as_ref().filter(|refused| refused.rule == RULE)
            && let Some((last, dropped)) = refused.digest.zip(LogsDropped::parse(&refused.message))
        {
            self.dropped.entry(bundle.appliance.clone()).or_default().insert(last, dropped);
        }
    }

    /// Walks every chain as far as its batches are here.
    pub fn judge(mut self, archive: &Archive, site: &SiteId, report: &mut VerifyReport) {
        let path = format!("logs/{site}");
        let parts = directory(&archive.folder, "logs", "logs", &mut report.problems);
        let folder = parts.and_then(|f| directory(&f, &path, site.as_str(), &mut report.problems));
        let mut named = BTreeSet::new();
        self.kept_since =
            archive.now.zip(archive.logs_kept(site)).map(|(now, kept)| now.plus_millis(kept.saturating_neg()));
        for ((appliance, source), mut heads) in std::mem::take(&mut self.heads) {
            sort(&mut heads);
            let mut summary = LogSourceSummary {
                site: site.clone(),
                appliance,
                source,
                bundles: heads.len() as u64,
                batches: 0,
                lines: 0,
                missing: 0,
                from: heads.first().map_or(Time::from_unix_millis(0), |head| head.extract.from),
                to: heads.last().map_or(Time::from_unix_millis(0), |head| head.extract.to),
            };
            match &folder {
                Some(folder) => self.walk(folder, &path, &heads, &mut summary, &mut named, report),
                None => {
                    let what = format!(
                        "the batches of logs of {}/{} are not in this folder: {} bundles name them; it was gathered without",
                        summary.appliance, summary.source, summary.bundles
                    );
                    report.problems.note(Code::Missing, &path, what, "what they say was not judged");
                }
            }
            report.log_sources.push(summary);
        }
        if let Some(folder) = &folder {
            unnamed(folder, &path, &named, report);
        }
    }

    fn walk(
        &self,
        folder: &Folder,
        path: &str,
        heads: &[Head],
        summary: &mut LogSourceSummary,
        named: &mut BTreeSet<Digest>,
        report: &mut VerifyReport,
    ) {
        let none = BTreeMap::new();
        let dropped = self.dropped.get(&summary.appliance).unwrap_or(&none);
        let mut before: Option<&Head> = None;
        for head in heads {
            if before.is_some_and(|before| before.extract.digest == head.extract.digest) {
                let what = "it names the same end of the chain as the bundle before it";
                report.problems.bad(Code::Repeated, &head.path, what, CONSEQUENCE);
            } else {
                let mut walk = Walk::from(head, folder, path, dropped, named);
                walk.kept_since = self.kept_since;
                match walk.back_to(before, summary, report) {
                    Came::Whole if walk.lines.is_some_and(|found| found != head.extract.lines) => {
                        let (said, found) = (head.extract.lines, walk.lines.unwrap_or(0));
                        let what = format!("it says {said} lines, and the batches that it names have {found}");
                        report.problems.bad(Code::Malformed, &head.path, what, CONSEQUENCE);
                    }
                    Came::Whole | Came::Bad => {}
                }
            }
            before = Some(head);
        }
    }
}

/// In the order of the evidence, whatever clocks said: by the place in it. A new key of the appliance goes on with the same chain;
/// which came first, times alone tell.
fn sort(heads: &mut [Head]) {
    let mut began: BTreeMap<String, Time> = BTreeMap::new();
    for head in heads.iter() {
        let first = began.entry(head.key.to_string()).or_insert(head.extract.to);
        *first = head.extract.to.min(*first);
    }
    heads.sort_by_cached_key(|head| {
        let key = head.key.to_string();
        (began.get(&key).copied(), key, head.sequence)
    });
}

/// What following a chain came to.
enum Came {
    /// To the end that the bundle before names, or to its beginning.
    Whole,
    /// To a batch that is not here, or not what it should be: that was told.
    Bad,
}

/// The batch after the one that is looked at, or the first one of batches that were dropped.
struct Later {
    /// None where nobody can tell.
    number: Option<u64>,
    from: Time,
}

/// Batches that the appliance dropped, and said so, while one of them is looked at.
#[derive(Clone, Copy)]
struct Dropped<'a> {
    told: &'a LogsDropped,
    /// How many of them are still to come, and the lines that were counted before the last of them. None where the walk began
    /// amid them, at an end of the chain that a bundle named before they were dropped: that, times alone tell.
    counted: Option<(u64, Option<u64>)>,
}

impl Dropped<'_> {
    fn has(told: &LogsDropped, end: Time) -> bool {
        told.from < end && end <= told.to
    }

    /// After one that is here nevertheless: it was sent while it was dropped.
    fn after(self, batch: &LogBatch) -> Option<Self> {
        match self.counted {
            Some((left, lines)) => (left > 1).then(|| Self { counted: Some((left - 1, lines)), ..self }),
            None => (batch.from > self.told.from).then_some(self),
        }
    }
}

/// One walk, from the end that a bundle names.
struct Walk<'a> {
    folder: &'a Folder,
    path: &'a str,
    head: &'a Head,
    later: Option<Later>,
    /// How many there are; none where nobody can tell.
    lines: Option<u64>,
    /// What the appliance dropped, by the last batch of it.
    dropped: &'a BTreeMap<Digest, LogsDropped>,
    /// Where the walk is in that.
    amid: Option<Dropped<'a>>,
    named: &'a mut BTreeSet<Digest>,
    /// What ended before this may be gone.
    kept_since: Option<Time>,
}

impl<'a> Walk<'a> {
    fn from(
        head: &'a Head,
        folder: &'a Folder,
        path: &'a str,
        dropped: &'a BTreeMap<Digest, LogsDropped>,
        named: &'a mut BTreeSet<Digest>,
    ) -> Self {
        let extract = &head.extract;
        let has = |told: &&LogsDropped| told.source.as_str() == extract.source && Dropped::has(told, extract.to);
        let amid = dropped.values().find(has).map(|told| Dropped { told, counted: None });
        Self { folder, path, head, later: None, lines: Some(0), dropped, amid, named, kept_since: None }
    }

    fn back_to(&mut self, before: Option<&Head>, summary: &mut LogSourceSummary, report: &mut VerifyReport) -> Came {
        let end = before.map(|before| before.extract.digest);
        let mut wanted = self.head.extract.digest;
        loop {
            if !self.named.insert(wanted) && self.later.is_some() {
                // A digest that leads to itself cannot be; two chains that meet can.
                let what = "the chain leads to a batch that another bundle leads to as well";
                report.problems.bad(Code::Forked, &self.head.path, what, CONSEQUENCE);
                return Came::Bad;
            }
            if let Some(told) =
                self.dropped.get(&wanted).filter(|told| told.source.as_str() == self.head.extract.source)
            {
                self.amid = Some(Dropped { told, counted: Some((told.batches, self.lines)) });
            }
            let name = format!("{}.jsonl.gz", wanted.hex());
            let path = path_in(self.path, &name);
            let bad = report.problems.bad;
            let Some(bytes) = read(self.folder, &path, &name, MAX_BATCH, &mut report.problems) else {
                if report.problems.bad > bad {
                    return Came::Bad;
                }
                match self.missing(wanted, before, summary, report) {
                    Ok(further) => wanted = further,
                    Err(came) => return came,
                }
                continue;
            };
            if Digest::of(&bytes) != wanted {
                report.problems.bad(
                    Code::Altered,
                    &path,
                    "its bytes are not those that its name and the chain say",
                    CONSEQUENCE,
                );
                return Came::Bad;
            }
            let batch = match LogBatch::judge(&bytes) {
                Ok(batch) => batch,
                Err(e) => {
                    report.problems.bad(Code::Malformed, &path, format!("it is no batch of logs: {e}"), CONSEQUENCE);
                    return Came::Bad;
                }
            };
            if let Some((code, what)) = self.wrong(&batch) {
                report.problems.bad(code, &path, what, CONSEQUENCE);
                return Came::Bad;
            }
            summary.batches += 1;
            summary.lines = summary.lines.saturating_add(batch.lines);
            self.lines = self.lines.map(|lines| lines.saturating_add(batch.lines));
            self.amid = self.amid.and_then(|amid| amid.after(&batch));
            match batch.previous {
                previous if previous == end => return Came::Whole,
                None => {
                    let what = format!("the chain begins anew with it, as number {}", batch.number);
                    report.problems.bad(Code::Forked, &path, what, "what came between the two is not known");
                    return Came::Bad;
                }
                Some(previous) if end.is_none() && self.began_with(&batch, previous) => {
                    let what = format!(
                        "the first bundle names batch {} as the first, and there is one before it",
                        batch.number
                    );
                    report.problems.note(Code::Missing, &path, what, "what the logs said before it is not known");
                    return Came::Whole;
                }
                Some(previous) => wanted = previous,
            }
            self.later = Some(Later { number: Some(batch.number), from: batch.from });
        }
    }

    /// A batch that the chain leads to is not here: the appliance dropped it and said so, and the chain goes on before what it
    /// dropped; or it is withheld.
    fn missing(
        &mut self,
        digest: Digest,
        before: Option<&Head>,
        summary: &mut LogSourceSummary,
        report: &mut VerifyReport,
    ) -> Result<Digest, Came> {
        summary.missing += 1;
        let at = self.later.as_ref().map_or(self.head.extract.to, |later| later.from);
        let which = format!("the batch {digest} of {}/{}, which ends at {at},", summary.appliance, summary.source);
        if self.amid.is_none() && self.kept_since.is_some_and(|since| at < since) {
            // And so is what came before it: nobody misses that.
            let what = format!("{which} is not here: it was to be kept no longer");
            report.problems.note(Code::PastRetention, &self.head.path, what, CONSEQUENCE);
            self.lines = None;
            return Err(Came::Whole);
        }
        let Some(Dropped { told, counted }) = self.amid.take() else {
            let consequence = "it was dropped or withheld: what the logs said then is not known";
            report.problems.bad(Code::Missing, &self.head.path, format!("{which} is not here"), consequence);
            return Err(Came::Bad);
        };
        let what = format!("{which} is not here: the appliance dropped {} batches, and said so", told.batches);
        report.problems.note(Code::Thinned, &self.head.path, what, CONSEQUENCE);
        self.lines = counted.and_then(|(_, lines)| lines).map(|lines| lines.saturating_add(told.lines));
        match (told.before, before) {
            (further, Some(before)) if further == Some(before.extract.digest) => Err(Came::Whole),
            // The end that the bundle before names was dropped with them.
            (_, Some(before)) if Dropped::has(told, before.extract.to) => {
                self.lines = None;
                Err(Came::Whole)
            }
            (None, None) => Err(Came::Whole),
            (None, Some(_)) => {
                let what = "the chain begins anew with batches that were dropped";
                report.problems.bad(Code::Forked, &self.head.path, what, "what came between the two is not known");
                Err(Came::Bad)
            }
            (Some(further), _) => {
                let number = self.later.as_ref().and_then(|later| later.number);
                let number = number.zip(counted).and_then(|(number, (left, _))| number.checked_sub(left));
                self.later = Some(Later { number, from: told.from });
                Ok(further)
            }
        }
    }

    /// Whether the first bundle of all names this batch as the first: it begins where that does, and has the last of its lines.
    /// So may one before it that ends in the same moment.
    fn began_with(&self, batch: &LogBatch, previous: Digest) -> bool {
        let name = format!("{}.jsonl.gz", previous.hex());
        let is_here = || {
            let path = path_in(self.path, &name);
            read(self.folder, &path, &name, MAX_BATCH, &mut Problems::default()).is_some()
        };
        let extract = &self.head.extract;
        batch.from < extract.from
            || (batch.from == extract.from && self.lines.is_none_or(|lines| lines >= extract.lines) && !is_here())
    }

    /// What is wrong with a batch as one of this chain.
    fn wrong(&self, batch: &LogBatch) -> Option<(Code, String)> {
        let extract = &self.head.extract;
        if batch.source.as_str() != extract.source {
            return Some((
                Code::Foreign,
                format!("it is of {}, and the chain of {} leads to it", batch.source, extract.source),
            ));
        }
        match &self.later {
            None if batch.to != extract.to => Some((
                Code::Malformed,
                format!("it ends at {}, and the bundle that names it says {}", batch.to, extract.to),
            )),
            Some(Later { number: Some(later), .. }) if batch.number + 1 != *later => {
                Some((Code::OutOfOrder, format!("batch {} is followed by batch {later}", batch.number)))
            }
            _ => None,
        }
    }
}

/// Files that no chain leads to.
fn unnamed(folder: &Folder, path: &str, named: &BTreeSet<Digest>, report: &mut VerifyReport) {
    let mut count = 0;
    for entry in entries(folder, path, &mut report.problems) {
        let hex = entry.name.strip_suffix(".jsonl.gz").filter(|_| entry.kind == EntryKind::File);
        match hex.and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok()) {
            Some(digest) => count += u64::from(!named.contains(&digest)),
            None => stray(&entry, path, &mut report.problems),
        }
    }
    if count > 0 {
        let what = format!("no bundle leads to {count} batches of logs here: the newest of each source wait for one");
        report.problems.note(Code::Unexpected, path, what, "what is in them was not counted");
    }
}
