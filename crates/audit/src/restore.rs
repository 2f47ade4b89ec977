//! Testing that kept evidence can be read back: a random sample of a period's bundles, taken out of a copy, each verified by itself
//! and held against what it should be.
//!
//! What should be there is what the copy holds, what its log names, and what a reference folder holds: a bundle that the copy lacks
//! may be drawn as any other, and fails. By which of them that is known is said: of a copy alone nobody can see what is gone from
//! it without a trace.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use writ_evidence::BundleId;
use writ_evidence::bundle::MAX_BUNDLE;
use writ_evidence::chain::{Authentic, Speaker, VerifyError, authenticate, file_name, parse_file_name};
use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::text::one_line;
use writ_trust::time::Time;

use crate::archive::Archive;
use crate::calendar::midnight;
use crate::folder::{EntryKind, Folder, FolderError};
use crate::load::log::proving::{Entries, LogHere, prove, read_within};
use crate::period::Period;
use crate::problem::Weight;
use crate::proof::{NOT_CONFIGURED, NOT_PROVEN, PROVEN, places, standing};
use crate::sample::{Choice, Seed};
use crate::story;
use crate::words::of;

/// What is to be tested.
#[derive(Debug)]
pub struct Ask<'a> {
    /// By what the bundles are drawn.
    pub seed: Seed,
    /// How many of each site.
    pub count: usize,
    /// Of what time, by the days in their ids.
    pub period: Period,
    /// The folder whose bytes they must have, where there is one.
    pub reference: Option<&'a Folder>,
    /// What was kept and could not be taken into the copy: the names of archives, or of files in them.
    pub left_out: &'a [String],
    /// As of when.
    pub now: Time,
}

/// How long before the end of the time that is tested a log may end, in milliseconds: two days, for appliances that were off.
const LATEST: i64 = 2 * 86_400_000;

/// What one question about a bundle came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// It is as it should be.
    Ok,
    /// It is not.
    Failed,
    /// It was not asked, or something before it failed.
    NotJudged,
}

/// One bundle that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The site.
    pub site: SiteId,
    /// Its id, by the name of its file.
    pub bundle_id: BundleId,
    /// Its file, relative to the audit folder.
    pub path: String,
    /// The digest of its bytes; null where they could not be taken.
    pub digest: Option<Digest>,
    /// Whether it and its signature are there.
    pub present: Found,
    /// Whether the signature holds, by the key that verified releases name.
    pub signature: Found,
    /// Whether it is a bundle by its schema, and valid.
    pub schema: Found,
    /// Whether the site's log is proven to hold it: `proven`, `not proven` or `not configured`.
    pub log: &'static str,
    /// The number of its entry there.
    pub index: Option<u64>,
    /// Whether bundle and signature have the bytes of the reference.
    pub same: Found,
    /// Whether all of that is as it should be.
    pub ok: bool,
    /// What it tells, in one sentence; empty where it does not verify.
    pub summary: String,
    /// What is wrong.
    pub why: Vec<String>,
}

/// By what it is known which bundles there should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnownBy {
    /// The site's logs, each of which was read to its end.
    Log,
    /// The reference.
    Reference,
    /// Both.
    LogAndReference,
    /// Nothing but the copy: what is gone from it without a trace is not missed.
    Copy,
}

impl KnownBy {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "the log",
            Self::Reference => "the reference",
            Self::LogAndReference => "the log and the reference",
            Self::Copy => "the copy alone",
        }
    }
}

/// What came of one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteTest {
    /// The site.
    pub site: SiteId,
    /// How many of its bundles of that time there should be.
    pub there: u64,
    /// How many were taken.
    pub tested: usize,
    /// How many of them are as they should be.
    pub verified: usize,
    /// By what it is known how many there should be.
    pub known_by: KnownBy,
    /// Up to when the site's logs in the copy reach: the latest time that an entry names; null where none is as it was signed.
    pub log_until: Option<Time>,
    /// Why that is not known as it should be: what is wrong with the site's logs in the copy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<String>,
}

impl SiteTest {
    /// Whether something was taken, all of it is as it should be, and nothing is wrong with what tells what there should be.
    pub fn is_fine(&self) -> bool {
        self.tested > 0 && self.tested == self.verified && self.wrong.is_empty()
    }
}

/// So many are named where a line tells what is wrong.
const NAMED: usize = 3;

/// The first of what is wrong, behind a colon.
fn first(all: &[String]) -> String {
    let more = if all.len() > NAMED { ", …" } else { "" };
    format!(": {}{more}", all[..all.len().min(NAMED)].join(", "))
}

