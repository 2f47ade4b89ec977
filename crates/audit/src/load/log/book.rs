//! Holding what a site's logs say was there against what is here, entry by entry.

use std::collections::{BTreeMap, BTreeSet};

use writ_evidence::BundleId;
use writ_evidence::chain::file_name;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::key_register::KeyRecord;
use writ_trust::log::entry::{EntryError, LogEntry};
use writ_trust::log::tile::EntryBundle;
use writ_trust::minisign::PublicKey;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::root_chain::TrustChain;

use super::claims::Source;
use crate::archive::SiteRecord;
use crate::load::path_in;
use crate::log_summary::EntryCounts;
use crate::problem::{Code, Problems};
use crate::words::of;

/// What follows when a bundle of the log is not in the folder.
const WITHHELD: &str = "evidence that was acknowledged was dropped or is withheld";
/// The most keys without a release that are told of.
const MAX_UNKNOWN: usize = 100;

/// A bundle in the folder.
#[derive(Debug)]
struct Slot {
    sequence: u64,
    id: BundleId,
    /// Of its bytes; null when they could not be read.
    digest: Option<Digest>,
    judged: Judged,
    receipt: Receipt,
    /// The log and the entry that hold it.
    logged: Option<(usize, u64)>,
}

/// What a file of a bundle was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// A bundle that verified.
    Verified,
    /// Signed by the key, in a schema that is not known here: nothing but a note was said of it.
    OtherSchema,
    /// Not as it was signed, or not readable: that was told of as bad.
    Bad,
}

/// The receipt beside a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// None: nobody says that it was taken in.
    None,
    /// One that does not hold.
    Bad,
    /// One that holds: if the log is not the one that gave it, that is told of elsewhere.
    Holds,
}

/// Bundles of one key that the log holds and the folder does not, one after the other.
#[derive(Debug)]
struct Missing {
    first: u64,
    last: u64,
    path: String,
    entry: String,
}

#[derive(Debug)]
struct KeyBook {
    path: String,
    slots: Vec<Slot>,
    missing: Option<Missing>,
}

/// What is known of a site's bundles and releases, and which of them a log holds.
pub struct Book<'a> {
    site: &'a SiteId,
    record: &'a SiteRecord,
    chain: &'a TrustChain,
    keys: BTreeMap<[u8; 32], KeyBook>,
    /// Whose each key is that a verified release names.
    appliances: BTreeMap<[u8; 32], Vec<&'a ApplianceId>>,
    releases: BTreeMap<Digest, Option<usize>>,
    /// Releases in the folder that did not verify: they were told of.
    broken: BTreeSet<(Epoch, Serial)>,
    obeyed: BTreeSet<Digest>,
    receipted: BTreeSet<Digest>,
    unknown: BTreeSet<String>,
}

/// One reading of one log.
pub struct Pass {
    /// The log's number.
    pub number: usize,
    /// Its path in the audit folder.
    pub path: String,
    /// The digest of the restart that leads to it, if one counts.
    pub restart: Option<Digest>,
    /// What is wrong.
    pub problems: Problems,
    /// How many entries there are of each type.
    pub counts: EntryCounts,
    newest: Option<(Epoch, Serial)>,
}

impl Pass {
    /// The reading of a log that begins.
    pub fn new(number: usize, path: &str, restart: Option<Digest>) -> Self {
        let (problems, counts) = (Problems::default(), EntryCounts::default());
        Self { number, path: path.to_owned(), restart, problems, counts, newest: None }
    }
}

/// An entry and where it is.
struct At {
    index: u64,
    file: EntryBundle,
}

impl At {
    fn path(&self, pass: &Pass) -> String {
        path_in(&pass.path, &self.file.path())
    }
}

