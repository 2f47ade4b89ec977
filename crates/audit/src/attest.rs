//! Attestations: what a person states about a control or a duty, signed by that person's `attest` key in a chain of its own
//! (kind `attestation`). They lie in `attestations/<site>/<fingerprint>/` of an audit folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use writ_evidence::chain::ChainState;
use writ_evidence::records::Attestation;
use writ_evidence::{Bundle, BundleId, Draft, Kind};
use writ_policy::duty::Duty;
use writ_policy::policy::Policy;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::PublicKey;
use writ_trust::role::Role;
use writ_trust::root::{KeyProblem, TrustKey};
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;

use crate::archive::Archive;
use crate::folder::{Folder, FolderError};
use crate::load::attestations::{FOLDER, Person};
use crate::problem::Problems;

/// The name among a bundle's outputs of the duty that was done.
pub const DUTY: &str = "duty";
/// The name among a bundle's outputs of the item of a checklist that was done, as its catalogue calls it.
pub const ITEM: &str = "item";
/// The name among a bundle's outputs of how something came out that a program did: [`GOOD`] or [`FAILED`].
pub const RESULT: &str = "result";
/// It came out well.
pub const GOOD: &str = "good";
/// It did not: this is evidence that it was tried, and that nothing was done by it.
pub const FAILED: &str = "failed";

/// Why nothing can be attested.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// Nobody's trust root holds.
    #[error("no trust root of this folder holds")]
    NoTrust,
    /// The newest trust root does not know the key.
    #[error("the newest trust root does not list key {0}")]
    UnknownKey(String),
    /// It lists it, and it does not count.
    #[error("the newest trust root lists key {key}, which does not count: {problem}")]
    Unfit {
        /// The key id.
        key: String,
        /// Why.
        problem: KeyProblem,
    },
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The chain so far does not hold, so it is not continued.
    #[error("the chain of this key does not hold: {path}: {what}")]
    Broken {
        /// Where.
        path: String,
        /// What is wrong.
        what: String,
    },
}

/// The name by which a key speaks: an attestation is no appliance's.
pub fn speaker(key: &PublicKey) -> Option<ApplianceId> {
    format!("attest-{}", key.key_id().to_string().to_lowercase()).parse().ok()
}

/// The key with a fingerprint, if the newest trust root gives it the role `attest` at a site.
pub fn key_of<'c>(chain: &'c TrustChain, site: &SiteId, fingerprint: &str) -> Option<&'c TrustKey> {
    let keys = chain.newest().keys.iter();
    let mut serving = keys.filter(|key| key.serves(Role::Attest, Some(site)).is_ok());
    serving.find(|key| key.public_key.fingerprint() == fingerprint)
}

/// Where the chain of a key stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What the next bundle continues.
    pub state: ChainState,
    /// What the trust root calls the key.
    pub name: String,
    /// The name by which it speaks.
    pub speaker: ApplianceId,
    /// The folder of its chain, relative to the audit folder.
    pub folder: PathBuf,
}

/// Where the chain of a key stands in the folder `to`, by the trust roots of an archive. A chain that does not hold is not
/// continued.
pub fn standing(
    archive: &Archive,
    to: &Folder,
    site: &SiteId,
    key: &PublicKey,
    now: Time,
) -> Result<Standing, AttestError> {
    let chain = archive.chain.as_ref().ok_or(AttestError::NoTrust)?;
    let id = key.key_id().to_string();
    let entry = chain.newest().entry_of(key).ok_or_else(|| AttestError::UnknownKey(id.clone()))?;
    let unfit = |problem| AttestError::Unfit { key: id.clone(), problem };
    entry.counts_now(Role::Attest, Some(site), now).map_err(unfit)?;
    let appliance = speaker(key).ok_or_else(|| AttestError::UnknownKey(id.clone()))?;
    let fingerprint = key.fingerprint();
    let path = format!("{FOLDER}/{site}/{fingerprint}");
    let person =
        Person { site, key: entry, appliance: appliance.clone(), path: path.clone(), fingerprint: &fingerprint };
    let mut problems = Problems::default();
    let state = match within(to, &path)? {
        Some(folder) => person.walk(&folder, &mut problems, &mut |_| {}),
        None => ChainState::new(),
    };
    if let Some(first) = problems.first_bad() {
        return Err(AttestError::Broken { path: first.path.clone(), what: first.what.clone() });
    }
    Ok(Standing { state, name: entry.name.clone(), speaker: appliance, folder: PathBuf::from(path) })
}