/// A restore test, `writ.restore-tested.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreTest {
    /// Always `writ.restore-tested.v1`.
    pub schema: &'static str,
    /// By what it was drawn.
    pub seed: Seed,
    /// Of what time.
    pub period: Period,
    /// How many bundles of that time there should be, over all sites.
    pub there: u64,
    /// How many of each site were asked for.
    pub asked: usize,
    /// How many were taken.
    pub tested: usize,
    /// How many of them are as they should be.
    pub verified: usize,
    /// The sites.
    pub sites: Vec<SiteTest>,
    /// The bundles, by site.
    pub bundles: Vec<Taken>,
    /// Whether everything that was kept could be taken into the copy, and nothing is wrong with its trust roots, releases and
    /// documents.
    pub whole: bool,
    /// What could not be taken into the copy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// What is wrong with the copy's trust roots, releases and documents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<String>,
}

impl RestoreTest {
    /// Whether the copy is whole, something was taken of every site, and all of it is as it should be.
    pub fn is_fine(&self) -> bool {
        self.whole && !self.sites.is_empty() && self.sites.iter().all(SiteTest::is_fine)
    }

    /// Whether all of one site was good: the copy is whole, every bundle that was drawn is as it should be, and which there should
    /// be is known by something else than the copy.
    pub fn is_good(&self, site: &SiteTest) -> bool {
        self.whole && site.is_fine() && site.known_by != KnownBy::Copy
    }

    /// The line over all sites.
    pub fn line(&self) -> String {
        self.told(&self.sites, self.is_fine(), true)
    }

    /// The line of one site for what is signed of it, without names: that stands as it is, and names might be taken for something
    /// else. By what is known what there should be is said beside it.
    pub fn line_of(&self, site: &SiteTest) -> String {
        self.told(std::slice::from_ref(site), self.whole && site.is_fine(), false)
    }

    /// What is wrong with the copy, and with the logs of these sites in it.
    pub fn wrong_with(&self, sites: &[SiteTest]) -> Vec<String> {
        sites.iter().flat_map(|site| &site.wrong).chain(&self.wrong).cloned().collect()
    }

    fn told(&self, sites: &[SiteTest], fine: bool, with_names: bool) -> String {
        let verified: usize = sites.iter().map(|site| site.verified).sum();
        let tested: usize = sites.iter().map(|site| site.tested).sum();
        let named = |all: &[String]| if with_names { first(all) } else { String::new() };
        let wrong = self.wrong_with(sites);
        let mut parts = vec![format!("{verified}/{tested} bundles verified {}", if fine { "OK" } else { "NOT OK" })];
        if !self.left_out.is_empty() {
            parts.push(format!("{} left out{}", of(self.left_out.len() as u64, "file"), named(&self.left_out)));
        }
        if !wrong.is_empty() {
            parts.push(format!("{} of the copy{}", of(wrong.len() as u64, "problem"), named(&wrong)));
        }
        if with_names && sites.iter().any(|site| site.known_by == KnownBy::Copy) {
            parts.push("which there should be is known by the copy alone".to_owned());
        }
        parts.join("; ")
    }
}

/// Where a bundle should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    site: SiteId,
    fingerprint: String,
    sequence: u64,
    id: BundleId,
}

impl Place {
    fn path(&self) -> String {
        format!("evidence/{}/{}/{}", self.site, self.fingerprint, file_name(self.sequence, self.id))
    }
}

/// Takes a sample of each site's bundles out of the archive, and judges the bytes that were read. Nothing of the sites' evidence is
/// read but what is taken.
pub fn test(archive: &Archive, ask: &Ask<'_>) -> Result<RestoreTest, FolderError> {
    let bad = archive.problems.list.iter().filter(|problem| problem.weight == Weight::Bad);
    let wrong: Vec<String> = bad.map(|bad| format!("{} {}: {}", bad.code, bad.path, bad.what)).collect();
    let mut result = RestoreTest {
        schema: "writ.restore-tested.v1",
        seed: ask.seed.clone(),
        period: ask.period,
        there: 0,
        asked: ask.count,
        tested: 0,
        verified: 0,
        sites: Vec::new(),
        bundles: Vec::new(),
        whole: archive.problems.bad == 0 && ask.left_out.is_empty(),
        left_out: ask.left_out.to_vec(),
        wrong,
    };
    for site in archive.sites.keys() {
        let mut choice = Choice::new(ask.count);
        let expected = expected(archive, site, ask)?;
        for place in &expected.places {
            choice.offer(&ask.seed, &place.path(), || place.clone());
        }
        let there = choice.there();
        result.there += there;
        let mut chosen = choice.chosen();
        chosen.sort();
        let mut judged: Vec<Taken> = chosen.iter().map(|place| judge(archive, place, ask.reference)).collect();
        prove_all(archive, site, &mut judged);
        let verified = judged.iter().filter(|one| one.ok).count();
        let Expected { known_by, log_until, wrong, .. } = expected;
        let (site, tested) = (site.clone(), judged.len());
        result.sites.push(SiteTest { site, there, tested, verified, known_by, log_until, wrong });
        result.bundles.extend(judged);
    }
    result.tested = result.bundles.len();
    result.verified = result.bundles.iter().filter(|bundle| bundle.ok).count();
    Ok(result)
}

