//! The releases of one site: signatures, order, links.

use std::collections::{BTreeMap, BTreeSet};

use writ_trust::digest::Digest;
use writ_trust::history::{
    HistoryProblem, PastRefusal, PastRelease, Standing, check_history, verify_release_for_audit, vouched_for,
};
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::entry::LogEntry;
use writ_trust::log::receipt::MAX_RECEIPT;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::root_chain::TrustChain;

use super::log::held::{TimeKind, held_since};
use super::{directory, entries, is_signature_of, path_in, read, signatures, stray};
use crate::archive::SiteRecord;
use crate::folder::{EntryKind, Folder};
use crate::problem::{Code, Problems};

/// The name of a release's document in its folder.
const DOCUMENT: &str = "release.json";
/// The name of the receipt of the site's log beside it.
pub const RECEIPT: &str = "release.receipt.json";
/// What follows when a release does not hold.
const CONSEQUENCE: &str = "what appliances did under it cannot be judged";

/// The verified releases of a site, oldest first.
pub fn load(root: &Folder, site: &SiteId, chain: &TrustChain, problems: &mut Problems) -> Vec<PastRelease> {
    let path = format!("releases/{site}");
    let Some(folder) = site_folder(root, site, problems) else { return Vec::new() };
    let mut found: BTreeMap<Digest, Loaded> = BTreeMap::new();
    for entry in entries(&folder, &path, problems) {
        if entry.kind != EntryKind::Directory || parse_point(&entry.name).is_none() {
            stray(&entry, &path, problems);
            continue;
        }
        let path = path_in(&path, &entry.name);
        if let Some(release) = directory(&folder, &path, &entry.name, problems)
            .and_then(|folder| load_one(&folder, &path, &entry.name, site, chain, problems))
        {
            found.insert(release.past.digest, release);
        }
    }
    let mut found: Vec<Loaded> = found.into_values().collect();
    prove(root, site, chain, &mut found, problems);
    let mut all: Vec<PastRelease> = found.into_iter().map(|loaded| loaded.past).collect();
    all.sort_by_key(|past| (past.release.point(), past.digest));
    judge_history(&path, &all, problems);
    all
}

/// A release that verified, and what it was verified from where that may have to be done again.
struct Loaded {
    past: PastRelease,
    path: String,
    from: Option<(Vec<u8>, Vec<Vec<u8>>)>,
}

/// Of the releases that count only with keys that were revoked since, finds those that a log held before.
fn prove(root: &Folder, site: &SiteId, chain: &TrustChain, found: &mut [Loaded], problems: &mut Problems) {
    let unproven: BTreeSet<Digest> =
        found.iter().filter(|loaded| loaded.from.is_some()).map(|loaded| loaded.past.digest).collect();
    if unproven.is_empty() {
        return;
    }
    let wanted = |entry: &LogEntry| match entry {
        LogEntry::Release { digest, .. } => unproven.contains(digest).then_some(*digest),
        _ => None,
    };
    let held = held_since(root, chain, site, &wanted);
    for loaded in found {
        let Some((bytes, signatures)) = &loaded.from else { continue };
        let times = held.get(&loaded.past.digest).copied().unwrap_or_default();
        // By its own date it held: a proof may only add to that.
        let sound = times.times().find_map(|(kind, at)| {
            let past = verify_release_for_audit(bytes, signatures, chain, site, Some(at)).ok()?;
            (past.standing == Standing::Sound).then_some((kind, at, past))
        });
        let Some((kind, at, past)) = sound else { continue };
        let names: Vec<&str> = past.signers.iter().map(|signer| signer.name.as_str()).collect();
        let what = format!("it counts with keys of which some were revoked since ({})", names.join(", "));
        let whose = match kind {
            TimeKind::External => "as others than the log say",
            TimeKind::LogKey => "by the word of the log's own key",
        };
        let so =
            format!("the site's log held it by {at}, {whose} (time: {}): that is before, so it stands", kind.as_str());
        problems.note(Code::Revoked, &loaded.path, what, so);
        loaded.past = past;
    }
}

/// `<epoch>-<serial>` without leading zeros.
fn parse_point(name: &str) -> Option<(u64, u64)> {
    let (epoch, serial) = name.split_once('-')?;
    let point: (u64, u64) = (epoch.parse().ok()?, serial.parse().ok()?);
    (format!("{}-{}", point.0, point.1) == name).then_some(point)
}

fn load_one(
    folder: &Folder,
    path: &str,
    name: &str,
    site: &SiteId,
    chain: &TrustChain,
    problems: &mut Problems,
) -> Option<Loaded> {
    let all = entries(folder, path, problems);
    for entry in &all {
        let known = entry.name == DOCUMENT || entry.name == RECEIPT || is_signature_of(DOCUMENT, &entry.name);
        if entry.kind != EntryKind::File || !known {
            stray(entry, path, problems);
        }
    }
    let document = path_in(path, DOCUMENT);
    if !all.iter().any(|e| e.name == DOCUMENT) {
        problems.bad(Code::Missing, &document, "the release is not in its folder", CONSEQUENCE);
        return None;
    }
    let bytes = read(folder, &document, DOCUMENT, MAX_DOCUMENT, problems)?;
    let signatures = signatures(folder, path, &all, DOCUMENT, problems);
    let past = match verify_release_for_audit(&bytes, &signatures, chain, site, None) {
        Ok(past) => past,
        Err(error) => {
            problems.bad(code_of(&error, signatures.is_empty()), &document, error, CONSEQUENCE);
            return None;
        }
    };
    let (epoch, serial) = past.release.point();
    if format!("{epoch}-{serial}") != name {
        let what = format!("it is release {epoch}-{serial}, in the folder of another");
        problems.bad(Code::OutOfOrder, &document, what, "somebody moved it; its own number was used");
    }
    let from = matches!(past.standing, Standing::Unproven { .. }).then_some((bytes, signatures));
    Some(Loaded { past, path: document, from })
}

