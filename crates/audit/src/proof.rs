//! What a bundle rests on, so that anybody can check it: who signed it, its place in its key's chain, its place in the site's log
//! with the proof, and by when others say that it was there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use writ_evidence::BundleId;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::receipt::MAX_RECEIPT;
use writ_trust::minisign::PublicKey;
use writ_trust::numbers::{Epoch, Serial};
use writ_trust::time::Time;

pub use crate::load::log::proving::LogPlace;

use crate::archive::Archive;
use crate::attest;
use crate::load::log::held::held_since;
use crate::load::log::proving::{LogHere, Proven, prove, read_within, receipted};
use crate::show::Shown;

/// Who names a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Named {
    /// Verified releases, which give it to the appliance.
    Releases {
        /// The first of them, as `epoch-serial`.
        first: String,
        /// Its digest.
        first_digest: Option<Digest>,
        /// The last of them.
        last: String,
    },
    /// The newest trust root, which gives it the role `attest`.
    TrustRoot {
        /// The root's version.
        version: u64,
        /// What the root calls the key.
        name: String,
    },
    /// Nobody any more.
    Nobody,
}

/// The key that signed a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// SHA-256 of the key's 32 bytes, in hexadecimal.
    pub fingerprint: String,
    /// Its minisign key id.
    pub key_id: String,
    /// The key as `minisign -P` takes it.
    pub public_key: String,
    /// Who says that it is whose.
    pub named: Named,
}

/// The place of a bundle in its key's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainPlace {
    /// Its number, from 1.
    pub sequence: u64,
    /// The digest of the bundle before it; null for the first.
    pub previous: Option<Digest>,
}

/// By when somebody says that a log held it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldAt {
    /// `external`: an authority of time or a witness; `log key`: the log itself.
    pub kind: &'static str,
    /// The earliest such time.
    pub at: Time,
}

/// What a bundle rests on, `writ.proof.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Always `writ.proof.v1`.
    pub schema: &'static str,
    /// The bundle.
    pub bundle_id: BundleId,
    /// The site.
    pub site: SiteId,
    /// Who speaks.
    pub appliance: ApplianceId,
    /// Its file, relative to the audit folder; its signature is beside it, with `.minisig` appended.
    pub path: String,
    /// The digest of its exact bytes, recomputed from the file.
    pub evidence_bundle_hash: Digest,
    /// The key.
    pub signed_by: SignedBy,
    /// Its place in the chain.
    pub chain: ChainPlace,
    /// `proven`, `not proven`, or `not configured` where the trust root names no log of the site: that is never counted as
    /// passed.
    pub log: &'static str,
    /// Its place in the log, where that is proven.
    pub place: Option<LogPlace>,
    /// By when others, and the log itself, say that it was there.
    pub held: Vec<HeldAt>,
}

/// What is said of a bundle that a log is proven to hold.
pub const PROVEN: &str = "proven";
/// What is said of one of which nothing here proves that.
pub const NOT_PROVEN: &str = "not proven";
/// What is said where there is no log.
pub const NOT_CONFIGURED: &str = "not configured";

/// What a verified bundle rests on.
pub fn of(archive: &Archive, shown: &Shown) -> Proof {
    let bundle = &shown.bundle;
    let site = &bundle.client_id;
    let mut places = places(archive, site, &[(shown.digest, shown.path.as_str())]);
    let place = places.remove(&shown.digest);
    let held = archive.chain.as_ref().map(|chain| {
        let wanted = |entry: &LogEntry| match entry {
            LogEntry::Evidence { digest, .. } => (*digest == shown.digest).then_some(*digest),
            _ => None,
        };
        held_since(&archive.folder, chain, site, &wanted)
    });
    let held = held.unwrap_or_default().remove(&shown.digest).unwrap_or_default();
    Proof {
        schema: "writ.proof.v1",
        bundle_id: bundle.bundle_id,
        site: site.clone(),
        appliance: bundle.appliance.clone(),
        path: shown.path.clone(),
        evidence_bundle_hash: shown.digest,
        signed_by: SignedBy {
            fingerprint: bundle.public_key.fingerprint(),
            key_id: bundle.public_key.key_id().to_string(),
            public_key: bundle.public_key.line(),
            named: named(archive, site, &bundle.public_key),
        },
        chain: ChainPlace { sequence: bundle.chain.sequence, previous: bundle.chain.previous },
        log: standing(archive, site, place.is_some()),
        place,
        held: held.times().map(|(kind, at)| HeldAt { kind: kind.as_str(), at }).collect(),
    }
}

