//! The evidence of a site: for each key its chain, bundle by bundle.

use std::collections::BTreeMap;

use writ_evidence::bundle::Kind;
use writ_evidence::chain::{Authentic, ChainError, ChainState, follow, resume};
use writ_evidence::records::{ChainEnd, ThinnedRange};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::key_register::KeyRecord;
use writ_trust::time::Time;

use super::bundle_checks::Context;
use super::bundle_file::{BundleFile, Found, Reader};
use super::clock_doubts::ClockDoubts;
use super::incidents::Incidents;
use super::log::notes::JudgedNote;
use super::log::{BundleHere, Seen, SiteLog, strangers};
use super::log_batches::LogChains;
use super::names::{self, Name};
use super::ordered::in_order;
use super::revoked::Cut;
use super::{directory, entries, path_in, stray};
use crate::archive::{Archive, Progress, SiteRecord, Stored};
use crate::folder::{EntryKind, Folder};
use crate::log_summary::LogSummary;
use crate::problem::{Code, Problems};
use crate::verify::{ChainSummary, VerifyReport};

/// How many bundles a thread reads before it hands them on.
const PIECE: usize = 8;
/// What follows when two bundles take one place.
const TWO_HISTORIES: &str = "there are two histories: the key was copied, or the appliance lost its memory";

/// Walks every site's evidence.
pub fn walk(
    archive: &Archive,
    report: &mut VerifyReport,
    visit: &mut dyn FnMut(Stored<'_>),
    progress: &mut dyn FnMut(Progress),
) {
    strangers(archive, &mut report.problems);
    let folder = directory(&archive.folder, "evidence", "evidence", &mut report.problems);
    for (site, record) in &archive.sites {
        let path = format!("evidence/{site}");
        let inner = folder.as_ref().and_then(|f| directory(f, &path, site.as_str(), &mut report.problems));
        let log = SiteLog::begin(archive, site, record, &mut report.problems);
        let incidents = Incidents::default();
        let mut listener =
            Listener { report: &mut *report, visit: &mut *visit, progress: &mut *progress, log, incidents };
        let heard = inner.map(|f| walk_site(archive, site, record, &f, &path, &mut listener)).unwrap_or_default();
        let log = listener.log.take();
        silent(site, record, &heard, &path, report);
        match log {
            Some(log) => {
                progress(Progress::Logs);
                log.finish(report);
            }
            None => report.logs.push(LogSummary::not_configured(site)),
        }
    }
}

/// Who hears of what is found in a site's evidence.
struct Listener<'l, 'a> {
    report: &'l mut VerifyReport,
    visit: &'l mut dyn FnMut(Stored<'_>),
    progress: &'l mut dyn FnMut(Progress),
    log: Option<SiteLog<'a>>,
    incidents: Incidents,
}

/// Where the chain of a key ended, for comparison with what the next key says of it.
type Ends = BTreeMap<[u8; 32], (u64, Option<Digest>)>;

fn walk_site<'a>(
    archive: &'a Archive,
    site: &SiteId,
    record: &'a SiteRecord,
    folder: &Folder,
    path: &str,
    listener: &mut Listener<'_, 'a>,
) -> Ends {
    let mut ends = Ends::new();
    let (mut claims, mut logs) = (Vec::new(), LogChains::default());
    for entry in entries(folder, path, &mut listener.report.problems) {
        let problems = &mut listener.report.problems;
        if entry.kind != EntryKind::Directory {
            stray(&entry, path, problems);
            continue;
        }
        let path = path_in(path, &entry.name);
        let Some(folder) = directory(folder, &path, &entry.name, problems) else { continue };
        let Some(key) = record.register.by_fingerprint(site, &entry.name).max_by_key(|r| r.last) else {
            // Nobody's: what else is in it is told of nobody either.
            let mut unheard = Problems::default();
            let count = names::list(&folder, &path, &mut unheard).0.len();
            let what = format!("no verified release of {site} names a key with this fingerprint ({count} bundles)");
            problems.bad(Code::UnknownKey, &path, what, "anybody could have written them: none was counted");
            continue;
        };
        let mut chain = KeyChain::new(archive, record, key, path, entry.name.clone());
        chain.logs = std::mem::take(&mut logs);
        chain.walk(&folder, listener);
        ends.insert(*key.public_key.ed25519(), (chain.state.next_sequence - 1, chain.state.previous));
        claims.append(&mut chain.claims);
        logs = chain.logs;
    }
    judge_ends(&ends, &claims, listener.report);
    std::mem::take(&mut listener.incidents).judge(listener.report);
    logs.judge(archive, site, listener.report);
    ends
}

/// Names the appliances that have orders and have never answered.
fn silent(site: &SiteId, record: &SiteRecord, ends: &Ends, path: &str, report: &mut VerifyReport) {
    let Some(newest) = record.releases.last() else { return };
    for (appliance, generation) in &newest.release.generations {
        let heard =
            record.register.records().any(|r| r.appliance == *appliance && ends.contains_key(r.public_key.ed25519()));
        if !heard {
            let path = path_in(path, &generation.public_key.fingerprint());
            let what = format!("{site}/{appliance} has orders, but there is no evidence of it");
            report.problems.note(
                Code::Missing,
                &path,
                what,
                "nothing is known of it: every control there is without evidence",
            );
        }
    }
}