/// What should be there.
struct Expected {
    places: BTreeSet<Place>,
    known_by: KnownBy,
    log_until: Option<Time>,
    wrong: Vec<String>,
}

/// Every bundle of the period that should be there, by the copy itself, its log and the reference.
fn expected(archive: &Archive, site: &SiteId, ask: &Ask<'_>) -> Result<Expected, FolderError> {
    let within = |id: BundleId| midnight(id.date).is_some_and(|day| ask.period.contains(day));
    let mut places = BTreeSet::new();
    for folder in [Some(&archive.folder), ask.reference].into_iter().flatten() {
        places.extend(named(folder, site)?.into_iter().filter(|place| within(place.id)));
    }
    let proven = prove(archive, site, &BTreeSet::new(), true);
    for logged in proven.bundles {
        let Some(id) = logged.id.parse::<BundleId>().ok().filter(|id| within(*id)) else { continue };
        let (fingerprint, sequence) = (logged.fingerprint, logged.sequence);
        places.insert(Place { site: site.clone(), fingerprint, sequence, id });
    }
    let logs = proven.logs;
    let by_log = !logs.is_empty() && logs.iter().all(|log| log.entries == Entries::All);
    let known_by = match (by_log, ask.reference) {
        (true, Some(_)) => KnownBy::LogAndReference,
        (true, None) => KnownBy::Log,
        (false, Some(_)) => KnownBy::Reference,
        (false, None) => KnownBy::Copy,
    };
    let log_until = logs.iter().filter_map(|log| log.until).max();
    let mut wrong = wrong(site, &logs, known_by);
    wrong.extend(ends_early(ask, log_until).filter(|_| known_by == KnownBy::Log));
    Ok(Expected { places, known_by, log_until, wrong })
}

/// What is wrong with a log that is whole up to its own end and ends before the time that is tested does: of what came after nobody
/// knows. A copy that was last made in the middle of that time is whole in itself.
fn ends_early(ask: &Ask<'_>, log_until: Option<Time>) -> Option<String> {
    let end = ask.period.to.min(ask.now);
    let until = log_until.filter(|until| end.millis_since(*until) > LATEST)?;
    Some(format!("the log here ends at {until}, and there is no reference for what came after"))
}

/// What is wrong with a site's logs where they are to tell which bundles there should be.
fn wrong(site: &SiteId, logs: &[LogHere], known_by: KnownBy) -> Vec<String> {
    let of_log = |(before, log): (usize, &LogHere)| {
        let what = match log.entries {
            Entries::All => return None,
            Entries::Torn => "entries of it are not here, or not as the log has them",
            Entries::Wrong => "its entries or its checkpoint are not as the log's key signed them",
            // In the archives of some days only a part of it is: then the reference tells.
            Entries::Part if known_by == KnownBy::Reference => return None,
            Entries::Part => "its entries are not all here, and there is no reference",
        };
        Some(format!("log/{site}/{}: {what}", before + 1))
    };
    logs.iter().enumerate().filter_map(of_log).collect()
}

/// The bundles of a site by the names of their files.
fn named(root: &Folder, site: &SiteId) -> Result<Vec<Place>, FolderError> {
    let mut found = Vec::new();
    let Some(evidence) = root.directory("evidence")? else { return Ok(found) };
    let Some(of_site) = evidence.directory(site.as_str())? else { return Ok(found) };
    for entry in of_site.entries()?.into_iter().filter(|entry| entry.kind == EntryKind::Directory) {
        let Some(folder) = of_site.directory(&entry.name)? else { continue };
        let names = folder.entries()?.into_iter().filter_map(|file| parse_file_name(&file.name));
        let place = |(sequence, id)| Place { site: site.clone(), fingerprint: entry.name.clone(), sequence, id };
        found.extend(names.map(place));
    }
    Ok(found)
}

