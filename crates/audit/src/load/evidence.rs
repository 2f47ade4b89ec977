//! The evidence of a site: for each key its chain, bundle by bundle.

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::BundleId;
use writ_evidence::bundle::{Kind, MAX_BUNDLE};
use writ_evidence::chain::{
    Authentic, ChainError, ChainState, Speaker, VerifyError, authenticate, file_name, follow, parse_file_name, resume,
};
use writ_evidence::records::{ChainEnd, ThinnedRange};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::key_register::KeyRecord;
use writ_trust::log::entry::LogEntry;
use writ_trust::release::RevokedKey;

use super::bundle_checks::Context;
use super::incidents::Incidents;
use super::log::held::{Held, TimeKind, held_since};
use super::log::{BundleHere, Judged, Seen, SiteLog, receipt_beside};
use super::log_batches::LogChains;
use super::{directory, entries, path_in, read, stray};
use crate::archive::{Archive, SiteRecord, Stored};
use crate::folder::{Entry, EntryKind, Folder};
use crate::log_summary::LogSummary;
use crate::problem::Code;
use crate::verify::{ChainSummary, RevokedChain, VerifyReport};

/// What follows when a bundle does not count.
const CONSEQUENCE: &str = "what it says was not counted";
/// What follows when two bundles take one place.
const TWO_HISTORIES: &str = "there are two histories: the key was copied, or the appliance lost its memory";