/// Compares what a new key says of the chain before it with what is there.
fn judge_ends(ends: &Ends, claims: &[(String, ChainEnd)], report: &mut VerifyReport) {
    for (path, claim) in claims {
        let consequence = "the end of the earlier chain was cut off, or the appliance remembers wrongly";
        match ends.get(claim.public_key.ed25519()) {
            Some((last, digest)) if *last == claim.sequence && *digest == Some(claim.digest) => {}
            Some((last, _)) if *last < claim.sequence => {
                let what =
                    format!("it names bundle {} as the end of the chain before; that ends with {last}", claim.sequence);
                report.problems.bad(Code::Missing, path, what, consequence);
            }
            Some((last, _)) => {
                let what = format!(
                    "it names bundle {} as the end of the chain before; that goes on to {last}",
                    claim.sequence
                );
                report.problems.bad(Code::Forked, path, what, "two machines may have spoken with the earlier key");
            }
            None => {
                let what =
                    format!("it names a chain before it, of key {}, which is not there", claim.public_key.key_id());
                report.problems.bad(Code::Missing, path, what, consequence);
            }
        }
    }
}

/// Bundles that should be there and are not.
struct Gap {
    first: u64,
    last: u64,
    /// Digest that the bundle after the gap names as the one before it; null when that one cannot be read.
    before: Option<Digest>,
    path: String,
}

struct KeyChain<'a> {
    archive: &'a Archive,
    record: &'a SiteRecord,
    key: &'a KeyRecord,
    path: String,
    fingerprint: String,
    state: ChainState,
    gaps: Vec<Gap>,
    thinned: Vec<ThinnedRange>,
    claims: Vec<(String, ChainEnd)>,
    logs: LogChains,
    context: Context,
    doubts: ClockDoubts,
    /// What was last seen of a log.
    seen: Seen,
    cut: Option<Cut<'a>>,
    summary: ChainSummary,
}

impl<'a> KeyChain<'a> {
    fn new(
        archive: &'a Archive,
        record: &'a SiteRecord,
        key: &'a KeyRecord,
        path: String,
        fingerprint: String,
    ) -> Self {
        Self {
            archive,
            record,
            key,
            summary: ChainSummary::new(key, &fingerprint),
            path,
            fingerprint,
            state: ChainState::new(),
            gaps: Vec::new(),
            thinned: Vec::new(),
            claims: Vec::new(),
            logs: LogChains::default(),
            context: Context::default(),
            doubts: ClockDoubts::default(),
            seen: Seen::default(),
            cut: None,
        }
    }

    fn walk(&mut self, folder: &Folder, listener: &mut Listener<'_, '_>) {
        let revoked = self.record.register.revocation(&self.key.site, &self.key.public_key);
        self.cut = revoked.map(|revoked| Cut::new(self.archive, self.key, revoked));
        let (bundles, receipts) = names::list(folder, &self.path, &mut listener.report.problems);
        listener.report.receipts += receipts;
        (listener.progress)(Progress::Found(bundles.len()));
        if let Some(log) = &mut listener.log {
            log.expect(self.key, bundles.len());
        }
        let (path, notes) = (self.path.clone(), listener.log.as_ref().map(SiteLog::notes));
        let reader = Reader { folder, path: &path, key: self.key, notes: notes.as_deref() };
        let read = |n: usize| reader.read(&bundles[n]);
        in_order(self.archive.jobs_for(bundles.len()), PIECE, bundles.len(), &read, &mut |n, file| {
            self.take(&bundles[n], file, listener);
            (listener.progress)(Progress::Verified);
            true
        });
        self.end(listener);
    }

    /// Takes in the next bundle.
    fn take(&mut self, name: &Name, file: BundleFile, listener: &mut Listener<'_, '_>) {
        let BundleFile { path, found, digest, receipt, seen, problems } = file;
        listener.report.problems.extend(problems);
        let held = receipt.as_ref().and_then(|r| r.as_ref().ok()?.fresh_at);
        let fresh = seen.as_ref().and_then(fresh_at);
        if let Some(log) = &mut listener.log {
            let bundle = if let Found::Authentic(found, ..) = &found { Some(&found.bundle) } else { None };
            let Name { sequence, id, receipted } = *name;
            let (path, name, judged) = (path.as_str(), (sequence, id), found.judged());
            let here = BundleHere { path, name, digest, judged, bundle, receipted, receipt, seen };
            log.bundle(self.key, here, &mut self.seen, &mut listener.report.problems);
        }
        let report = &mut *listener.report;
        let (authentic, signature, size) = match found {
            Found::Authentic(authentic, signature, size) => (authentic, signature, size),
            unread => {
                listener.incidents.incomplete = true;
                let previous = if matches!(unread, Found::OtherSchema) { digest } else { None };
                self.pass(&path, name.sequence, previous, report);
                return;
            }
        };
        self.follow(&path, &authentic, report);
        self.note(&path, &authentic, report);
        self.context.judge(self.archive, self.record, self.key, &path, &authentic.bundle, &mut report.problems);
        self.doubts.take(&path, &authentic.bundle, fresh, held);
        if self.cut.as_mut().is_none_or(|cut| cut.counts(&authentic.digest)) {
            listener.incidents.take(&path, &authentic.bundle);
            self.logs.take(&path, &authentic.bundle);
            let Authentic { bundle, digest } = *authentic;
            let (fingerprint, signature) = (&self.fingerprint, &signature);
            (listener.visit)(Stored { path: &path, fingerprint, bundle, digest, signature, size });
        }
    }

