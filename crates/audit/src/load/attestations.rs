//! What people attach: in `attestations/<site>/<fingerprint>/` the chain of each key to which the newest trust root gives the role
//! `attest`. No log holds them, so that nobody can see whether the newest of them are withheld; what is here is held against the
//! chain.

use std::collections::BTreeSet;

use writ_evidence::bundle::{Kind, MAX_BUNDLE};
use writ_evidence::chain::{
    Authentic, ChainError, ChainState, Speaker, authenticate, file_name, follow, parse_file_name, resume,
};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_SIGNATURE;
use writ_trust::key_register::KeyRecord;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::root::TrustKey;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use super::bundle_checks::CLOCK_SLACK_MILLIS;
use super::bundle_file::code_of;
use super::{directory, entries, path_in, read, stray};
use crate::archive::{Archive, Stored};
use crate::attest::{key_of, speaker};
use crate::folder::{EntryKind, Folder};
use crate::problem::{Code, Problems};
use crate::verify::{ChainSummary, VerifyReport};

/// The folder of all of them.
pub const FOLDER: &str = "attestations";
/// What follows when one does not count.
const CONSEQUENCE: &str = "what it states was not counted";

/// Verifies what people attached, site by site and key by key, and hands each that counts to `visit`.
pub fn walk(archive: &Archive, report: &mut VerifyReport, visit: &mut dyn FnMut(Stored<'_>)) {
    let Some(chain) = &archive.chain else { return };
    let Some(folder) = directory(&archive.folder, FOLDER, FOLDER, &mut report.problems) else { return };
    for entry in entries(&folder, FOLDER, &mut report.problems) {
        let site = entry.name.parse::<SiteId>().ok().filter(|_| entry.kind == EntryKind::Directory);
        let Some(site) = site else {
            stray(&entry, FOLDER, &mut report.problems);
            continue;
        };
        // Of other sites than those that are judged nothing is told.
        if !archive.sites.contains_key(&site) {
            continue;
        }
        let path = path_in(FOLDER, site.as_str());
        if let Some(folder) = directory(&folder, &path, site.as_str(), &mut report.problems) {
            walk_site(chain, archive.now, &site, &folder, &path, report, visit);
        }
    }
}

fn walk_site(
    chain: &TrustChain,
    now: Option<Time>,
    site: &SiteId,
    folder: &Folder,
    path: &str,
    report: &mut VerifyReport,
    visit: &mut dyn FnMut(Stored<'_>),
) {
    for entry in entries(folder, path, &mut report.problems) {
        let inner = path_in(path, &entry.name);
        if entry.kind != EntryKind::Directory {
            stray(&entry, path, &mut report.problems);
            continue;
        }
        let Some(folder) = directory(folder, &inner, &entry.name, &mut report.problems) else { continue };
        let (Some(key), fingerprint) = (key_of(chain, site, &entry.name), entry.name.as_str()) else {
            let what = format!("the newest trust root gives no key with this fingerprint the role attest at {site}");
            report.problems.bad(Code::UnknownKey, &inner, what, "anybody could have written it: none was counted");
            continue;
        };
        let Some(appliance) = speaker(&key.public_key) else { continue };
        let person = Person { site, key, appliance, path: inner, fingerprint };
        let (mut summary, mut ahead) = (person.summary(), None);
        person.walk(&folder, &mut report.problems, &mut |stored| {
            summary.take(&stored.bundle);
            let at = stored.bundle.generated_at;
            if now.is_some_and(|now| at.millis_since(now) > CLOCK_SLACK_MILLIS) {
                ahead.get_or_insert_with(|| (stored.path.to_owned(), at));
            }
            visit(stored);
        });
        if let Some((path, at)) = ahead {
            let what = format!("it says that it was stated at {at}, which is still to come");
            report.problems.note(Code::ClockDoubtful, &path, what, "when it was stated is not to be taken from it");
        }
        report.bundles += summary.bundles;
        report.chains.push(summary);
    }
}

/// One key and its folder.
pub struct Person<'a> {
    /// The site.
    pub site: &'a SiteId,
    /// The key, as the trust root has it.
    pub key: &'a TrustKey,
    /// The name by which it speaks.
    pub appliance: ApplianceId,
    /// The path of its folder.
    pub path: String,
    /// Its fingerprint.
    pub fingerprint: &'a str,
}

impl Person<'_> {
    fn summary(&self) -> ChainSummary {
        let record = KeyRecord {
            site: self.site.clone(),
            appliance: self.appliance.clone(),
            public_key: self.key.public_key.clone(),
            first: (Epoch::FIRST, Serial::FIRST),
            last: (Epoch::FIRST, Serial::FIRST),
        };
        ChainSummary::new(&record, self.fingerprint)
    }

    /// Reads the chain from its first bundle on; gives the state after the last.
    pub fn walk(&self, folder: &Folder, problems: &mut Problems, visit: &mut dyn FnMut(Stored<'_>)) -> ChainState {
        let (mut state, mut distrusted) = (ChainState::new(), 0_u64);
        for (sequence, id) in self.names(folder, problems) {
            let name = file_name(sequence, id);
            let path = path_in(&self.path, &name);
            let Some((authentic, signature, size)) = self.one(folder, &path, &name, problems) else { continue };
            if (authentic.bundle.chain.sequence, authentic.bundle.bundle_id) != (sequence, id) {
                problems.bad(Code::OutOfOrder, &path, "it is another one, under this name", CONSEQUENCE);
                continue;
            }
            state = follow(&state, &authentic).unwrap_or_else(|error| {
                let (code, so) = match error {
                    ChainError::Gap { .. } => (Code::Missing, "what was stated then is not known: it was withheld"),
                    ChainError::Repeated { .. } | ChainError::Fork { .. } => {
                        (Code::Forked, "there are two histories: the chain was continued in two folders, or rewritten")
                    }
                    ChainError::Date { .. } | ChainError::FirstNotStarted(_) => {
                        (Code::OutOfOrder, "its id was not given by the rule that all ids follow")
                    }
                };
                problems.bad(code, &path, error, so);
                resume(&authentic)
            });
            if self.key.revoked_at.is_some() {
                distrusted += 1;
                continue;
            }
            let Authentic { bundle, digest } = authentic;
            let fingerprint = self.fingerprint;
            visit(Stored { path: &path, fingerprint, bundle, digest, signature: &signature, size });
        }
        if let Some(at) = self.key.revoked_at.filter(|_| distrusted > 0) {
            let what = format!("the key was revoked as of {at}, and no log holds what it stated ({distrusted} times)");
            problems.note(
                Code::Revoked,
                &self.path,
                what,
                "it was verified, and not counted: a thief could have made it",
            );
        }
        state
    }

    fn names(&self, folder: &Folder, problems: &mut Problems) -> BTreeSet<(u64, writ_evidence::BundleId)> {
        let mut names = BTreeSet::new();
        for entry in entries(folder, &self.path, problems) {
            let signature = entry.name.strip_suffix(".minisig").and_then(parse_file_name).is_some();
            match parse_file_name(&entry.name) {
                Some(name) if entry.kind == EntryKind::File => {
                    names.insert(name);
                }
                // One without its bundle is what a run leaves that was interrupted.
                None if entry.kind == EntryKind::File && signature => {}
                _ => stray(&entry, &self.path, problems),
            }
        }
        names
    }

    fn one(
        &self,
        folder: &Folder,
        path: &str,
        name: &str,
        problems: &mut Problems,
    ) -> Option<(Authentic, Vec<u8>, u64)> {
        let bytes = read(folder, path, name, MAX_BUNDLE, problems)?;
        let beside = format!("{name}.minisig");
        let before = problems.bad;
        let Some(signature) = read(folder, &path_in(&self.path, &beside), &beside, MAX_SIGNATURE, problems) else {
            if problems.bad == before {
                problems.bad(Code::Unsigned, path, "its signature file is not there", CONSEQUENCE);
            }
            return None;
        };
        let Self { site, appliance, key, .. } = self;
        let authentic =
            match authenticate(&bytes, &signature, &Speaker { site, appliance, public_key: &key.public_key }) {
                Ok(authentic) => authentic,
                Err(error) => {
                    problems.bad(code_of(&error), path, error, CONSEQUENCE);
                    return None;
                }
            };
        if authentic.bundle.kind != Kind::Attestation {
            let what =
                format!("it is of kind {}: a person's key attests, and does nothing else", authentic.bundle.kind);
            problems.bad(Code::Foreign, path, what, CONSEQUENCE);
            return None;
        }
        if let Err(problem) = key.within_validity(authentic.bundle.generated_at) {
            problems.bad(Code::UnknownKey, path, format!("its key did not count then: {problem}"), CONSEQUENCE);
            return None;
        }
        let size = (bytes.len() + signature.len()) as u64;
        Some((authentic, signature, size))
    }
}
