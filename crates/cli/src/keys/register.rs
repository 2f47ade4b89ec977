//! The register of keys: every key that the trust roots ever listed, with its time, and why that ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::key_history::{self, KeyHistory, Use};
use writ_trust::minisign::Signature;
use writ_trust::numbers::TrustVersion;
use writ_trust::role::Role;
use writ_trust::root::{KeyProblem, TrustRoot};
use writ_trust::root_chain::TrustChain;
use writ_trust::threshold::Tally;
use writ_trust::time::Time;

use crate::trust::{folder, why};

/// The schema of [`Register`].
pub const SCHEMA: &str = "writ.key-register.v1";

/// The keys that are no longer in use, as auditors are given them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Always `writ.key-register.v1`.
    pub schema: String,
    /// The instant of which it speaks.
    pub as_of: Time,
    /// The newest trust root that it was made from.
    pub trust_version: TrustVersion,
    /// The digest of that root's exact bytes.
    pub trust_digest: Digest,
    /// The keys, in the order in which the roots first listed them.
    pub keys: Vec<Archived>,
}

/// One key.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archived {
    /// Its minisign key id.
    pub key_id: String,
    /// Of the 32 bytes.
    pub fingerprint: String,
    /// The file beside the register that holds it.
    pub file: String,
    /// `retired` or `revoked`.
    pub state: Use,
    /// Why, as those who signed the root that ended it wrote; null where nobody wrote anything.
    pub why: Option<String>,
    /// Its life.
    pub life: KeyHistory,
}

impl Register {
    /// The keys that were not in use any more at an instant, by the chain up to a version.
    pub fn of(chain: &TrustChain, folder: &folder::Folder, upto: TrustVersion, as_of: Time) -> Option<Self> {
        let roots = || chain.roots().filter(|root| root.version <= upto);
        let why = reasons(folder, roots());
        let gone = |key: &KeyHistory| matches!(key.is(as_of), Use::Retired | Use::Revoked);
        let keys = key_history::of(roots()).into_iter().filter(gone).map(|life| {
            let key_id = life.public_key.key_id().to_string();
            let said = life.ended_by_root.and_then(|root| why.get(&(root, key_id.clone())).cloned());
            Archived {
                fingerprint: life.public_key.fingerprint(),
                file: format!("{key_id}.pub"),
                state: life.is(as_of),
                why: said,
                key_id,
                life,
            }
        });
        Some(Self {
            schema: SCHEMA.to_owned(),
            as_of,
            trust_version: upto,
            trust_digest: chain.digest_at(upto)?,
            keys: keys.collect(),
        })
    }
}

/// What the signers of each root wrote of each key: of those trust keys that the root does not revoke and whose signatures hold, the
/// one with the lowest id that wrote anything. Whoever holds another key of the register could put words beside a root too.
fn reasons<'r>(
    folder: &folder::Folder,
    roots: impl Iterator<Item = &'r TrustRoot>,
) -> BTreeMap<(TrustVersion, String), String> {
    let mut found = BTreeMap::new();
    for root in roots {
        let Some(file) = folder.roots.iter().find(|file| file.version == root.version) else { continue };
        let mut signatures: Vec<(&[u8], Signature)> = file
            .signatures
            .iter()
            .filter_map(|signature| Some((&signature.bytes[..], Signature::parse(&signature.bytes).ok()?)))
            .collect();
        signatures.sort_by_key(|(_, signature)| signature.key_id());
        for (bytes, signature) in signatures {
            // A comment counts as far as the signature that covers it.
            let tally = Tally::count(root, &file.bytes, &[bytes], |key| {
                key.serves(Role::Trust, None)?;
                key.revoked_at.map_or(Ok(()), |at| Err(KeyProblem::Revoked(at)))
            });
            if tally.signers.is_empty() {
                continue;
            }
            for key in &root.keys {
                let id = key.public_key.key_id();
                if let Some(text) = why::of_key(&signature, id).filter(|text| !text.trim().is_empty()) {
                    found.entry((root.version, id.to_string())).or_insert(text);
                }
            }
        }
    }
    found
}