    /// Says what was found of the chain as a whole.
    fn end(&mut self, listener: &mut Listener<'_, '_>) {
        let report = &mut *listener.report;
        self.judge_gaps(report);
        std::mem::take(&mut self.doubts).tell(&mut report.problems);
        listener.incidents.incomplete |= !self.gaps.is_empty();
        if let Some(cut) = self.cut.take() {
            listener.incidents.incomplete |= cut.distrusted > 0;
            cut.tell(&self.path, report);
            self.summary.revoked = Some(cut.summary());
        }
        report.bundles += self.summary.bundles;
        report.chains.push(self.summary.clone());
    }

    /// Goes on after a bundle that cannot be read. Its number was taken; of one that the key signed the digest is known too,
    /// so what comes after must name it.
    fn pass(&mut self, path: &str, sequence: u64, digest: Option<Digest>, report: &mut VerifyReport) {
        let expected = self.state.next_sequence;
        if digest.is_some() && sequence < expected {
            let error = ChainError::Repeated { expected, found: sequence };
            report.problems.bad(Code::Forked, path, error, TWO_HISTORIES);
        } else if digest.is_some() && sequence > expected {
            self.gaps.push(Gap { first: expected, last: sequence - 1, before: None, path: path.to_owned() });
        }
        self.state = ChainState { next_sequence: sequence + 1, previous: digest, last_date: self.state.last_date };
    }

    fn follow(&mut self, path: &str, authentic: &Authentic, report: &mut VerifyReport) {
        let error = match follow(&self.state, authentic) {
            Ok(next) => {
                self.state = next;
                return;
            }
            Err(error) => error,
        };
        let (code, consequence) = match &error {
            ChainError::Gap { expected, found } => {
                let before = authentic.bundle.chain.previous;
                self.gaps.push(Gap { first: *expected, last: found - 1, before, path: path.to_owned() });
                self.state = resume(authentic);
                return;
            }
            ChainError::Repeated { .. } | ChainError::Fork { .. } => (Code::Forked, TWO_HISTORIES),
            ChainError::Date { .. } => (Code::OutOfOrder, "its id was not given by the rule that all ids follow"),
            ChainError::FirstNotStarted(_) => (Code::OutOfOrder, "bundles before it may be missing"),
        };
        report.problems.bad(code, path, error, consequence);
        self.state = resume(authentic);
    }

    fn note(&mut self, path: &str, authentic: &Authentic, report: &mut VerifyReport) {
        let bundle = &authentic.bundle;
        self.summary.take(bundle);
        if let Some(thinned) = &bundle.thinned {
            self.thinned.extend(&thinned.ranges);
        }
        if let Some(started) = bundle.started.as_ref().filter(|_| bundle.kind == Kind::Started) {
            self.claims.extend(started.previous_chain.clone().map(|end| (path.to_owned(), end)));
            if started.reimaged {
                let what = "the machine was installed anew before this bundle";
                report.problems.note(
                    Code::Reimaged,
                    path,
                    what,
                    "what it did before is in the chain of its earlier key, if anywhere",
                );
            }
        }
    }

    fn judge_gaps(&self, report: &mut VerifyReport) {
        for Gap { first, last, before, path } in &self.gaps {
            let next = |at: u64| self.thinned.iter().find(|r| r.first == at && r.last <= *last);
            let (mut at, mut digest) = (*first, None);
            while let Some(range) = next(at).filter(|_| at <= *last) {
                (at, digest) = (range.last + 1, Some(range.digest));
            }
            if at == last + 1 && (before.is_none() || digest == *before) {
                let what = format!("bundles {first} to {last} before it were removed by the appliance, which said so");
                report.problems.note(Code::Thinned, path, what, "what they said is gone; the chain holds across");
            } else {
                let which =
                    if first == last { format!("bundle {first} is") } else { format!("bundles {first} to {last} are") };
                let what = format!("{which} missing before it");
                report.problems.bad(
                    Code::Missing,
                    path,
                    what,
                    "what happened then is not known: evidence was dropped or withheld",
                );
            }
        }
    }
}

/// When the log's key said that a checkpoint which counts was its head.
fn fresh_at(note: &JudgedNote) -> Option<Time> {
    note.as_ref().ok().and_then(|(_, signed)| signed.fresh_at)
}