fn within(folder: &Folder, path: &str) -> Result<Option<Folder>, FolderError> {
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (folder.directory(first)?, rest) {
        (Some(inner), Some(rest)) => within(&inner, rest),
        (found, _) => Ok(found),
    }
}

/// What a person states.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The control it is about.
    pub control: String,
    /// What is stated, in words.
    pub statement: String,
    /// From when it holds.
    pub from: Time,
    /// Until when it holds.
    pub until: Time,
    /// What is attached, by name.
    pub attachments: BTreeMap<String, Digest>,
    /// Facts for programs, such as [`DUTY`] and [`ITEM`].
    pub facts: BTreeMap<String, String>,
}

/// The statement as a draft of a bundle.
pub fn draft(site: &SiteId, standing: &Standing, statement: Statement) -> Draft {
    let mut draft = Draft::new(Kind::Attestation, site, &standing.speaker);
    draft.attestation = Some(Attestation {
        control: statement.control,
        by: standing.name.clone(),
        statement: statement.statement,
        from: statement.from,
        until: statement.until,
        attachments: statement.attachments.values().copied().collect(),
    });
    draft.artifacts.checksums = statement.attachments;
    draft.artifacts.outputs = statement.facts;
    draft
}

/// An attestation that verified.
#[derive(Debug, Clone)]
pub struct Attested {
    /// Its file, relative to the audit folder.
    pub path: String,
    /// What it says.
    pub bundle: Bundle,
    /// Digest of its exact bytes.
    pub digest: Digest,
}

impl Attested {
    /// Its id.
    pub fn id(&self) -> BundleId {
        self.bundle.bundle_id
    }

    /// A fact of it, by name.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.bundle.artifacts.outputs.get(name).map(String::as_str)
    }

    /// Whether what it tells of came out badly: then no duty is done by it.
    pub fn is_failed(&self) -> bool {
        self.fact(RESULT) == Some(FAILED)
    }
}

/// The duties of a site by its policies as of an instant, each with the control that it is for.
pub fn duties<'a>(archive: &'a Archive, site: &SiteId, at: Time) -> BTreeMap<&'a str, (&'a Duty, Option<&'a str>)> {
    let mut duties = BTreeMap::new();
    for policy in newest_policies(archive, site, at).into_values() {
        for (id, duty) in &policy.duties {
            let control = policy.controls.iter().find(|(_, control)| control.duties.contains(id));
            duties.entry(id.as_str()).or_insert((duty, control.map(|(control, _)| control.as_str())));
        }
    }
    duties
}

/// What each appliance of a site was to obey as of an instant, by the newest release that was issued by then: null where its policy
/// cannot be read here.
pub fn orders<'a>(archive: &'a Archive, site: &SiteId, at: Time) -> BTreeMap<&'a ApplianceId, Option<&'a Policy>> {
    let Some(record) = archive.sites.get(site) else { return BTreeMap::new() };
    let Some(newest) = record.releases.iter().rev().find(|past| past.release.issued_at <= at) else {
        return BTreeMap::new();
    };
    let generations = newest.release.generations.iter();
    generations.map(|(appliance, generation)| (appliance, archive.policies.get(&generation.policy.digest))).collect()
}

/// The policies of [`orders`] that can be read.
pub fn newest_policies<'a>(archive: &'a Archive, site: &SiteId, at: Time) -> BTreeMap<&'a ApplianceId, &'a Policy> {
    orders(archive, site, at).into_iter().filter_map(|(appliance, policy)| Some((appliance, policy?))).collect()
}