/// Walks every site's evidence.
pub fn walk(archive: &Archive, report: &mut VerifyReport, visit: &mut dyn FnMut(Stored<'_>)) {
    let folder = directory(&archive.folder, "evidence", "evidence", &mut report.problems);
    for (site, record) in &archive.sites {
        let path = format!("evidence/{site}");
        let inner = folder.as_ref().and_then(|f| directory(f, &path, site.as_str(), &mut report.problems));
        let mut log = SiteLog::begin(archive, site, record, &mut report.problems);
        let heard =
            inner.map(|f| walk_site(archive, site, record, &f, &path, report, visit, &mut log)).unwrap_or_default();
        silent(site, record, &heard, &path, report);
        match log {
            Some(log) => log.finish(report),
            None => report.logs.push(LogSummary::not_configured(site)),
        }
    }
}

/// Bundles by sequence and id, as their files are named.
type Names = BTreeSet<(u64, BundleId)>;

/// Where the chain of a key ended, for comparison with what the next key says of it.
type Ends = BTreeMap<[u8; 32], (u64, Option<Digest>)>;

#[allow(clippy::too_many_arguments, reason = "everything about one site, and what is told of it")]
fn walk_site(
    archive: &Archive,
    site: &SiteId,
    record: &SiteRecord,
    folder: &Folder,
    path: &str,
    report: &mut VerifyReport,
    visit: &mut dyn FnMut(Stored<'_>),
    log: &mut Option<SiteLog<'_>>,
) -> Ends {
    let mut incidents = Incidents::default();
    let mut ends = Ends::new();
    let (mut claims, mut logs) = (Vec::new(), LogChains::default());
    for entry in entries(folder, path, &mut report.problems) {
        let path = path_in(path, &entry.name);
        if entry.kind != EntryKind::Directory {
            stray(&entry, path.rsplit_once('/').map_or("", |p| p.0), &mut report.problems);
            continue;
        }
        let Some(folder) = directory(folder, &path, &entry.name, &mut report.problems) else { continue };
        let Some(key) = record.register.by_fingerprint(site, &entry.name).max_by_key(|r| r.last) else {
            let count = entries(&folder, &path, &mut report.problems)
                .iter()
                .filter(|e| parse_file_name(&e.name).is_some())
                .count();
            let what = format!("no verified release of {site} names a key with this fingerprint ({count} bundles)");
            report.problems.bad(Code::UnknownKey, &path, what, "anybody could have written them: none was counted");
            continue;
        };
        let mut chain = KeyChain::new(archive, record, key, path, entry.name.clone());
        chain.logs = std::mem::take(&mut logs);
        chain.walk(&folder, report, &mut incidents, visit, log);
        ends.insert(*key.public_key.ed25519(), (chain.state.next_sequence - 1, chain.state.previous));
        claims.append(&mut chain.claims);
        logs = chain.logs;
    }
    judge_ends(&ends, &claims, report);
    incidents.judge(report);
    logs.judge(archive, site, report);
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

/// What a file of a bundle holds.
enum Found {
    /// A bundle that verified, its signature, and the bytes that both have.
    Authentic(Box<Authentic>, Vec<u8>, u64),
    /// Something that the key signed, in a schema that is not known here.
    OtherSchema,
    /// Nothing that counts: why was told of.
    Bad,
}

/// Bundles that should be there and are not.
struct Gap {
    first: u64,
    last: u64,
    /// Digest that the bundle after the gap names as the one before it; null when that one cannot be read.
    before: Option<Digest>,
    path: String,
}

/// Which bundles of a revoked key count: those that a log is proven to have held before.
struct Cut<'a> {
    revoked: &'a RevokedKey,
    held: BTreeMap<Digest, Held>,
    /// How many count by the word of others, by that of the log's key alone, and not at all.
    external: u64,
    log_key: u64,
    distrusted: u64,
}

impl<'a> Cut<'a> {
    fn new(archive: &Archive, key: &KeyRecord, revoked: &'a RevokedKey) -> Self {
        let wanted = |entry: &LogEntry| match entry {
            LogEntry::Evidence { public_key, digest, .. } => (*public_key == key.public_key).then_some(*digest),
            _ => None,
        };
        let chain = archive.chain.as_ref();
        let held = chain.map(|chain| held_since(&archive.folder, chain, &key.site, &wanted)).unwrap_or_default();
        Self { revoked, held, external: 0, log_key: 0, distrusted: 0 }
    }

    fn counts(&mut self, digest: &Digest) -> bool {
        let older = self.held.get(digest).and_then(|held| held.before(self.revoked.revoked_at));
        *match older {
            Some(TimeKind::External) => &mut self.external,
            Some(TimeKind::LogKey) => &mut self.log_key,
            None => &mut self.distrusted,
        } += 1;
        older.is_some()
    }

    fn tell(&self, path: &str, report: &mut VerifyReport) {
        let RevokedKey { revoked_at, reason, .. } = self.revoked;
        let counted = self.external + self.log_key;
        let mut what = format!(
            "the appliance's key was revoked as of {revoked_at} ({reason}): {counted} of its bundles a log is proven to have held \
             before, {} not",
            self.distrusted
        );
        if counted > 0 {
            let kinds = [(self.external, TimeKind::External), (self.log_key, TimeKind::LogKey)];
            let kinds = kinds.iter().filter(|(count, _)| *count > 0);
            let kinds: Vec<String> = kinds.map(|(count, kind)| format!("{} of {count}", kind.as_str())).collect();
            what += &format!("; time: {}", kinds.join(", "));
        }
        let so = match (counted, self.distrusted) {
            (_, 0) => "all of them count",
            (0, _) => "nothing proves which of them are older: they were verified, not counted",
            _ => "the former count, the latter were verified, not counted: a thief could have made them",
        };
        report.problems.note(Code::Revoked, path, what, so);
    }

    /// The same for whoever reads the report with a program.
    fn summary(&self) -> RevokedChain {
        let Self { external, log_key, distrusted: not_counted, .. } = *self;
        RevokedChain { revoked_at: self.revoked.revoked_at, external, log_key, not_counted }
    }
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
        }
    }

    fn walk(
        &mut self,
        folder: &Folder,
        report: &mut VerifyReport,
        incidents: &mut Incidents,
        visit: &mut dyn FnMut(Stored<'_>),
        log: &mut Option<SiteLog<'_>>,
    ) {
        let revoked = self.record.register.revocation(&self.key.site, &self.key.public_key);
        let mut cut = revoked.map(|revoked| Cut::new(self.archive, self.key, revoked));
        let (bundles, receipts) = self.bundles(folder, report);
        let mut seen = Seen::default();
        for (sequence, id) in bundles {
            let name = file_name(sequence, id);
            let path = path_in(&self.path, &name);
            let mut digest = None;
            let found = self.authentic(folder, &path, &name, (sequence, id), &mut digest, report);
            if let Some(log) = log {
                let problems = &mut report.problems;
                let receipted = receipts.contains(&(sequence, id));
                let receipt = receipted.then(|| receipt_beside(folder, &self.path, &name, problems)).flatten();
                let receipt = receipt.as_deref();
                let (judged, bundle) = match &found {
                    Found::Authentic(found, ..) => (Judged::Verified, Some(&found.bundle)),
                    Found::OtherSchema => (Judged::OtherSchema, None),
                    Found::Bad => (Judged::Bad, None),
                };
                let here = BundleHere { path: &path, name: (sequence, id), digest, judged, bundle, receipted, receipt };
                log.bundle(self.key, &here, &mut seen, problems);
            }
            let (authentic, signature, size) = match found {
                Found::Authentic(authentic, signature, size) => (authentic, signature, size),
                unread => {
                    incidents.incomplete = true;
                    let previous = if matches!(unread, Found::OtherSchema) { digest } else { None };
                    self.pass(&path, sequence, previous, report);
                    continue;
                }
            };
            self.follow(&path, &authentic, report);
            self.note(&path, &authentic, report);
            self.context.judge(self.archive, self.record, self.key, &path, &authentic.bundle, &mut report.problems);
            if cut.as_mut().is_none_or(|cut| cut.counts(&authentic.digest)) {
                incidents.take(&path, &authentic.bundle);
                self.logs.take(&path, &authentic.bundle);
                let Authentic { bundle, digest } = *authentic;
                let (fingerprint, signature) = (&self.fingerprint, &signature);
                visit(Stored { path: &path, fingerprint, bundle, digest, signature, size });
            }
        }
        self.judge_gaps(report);
        incidents.incomplete |= !self.gaps.is_empty();
        if let Some(cut) = cut {
            incidents.incomplete |= cut.distrusted > 0;
            cut.tell(&self.path, report);
            self.summary.revoked = Some(cut.summary());
        }
        report.bundles += self.summary.bundles;
        report.chains.push(self.summary.clone());
    }

    /// The bundles by their file names, in the order of the chain, and those that have a receipt beside them.
    fn bundles(&self, folder: &Folder, report: &mut VerifyReport) -> (Names, Names) {
        let all = entries(folder, &self.path, &mut report.problems);
        let names: BTreeSet<&str> = all.iter().map(|e| e.name.as_str()).collect();
        let (mut found, mut receipts) = (Names::new(), Names::new());
        for Entry { name, kind } in &all {
            let companion = [".minisig", ".receipt.json"].iter().find_map(|end| {
                let bundle = name.strip_suffix(end)?;
                let bundle = if bundle.ends_with(".json") { bundle.to_owned() } else { format!("{bundle}.json") };
                parse_file_name(&bundle).map(|_| bundle)
            });
            match (parse_file_name(name), companion) {
                _ if *kind != EntryKind::File => {
                    stray(&Entry { name: name.clone(), kind: *kind }, &self.path, &mut report.problems);
                }
                (Some(bundle), _) => {
                    found.insert(bundle);
                }
                (None, Some(bundle)) if !names.contains(bundle.as_str()) => {
                    let what = "its signature or receipt is there, but not the bundle";
                    report.problems.bad(Code::Missing, &path_in(&self.path, &bundle), what, "a bundle was removed");
                }
                (None, Some(bundle)) if name.ends_with(".receipt.json") => {
                    report.receipts += 1;
                    receipts.extend(parse_file_name(&bundle));
                }
                (None, Some(_)) => {}
                (None, None) => stray(&Entry { name: name.clone(), kind: *kind }, &self.path, &mut report.problems),
            }
        }
        (found, receipts)
    }

    /// One bundle, if it verifies; `digest` becomes that of its bytes in any case.
    fn authentic(
        &self,
        folder: &Folder,
        path: &str,
        name: &str,
        (sequence, id): (u64, BundleId),
        digest: &mut Option<Digest>,
        report: &mut VerifyReport,
    ) -> Found {
        let problems = &mut report.problems;
        let Some(bytes) = read(folder, path, name, MAX_BUNDLE, problems) else { return Found::Bad };
        *digest = Some(Digest::of(&bytes));
        let signature_name = format!("{name}.minisig");
        let signature_path = path_in(&self.path, &signature_name);
        let before = problems.bad;
        let Some(signature) = read(folder, &signature_path, &signature_name, MAX_SIGNATURE, problems) else {
            if problems.bad == before {
                problems.bad(Code::Unsigned, path, "its signature file is not there", CONSEQUENCE);
            }
            return Found::Bad;
        };
        let KeyRecord { site, appliance, public_key, .. } = self.key;
        match authenticate(&bytes, &signature, &Speaker { site, appliance, public_key }) {
            Ok(authentic) if (authentic.bundle.chain.sequence, authentic.bundle.bundle_id) != (sequence, id) => {
                let own = file_name(authentic.bundle.chain.sequence, authentic.bundle.bundle_id);
                problems.bad(Code::OutOfOrder, path, format!("it is {own}, under another name"), CONSEQUENCE);
                Found::Bad
            }
            Ok(authentic) => {
                let size = (bytes.len() + signature.len()) as u64;
                Found::Authentic(Box::new(authentic), signature, size)
            }
            Err(error @ VerifyError::OtherSchema(_)) => {
                problems.note(Code::UnknownSchema, path, error, "it is signed, but not assessable here");
                Found::OtherSchema
            }
            Err(error) => {
                problems.bad(code_of(&error), path, error, CONSEQUENCE);
                Found::Bad
            }
        }
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

fn code_of(error: &VerifyError) -> Code {
    match error {
        VerifyError::SignatureFile(_) | VerifyError::BadSignature(_) => Code::Altered,
        VerifyError::OtherKey { .. } | VerifyError::ForeignKey => Code::UnknownKey,
        VerifyError::ForeignSite { .. } | VerifyError::ForeignAppliance { .. } => Code::Foreign,
        VerifyError::TooLarge(_) | VerifyError::Malformed(_) | VerifyError::Invalid(_) => Code::Malformed,
        VerifyError::OtherSchema(_) => Code::UnknownSchema,
    }
}