/// The numbers of the releases whose document is in the folder and did not verify.
pub fn broken(root: &Folder, site: &SiteId, record: &SiteRecord) -> BTreeSet<(Epoch, Serial)> {
    // What cannot be listed or opened was told of when the releases were read.
    let mut unheard = Problems::default();
    let Some(folder) = site_folder(root, site, &mut unheard) else { return BTreeSet::new() };
    entries(&folder, "", &mut unheard)
        .iter()
        .filter_map(|entry| {
            let (epoch, serial) = parse_point(&entry.name)?;
            let point = (Epoch::new(epoch).ok()?, Serial::new(serial).ok()?);
            let verified = record.releases.iter().any(|past| past.release.point() == point);
            let inner = folder.directory(&entry.name).ok().flatten()?;
            (!verified && !matches!(inner.read(DOCUMENT, MAX_DOCUMENT), Ok(None))).then_some(point)
        })
        .collect()
}

/// The receipt beside a release, if there is one.
pub fn receipt(
    root: &Folder,
    site: &SiteId,
    (epoch, serial): (Epoch, Serial),
    problems: &mut Problems,
) -> Option<Vec<u8>> {
    let name = format!("{epoch}-{serial}");
    let path = format!("releases/{site}/{name}");
    let folder = site_folder(root, site, problems).and_then(|site| directory(&site, &path, &name, problems))?;
    read(&folder, &path_in(&path, RECEIPT), RECEIPT, MAX_RECEIPT, problems)
}

fn site_folder(root: &Folder, site: &SiteId, problems: &mut Problems) -> Option<Folder> {
    let path = format!("releases/{site}");
    let releases = directory(root, "releases", "releases", problems)?;
    directory(&releases, &path, site.as_str(), problems)
}

fn code_of(error: &PastRefusal, no_signatures: bool) -> Code {
    match error {
        PastRefusal::Unsigned { .. } if no_signatures => Code::Unsigned,
        PastRefusal::Unsigned { .. } => Code::Altered,
        PastRefusal::Threshold { .. } => Code::Unsigned,
        PastRefusal::Size(_) | PastRefusal::SignatureCount(_) | PastRefusal::Document(_) => Code::Malformed,
        PastRefusal::Site { .. } => Code::Foreign,
        PastRefusal::UnknownRoot(_) => Code::Missing,
        PastRefusal::Epoch { .. } => Code::OutOfOrder,
    }
}

fn judge_history(path: &str, all: &[PastRelease], problems: &mut Problems) {
    for problem in check_history(all) {
        let place = |at: &(Epoch, Serial)| format!("{path}/{}-{}", at.0, at.1);
        match &problem {
            HistoryProblem::Missing { at, .. } => problems.note(
                Code::Missing,
                &place(at),
                &problem,
                "releases before the first in this folder were not judged",
            ),
            HistoryProblem::Fork { at, .. } => {
                problems.bad(Code::Forked, &place(at), &problem, "two appliances may have been given different orders");
            }
            HistoryProblem::Link { at, .. } => {
                let code = if follows_directly(all, at) { Code::Forked } else { Code::Missing };
                problems.bad(code, &place(at), &problem, "a release between is missing, or there are two histories");
            }
            HistoryProblem::RevocationDropped { at, .. } => {
                problems.bad(Code::OutOfOrder, &place(at), &problem, "a revoked appliance key might count again");
            }
            HistoryProblem::Backwards { at, .. } => {
                problems.note(Code::OutOfOrder, &place(at), &problem, "the clock of one of the signers was wrong");
            }
        }
    }
    let vouched = vouched_for(all);
    for past in all {
        let Standing::Unproven { revoked } = &past.standing else { continue };
        let (epoch, serial) = past.release.point();
        let path = format!("{path}/{epoch}-{serial}/release.json");
        let names: Vec<&str> = revoked.iter().map(|(signer, _)| signer.name.as_str()).collect();
        let what = format!("it counts only with keys that were revoked since: {}", names.join(", "));
        if vouched.contains_key(&past.digest) {
            problems.note(
                Code::Revoked,
                &path,
                what,
                "a later sound release names it as its predecessor, so its content stands",
            );
        } else {
            problems.bad(
                Code::Revoked,
                &path,
                what,
                "nothing proves that it was signed before: a thief could have made it",
            );
        }
    }
}

/// Whether the release before this one, by number, is there: then a wrong link is a second history, not a hole.
fn follows_directly(all: &[PastRelease], at: &(Epoch, Serial)) -> bool {
    all.iter().any(|p| p.release.epoch == at.0 && p.release.serial.get() + 1 == at.1.get())
}