/// In a word, whether a log is proven to hold something of a site.
pub fn standing(archive: &Archive, site: &SiteId, proven: bool) -> &'static str {
    let logged = archive.chain.as_ref().is_some_and(|chain| !chain.newest().origins(site).is_empty());
    match (logged, proven) {
        (_, true) => PROVEN,
        (true, false) => NOT_PROVEN,
        (false, false) => NOT_CONFIGURED,
    }
}

/// The places of bundles in the site's logs, given their digests and files: by the tiles, or by the receipts beside them where the
/// log's entries are not here.
pub fn places(archive: &Archive, site: &SiteId, bundles: &[(Digest, &str)]) -> BTreeMap<Digest, LogPlace> {
    let wanted: BTreeSet<Digest> = bundles.iter().map(|(digest, _)| *digest).collect();
    let Proven { mut places, logs, .. } = prove(archive, site, &wanted, false);
    for (digest, path) in bundles {
        if places.contains_key(digest) {
            continue;
        }
        places.extend(by_receipt(archive, site, &logs, (*digest, path)).map(|place| (*digest, place)));
    }
    places
}

/// The place of a bundle by the receipt beside its file, as far as the site's logs leave that to receipts.
pub(crate) fn by_receipt(
    archive: &Archive,
    site: &SiteId,
    logs: &[LogHere],
    (digest, path): (Digest, &str),
) -> Option<LogPlace> {
    let beside = path.replace(".json", ".receipt.json");
    let receipt = read_within(&archive.folder, &beside, MAX_RECEIPT).ok()??;
    receipted(archive, site, logs, &receipt, &digest)
}

fn named(archive: &Archive, site: &SiteId, key: &PublicKey) -> Named {
    let fingerprint = key.fingerprint();
    let point = |(epoch, serial): (Epoch, Serial)| format!("{epoch}-{serial}");
    let record = archive.sites.get(site);
    let found = record.and_then(|r| r.register.by_fingerprint(site, &fingerprint).max_by_key(|k| k.last).zip(Some(r)));
    if let Some((key, record)) = found {
        let first = record.releases.iter().find(|past| past.release.point() == key.first);
        let first_digest = first.map(|past| past.digest);
        return Named::Releases { first: point(key.first), first_digest, last: point(key.last) };
    }
    match archive.chain.as_ref().and_then(|chain| attest::key_of(chain, site, &fingerprint).zip(Some(chain))) {
        Some((key, chain)) => Named::TrustRoot { version: chain.newest().version.get(), name: key.name.clone() },
        None => Named::Nobody,
    }
}

/// The commands by which anybody checks the file and its signature without this program, from within the audit folder. Paths and
/// keys are of letters, digits and `. _ - / + =` alone, so that they need no quoting.
pub fn commands(proof: &Proof) -> Vec<(&'static str, Vec<String>)> {
    let (path, key) = (&proof.path, &proof.signed_by.public_key);
    vec![
        ("the signature, with minisign", vec![format!("minisign -Vm {path} -x {path}.minisig -P {key}")]),
        ("the digest", vec![format!("sha256sum {path}    # {}", proof.evidence_bundle_hash.hex())]),
        (
            "the signature, with OpenSSL 3 alone",
            vec![
                format!("openssl dgst -blake2b512 -binary -out /tmp/digest {path}"),
                format!("sed -n 2p {path}.minisig | base64 -d | tail -c 64 > /tmp/signature"),
                format!(
                    "(printf '\\060\\052\\060\\005\\006\\003\\053\\145\\160\\003\\041\\000'; echo {key} | base64 -d | tail -c 32) > /tmp/key.der"
                ),
                "openssl pkeyutl -verify -pubin -keyform DER -inkey /tmp/key.der -rawin -in /tmp/digest -sigfile /tmp/signature"
                    .to_owned(),
            ],
        ),
    ]
}