fn judge(archive: &Archive, place: &Place, reference: Option<&Folder>) -> Taken {
    let path = place.path();
    let mut found = Taken {
        site: place.site.clone(),
        bundle_id: place.id,
        path: path.clone(),
        digest: None,
        present: Found::NotJudged,
        signature: Found::NotJudged,
        schema: Found::NotJudged,
        log: NOT_CONFIGURED,
        index: None,
        same: Found::NotJudged,
        ok: false,
        summary: String::new(),
        why: Vec::new(),
    };
    let read = |folder: &Folder, path: &str, limit| match read_within(folder, path, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(format!("{path} is not there")),
        Err(error) => Err(one_line(error)),
    };
    let both = |folder: &Folder| {
        Ok::<_, String>((read(folder, &path, MAX_BUNDLE)?, read(folder, &format!("{path}.minisig"), MAX_SIGNATURE)?))
    };
    let (bytes, signature) = match both(&archive.folder) {
        Ok(both) => both,
        Err(why) => {
            found.present = Found::Failed;
            found.why.push(why);
            return found;
        }
    };
    found.present = Found::Ok;
    found.digest = Some(Digest::of(&bytes));
    if let Some(reference) = reference {
        let same = both(reference).map(|(theirs, signed)| theirs == bytes && signed == signature);
        found.same = if same == Ok(true) { Found::Ok } else { Found::Failed };
        match same {
            Ok(true) => {}
            Ok(false) => found.why.push("its bytes are not those of the reference".to_owned()),
            Err(why) => found.why.push(format!("in the reference: {why}")),
        }
    }
    match authentic(archive, place, &bytes, &signature) {
        Ok(authentic) => {
            (found.signature, found.schema) = (Found::Ok, Found::Ok);
            let told = story::tell(&authentic.bundle);
            let sentence = if authentic.bundle.execution.is_some() { told.last() } else { told.first() };
            found.summary = sentence.cloned().unwrap_or_default();
        }
        Err((is_signed, why)) => {
            found.signature = if is_signed { Found::Ok } else { Found::Failed };
            found.schema = if is_signed { Found::Failed } else { Found::NotJudged };
            found.why.push(why);
        }
    }
    found
}

/// A bundle that verifies by itself; otherwise whether at least its signature does, and what is wrong.
fn authentic(archive: &Archive, place: &Place, bytes: &[u8], signature: &[u8]) -> Result<Authentic, (bool, String)> {
    let Place { site, fingerprint, sequence, id } = place;
    let register = archive.sites.get(site).map(|record| &record.register);
    let key = register.and_then(|register| register.by_fingerprint(site, fingerprint).max_by_key(|key| key.last));
    let Some(key) = key else {
        return Err((false, "no verified release in the copy names a key with this fingerprint".to_owned()));
    };
    let speaker = Speaker { site, appliance: &key.appliance, public_key: &key.public_key };
    let authentic = authenticate(bytes, signature, &speaker).map_err(|error| {
        let is_signed = !matches!(
            error,
            VerifyError::TooLarge(_)
                | VerifyError::SignatureFile(_)
                | VerifyError::OtherKey { .. }
                | VerifyError::BadSignature(_)
        );
        (is_signed, one_line(error))
    })?;
    if (authentic.bundle.chain.sequence, authentic.bundle.bundle_id) != (*sequence, *id) {
        return Err((true, "it is another bundle, under this name".to_owned()));
    }
    Ok(authentic)
}

/// Says where the site's log holds what was taken, and with that whether each is as it should be.
fn prove_all(archive: &Archive, site: &SiteId, taken: &mut [Taken]) {
    let wanted: Vec<(Digest, &str)> = taken.iter().filter_map(|one| Some((one.digest?, one.path.as_str()))).collect();
    let places: BTreeMap<Digest, u64> =
        places(archive, site, &wanted).into_iter().map(|(digest, place)| (digest, place.index)).collect();
    for one in taken {
        one.index = one.digest.and_then(|digest| places.get(&digest).copied());
        one.log = standing(archive, site, one.index.is_some());
        if one.log == NOT_PROVEN && one.present == Found::Ok {
            one.why.push("nothing here proves that the site's log holds these bytes".to_owned());
        }
        let good = |found: Found| found == Found::Ok;
        one.ok = good(one.present)
            && good(one.signature)
            && good(one.schema)
            && one.same != Found::Failed
            && matches!(one.log, PROVEN | NOT_CONFIGURED);
    }
}