impl<'a> Book<'a> {
    /// The book of a site. `broken` are the releases whose files are there and did not verify.
    pub fn new(
        site: &'a SiteId,
        record: &'a SiteRecord,
        chain: &'a TrustChain,
        broken: BTreeSet<(Epoch, Serial)>,
    ) -> Self {
        let mut appliances: BTreeMap<[u8; 32], Vec<&ApplianceId>> = BTreeMap::new();
        for known in record.register.records().filter(|known| known.site == *site) {
            appliances.entry(*known.public_key.ed25519()).or_default().push(&known.appliance);
        }
        Self {
            site,
            record,
            chain,
            keys: BTreeMap::new(),
            appliances,
            releases: record.releases.iter().map(|past| (past.digest, None)).collect(),
            broken,
            obeyed: BTreeSet::new(),
            receipted: BTreeSet::new(),
            unknown: BTreeSet::new(),
        }
    }

    fn key(&mut self, key: &PublicKey) -> &mut KeyBook {
        let path = || format!("evidence/{}/{}", self.site, key.fingerprint());
        self.keys.entry(*key.ed25519()).or_insert_with(|| KeyBook { path: path(), slots: Vec::new(), missing: None })
    }

    /// Makes room for so many bundles of a key.
    pub fn expect(&mut self, key: &KeyRecord, bundles: usize) {
        self.key(&key.public_key).slots.reserve_exact(bundles);
    }

    /// Takes in a bundle of the folder; they come in the order of their chain.
    pub fn bundle(
        &mut self,
        key: &KeyRecord,
        (sequence, id): (u64, BundleId),
        digest: Option<Digest>,
        judged: Judged,
        receipt: Receipt,
    ) {
        let slot = Slot { sequence, id, digest, judged, receipt, logged: None };
        self.key(&key.public_key).slots.push(slot);
    }

    /// Takes in that a bundle was written under a release.
    pub fn obeyed(&mut self, release: Digest) {
        self.obeyed.insert(release);
    }

    /// Takes in that a release has a receipt.
    pub fn receipted(&mut self, release: Digest) {
        self.receipted.insert(release);
    }

    /// Judges an entry of a log.
    pub fn entry(&mut self, pass: &mut Pass, index: u64, file: EntryBundle, entry: Result<LogEntry, EntryError>) {
        let at = At { index, file };
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let what = format!("entry {index}: {error}");
                return pass.problems.bad(Code::Malformed, &at.path(pass), what, "what was logged there is not known");
            }
        };
        if entry.site() != self.site {
            let what = format!("entry {index} is of site {}", entry.site());
            let so = "the log of one site holds nothing of another";
            return pass.problems.bad(Code::Foreign, &at.path(pass), what, so);
        }
        if matches!(entry, LogEntry::Restart { .. }) != (index == 0 && pass.number > 1) {
            let what = match entry {
                LogEntry::Restart { .. } => {
                    format!("entry {index} is a restart, which can only begin a log after the first")
                }
                _ => "it does not begin with its restart".to_owned(),
            };
            let so = "the log was not begun as the trust keys ordered";
            pass.problems.bad(Code::OutOfOrder, &at.path(pass), what, so);
        }
        match entry {
            LogEntry::Evidence { id, appliance, public_key, sequence, digest, .. } => {
                pass.counts.evidence += 1;
                self.evidence(pass, &at, &id, &appliance, &public_key, sequence, digest);
            }
            LogEntry::Release { epoch, serial, previous, digest, .. } => {
                pass.counts.releases += 1;
                self.release(pass, &at, (epoch, serial), previous, digest);
            }
            LogEntry::Trust { version, digest, .. } => {
                pass.counts.trust_roots += 1;
                self.trust(pass, &at, version, digest);
            }
            // What became of it is in the evidence of those whom it was for; expired ones are kept nowhere.
            LogEntry::Order { .. } => pass.counts.orders += 1,
            LogEntry::Restart { digest, .. } => {
                pass.counts.restarts += 1;
                if pass.restart.is_some_and(|restart| restart != digest) {
                    let what = format!("entry {index} is another restart than restart.json ({digest})");
                    pass.problems.bad(Code::Forked, &at.path(pass), what, "two orders to begin this log exist");
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the members of one entry")]
    fn evidence(
        &mut self,
        pass: &mut Pass,
        at: &At,
        id: &str,
        appliance: &ApplianceId,
        key: &PublicKey,
        sequence: u64,
        digest: Digest,
    ) {
        let Some(appliances) = self.appliances.get(key.ed25519()) else {
            let fingerprint = key.fingerprint();
            if self.unknown.len() < MAX_UNKNOWN && self.unknown.insert(fingerprint.clone()) {
                let what =
                    format!("entry {} is of a bundle by key {fingerprint}, which no verified release names", at.index);
                let so = "anybody could have written it, or a release is missing";
                pass.problems.bad(Code::UnknownKey, &at.path(pass), what, so);
            }
            return;
        };
        if !appliances.contains(&appliance) {
            let what = format!("entry {} calls the appliance {appliance}; its key is another's", at.index);
            pass.problems.bad(Code::Malformed, &at.path(pass), what, "the log says something untrue of a bundle");
        }
        let number = pass.number;
        let KeyBook { path, slots, missing } = self.key(key);
        let from = slots.partition_point(|slot| slot.sequence < sequence);
        let until = slots.partition_point(|slot| slot.sequence <= sequence);
        let slots = &mut slots[from..until];
        if let Some(slot) = slots.iter_mut().find(|slot| slot.digest == Some(digest)) {
            let path = || path_in(path, &file_name(slot.sequence, slot.id));
            if let Some((_, before)) = slot.logged.filter(|(log, _)| *log == number) {
                let what = format!("the log holds it twice, as entries {before} and {}", at.index);
                let so = "a log that takes one thing in twice is not kept as it should be";
                pass.problems.bad(Code::Repeated, &path(), what, so);
            }
            if slot.id.to_string() != id {
                let what = format!("entry {} calls it {id:?}", at.index);
                pass.problems.bad(Code::Malformed, &path(), what, "the log says something untrue of a bundle");
            }
            slot.logged.get_or_insert((number, at.index));
            return;
        }
        // That one is not as it was signed has been said.
        if slots.iter().any(|slot| slot.judged == Judged::Bad) {
            return;
        }
        if let Some(slot) = slots.first() {
            let path = path_in(path, &file_name(slot.sequence, slot.id));
            let what = format!("entry {} of {} is of another bundle of this number ({digest})", at.index, pass.path);
            let so = "the appliance's key signed two histories, or the log invented one";
            return pass.problems.bad(Code::Forked, &path, what, so);
        }
        let entry = format!("entry {} of {}", at.index, pass.path);
        let name = id.parse().map_or_else(|_| format!("{sequence}"), |id: BundleId| file_name(sequence, id));
        match missing {
            Some(missing) if missing.last + 1 == sequence => missing.last = sequence,
            missing => {
                let next = Missing { first: sequence, last: sequence, path: path_in(path, &name), entry };
                if let Some(before) = missing.replace(next) {
                    before.tell(&mut pass.problems);
                }
            }
        }
    }

    fn release(&mut self, pass: &mut Pass, at: &At, point: (Epoch, Serial), previous: Option<Digest>, digest: Digest) {
        let (epoch, serial) = point;
        if pass.newest.is_some_and(|newest| newest >= point) {
            let what = format!("entry {} is release {epoch}-{serial}, after one that is not before it", at.index);
            pass.problems.bad(
                Code::OutOfOrder,
                &at.path(pass),
                what,
                "releases were published out of order, or one twice",
            );
        }
        pass.newest = pass.newest.max(Some(point));
        if let Some(logged) = self.releases.get_mut(&digest) {
            logged.get_or_insert(pass.number);
            let named = self.record.releases.iter().find(|past| past.digest == digest);
            if named.is_some_and(|past| past.release.point() != point || past.release.previous != previous) {
                let what = format!("entry {} describes the release {digest} wrongly", at.index);
                pass.problems.bad(Code::Malformed, &at.path(pass), what, "the log says something untrue of a release");
            }
            return;
        }
        if self.broken.contains(&point) {
            return;
        }
        let path = format!("releases/{}/{epoch}-{serial}/release.json", self.site);
        let what = format!("entry {} of {} is release {epoch}-{serial} ({digest})", at.index, pass.path);
        if self.record.releases.iter().any(|past| past.release.point() == point) {
            let what = format!("{what}: another one of this number");
            pass.problems.bad(Code::Forked, &path, what, "two appliances may have been given different orders");
        } else {
            let what = format!("{what}, which is not here");
            pass.problems.bad(Code::Missing, &path, what, "what was ordered then is not known");
        }
    }

    fn trust(&self, pass: &mut Pass, at: &At, version: writ_trust::numbers::TrustVersion, digest: Digest) {
        let path = format!("trust/{version}.json");
        let what = format!("entry {} of {} is trust root {version} ({digest})", at.index, pass.path);
        match self.chain.digest_at(version) {
            Some(known) if known == digest => {}
            Some(_) => {
                let what = format!("{what}: another one of this version");
                pass.problems.bad(Code::Forked, &path, what, "two trust roots of one version exist");
            }
            None if version > self.chain.newest().version => {
                let what = format!("{what}, which is not here");
                pass.problems.bad(Code::Missing, &path, what, "who may sign since then is not known");
            }
            // Older than the root that was given.
            None => {}
        }
    }

    /// Tells of the bundles that a log holds and the folder does not.
    pub fn missing(&mut self, problems: &mut Problems) {
        self.keys.values_mut().filter_map(|book| book.missing.take()).for_each(|missing| missing.tell(problems));
    }

    /// Tells of the bundles and releases that no log holds; gives the number of those bundles. To be asked only when every
    /// log was read to its end.
    pub fn unlogged(&self, problems: &mut Problems) -> u64 {
        let mut count = 0;
        for book in self.keys.values() {
            let unlogged =
                |slot: &&Slot| slot.judged != Judged::Bad && slot.logged.is_none() && slot.receipt != Receipt::Holds;
            let slots: Vec<&Slot> = book.slots.iter().filter(unlogged).collect();
            count += slots.len() as u64;
            let follows = |a: &&Slot, b: &&Slot| b.sequence == a.sequence + 1 && a.receipt == b.receipt;
            for run in slots.chunk_by(follows) {
                let path = path_in(&book.path, &file_name(run[0].sequence, run[0].id));
                let which = match run {
                    [_] => "no log holds it".to_owned(),
                    [first, .., last] => {
                        let many = of(run.len() as u64, "bundle");
                        format!("no log holds the {many} from {} to {}", first.sequence, last.sequence)
                    }
                    [] => continue,
                };
                if run[0].receipt == Receipt::None {
                    let so = "nobody acknowledged having it: it may not have been delivered yet";
                    problems.note(Code::Unlogged, &path, which, so);
                } else {
                    let so = "somebody acknowledged having it, and the log does not";
                    problems.bad(Code::Unlogged, &path, which, so);
                }
            }
        }
        for past in &self.record.releases {
            if self.releases.get(&past.digest).is_none_or(Option::is_none) {
                self.unlogged_release(past, problems);
            }
        }
        count
    }

    fn unlogged_release(&self, past: &writ_trust::history::PastRelease, problems: &mut Problems) {
        let (epoch, serial) = past.release.point();
        let path = format!("releases/{}/{epoch}-{serial}/release.json", self.site);
        let what = "no log holds this release";
        let logged_then =
            self.chain.at(past.release.trust_version).is_none_or(|root| !root.origins(self.site).is_empty());
        if self.receipted.contains(&past.digest) {
            problems.bad(Code::Unlogged, &path, what, "its receipt says that one does");
        } else if !logged_then {
            problems.note(Code::Unlogged, &path, what, "the trust root it was made under named no log yet");
        } else if self.obeyed.contains(&past.digest) {
            problems.bad(Code::Unlogged, &path, what, "an appliance obeyed orders that were not published to all");
        } else {
            problems.note(Code::Unlogged, &path, what, "no appliance here obeyed it: it may not be published yet");
        }
    }
}

impl Missing {
    fn tell(self, problems: &mut Problems) {
        let Self { first, last, path, entry } = self;
        let what = if first == last {
            format!("{entry} holds it, and it is not here")
        } else {
            format!("the log holds it ({entry}) and those up to number {last}, and they are not here")
        };
        problems.bad(Code::Missing, &path, what, WITHHELD);
    }
}

/// Who a receipt speaks of.
pub fn source_of(entry: &LogEntry) -> Source {
    match entry {
        LogEntry::Release { .. } => Source::ReleaseReceipt,
        _ => Source::Receipt,
    }
}
