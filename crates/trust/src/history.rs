//! Judging releases of the past, for people who verify and audit: no floor, no own key, no present.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::ids::SiteId;
use crate::json::MAX_DOCUMENT;
use crate::minisign::PublicKey;
use crate::numbers::{Epoch, Serial, TrustVersion};
use crate::release::{Release, ReleaseError, RevokedKey};
use crate::role::Role;
use crate::root::{KeyProblem, TrustKey, TrustRoot};
use crate::root_chain::TrustChain;
use crate::text::one_line;
use crate::threshold::{MAX_SIGNATURES, Signer, Tally};
use crate::time::Time;

/// A release whose signatures held under the trust root that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRelease {
    /// The release.
    pub release: Release,
    /// The digest of its exact bytes.
    pub digest: Digest,
    /// The release keys that signed it, each once.
    pub signers: Vec<Signer>,
    /// How much those signatures are worth by now.
    pub standing: Standing,
}

/// What later revocations leave of a past release's signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Enough of its signers are not revoked to this day, or it is proven older than their revocation.
    Sound,
    /// Signers were revoked since and nothing proves that they signed before: without them it has not enough.
    Unproven {
        /// The revoked keys, and as of when.
        revoked: Vec<(Signer, Time)>,
    },
}

/// Why bytes are not a release that a site's signers made.
#[derive(Debug, thiserror::Error)]
pub enum PastRefusal {
    /// The document is too large.
    #[error("{0} bytes is more than the {MAX_DOCUMENT} that a release may have")]
    Size(usize),
    /// Too many signatures.
    #[error("{0} signature files: expected at most {MAX_SIGNATURES}")]
    SignatureCount(usize),
    /// None of the signatures is by a release key of any known root.
    #[error("no signature over these bytes is by a release key of any trust root from {} to {}{}: the release or its \
        signatures were altered, or a root is missing", .oldest, .newest, why(.tally))]
    Unsigned {
        /// The oldest root of the chain.
        oldest: TrustVersion,
        /// The newest root of the chain.
        newest: TrustVersion,
        /// What came of each signature under the newest root.
        tally: Tally,
    },
    /// Signed, but not a release.
    #[error("signed, but not a release that can be read: {}", one_line(.0))]
    Document(ReleaseError),
    /// Another site's release.
    #[error("the release is for site {found}, expected {expected}")]
    Site {
        /// The release's site.
        found: SiteId,
        /// The site asked about.
        expected: SiteId,
    },
    /// The root that the release names is not in the chain.
    #[error("the release was made under trust root {0}, which is not among the trust roots given")]
    UnknownRoot(TrustVersion),
    /// The root that the release names is of another epoch, and so is every later one.
    #[error("the release is of epoch {found}, but no trust root from {version} on is of that epoch")]
    Epoch {
        /// The release's epoch.
        found: Epoch,
        /// The version of the root that the release names.
        version: TrustVersion,
    },
    /// Not enough keys signed.
    #[error("{found} of the release keys of trust root {version} that counted then signed these bytes, expected \
        {needed}{}", why(.tally))]
    Threshold {
        /// The root judged by.
        version: TrustVersion,
        /// Different keys that signed.
        found: usize,
        /// Keys that it takes.
        needed: u32,
        /// What came of each signature.
        tally: Tally,
    },
}

fn why(tally: &Tally) -> String {
    if tally.rejected.is_empty() { String::new() } else { format!(" ({tally})") }
}

/// Judges a past release by the root that governed it.
///
/// It is judged by the root it names; one that is of a lower epoch, or that had not enough keys yet, is followed by the
/// later ones up to the newest, since appliances judge by the newest root they have and `trust_version` is only "not
/// above it". A key's validity dates are compared with `proven_before` if given (an instant by which the bytes are known
/// to have existed: a timestamped checkpoint that covers them), else with the release's own `issued_at`.
///
/// §3.3 "*Before revocation* means covered by a checkpoint timestamped before `revoked_at`: a claimed date never counts."
/// So a key that any root of the chain revokes counts only if `proven_before` is earlier; see [`Standing`].
pub fn verify_release_for_audit<S: AsRef<[u8]>>(
    bytes: &[u8],
    signatures: &[S],
    chain: &TrustChain,
    site: &SiteId,
    proven_before: Option<Time>,
) -> Result<PastRelease, PastRefusal> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(PastRefusal::Size(bytes.len()));
    }
    if signatures.len() > MAX_SIGNATURES {
        return Err(PastRefusal::SignatureCount(signatures.len()));
    }
    let any = |root: &TrustRoot| Tally::count(root, bytes, signatures, |key| key.serves(Role::Release, Some(site)));
    if !chain.roots().any(|root| !any(root).signers.is_empty()) {
        let oldest = chain.roots().next().map_or(chain.newest().version, |root| root.version);
        return Err(PastRefusal::Unsigned { oldest, newest: chain.newest().version, tally: any(chain.newest()) });
    }
    let release = Release::parse(bytes).map_err(PastRefusal::Document)?;
    if release.site != *site {
        return Err(PastRefusal::Site { found: release.site, expected: site.clone() });
    }
    let signers = signers_then(&release, bytes, signatures, chain, proven_before.unwrap_or(release.issued_at))?;
    let (needed, signers) = signers;
    let standing = standing(chain, &signers, needed, proven_before);
    Ok(PastRelease { release, digest: Digest::of(bytes), signers, standing })
}

/// The signers under the first root, from the one named on, that is of the release's epoch and whose threshold is met.
fn signers_then<S: AsRef<[u8]>>(
    release: &Release,
    bytes: &[u8],
    signatures: &[S],
    chain: &TrustChain,
    at: Time,
) -> Result<(u32, Vec<Signer>), PastRefusal> {
    let named = chain.at(release.trust_version).ok_or(PastRefusal::UnknownRoot(release.trust_version))?;
    let fit = |key: &TrustKey| {
        key.serves(Role::Release, Some(&release.site))?;
        key.revoked_at.map_or(Ok(()), |revoked| Err(KeyProblem::Revoked(revoked)))?;
        key.within_validity(at)
    };
    let mut first_failure = None;
    for root in chain.roots().filter(|root| root.version >= named.version && root.epoch == release.epoch) {
        let tally = Tally::count(root, bytes, signatures, fit);
        let needed = root.threshold(Role::Release);
        if tally.meets(root, Role::Release) {
            return Ok((needed, tally.signers));
        }
        let found = tally.signers.len();
        first_failure.get_or_insert(PastRefusal::Threshold { version: root.version, found, needed, tally });
    }
    Err(first_failure.unwrap_or(PastRefusal::Epoch { found: release.epoch, version: named.version }))
}

fn standing(chain: &TrustChain, signers: &[Signer], needed: u32, proven_before: Option<Time>) -> Standing {
    let revoked: Vec<(Signer, Time)> = signers
        .iter()
        .filter_map(|signer| revoked_at(chain, &signer.public_key).map(|at| (signer.clone(), at)))
        .filter(|(_, at)| proven_before.is_none_or(|proven| proven >= *at))
        .collect();
    if signers.len() - revoked.len() >= needed as usize { Standing::Sound } else { Standing::Unproven { revoked } }
}

/// As of when a key of the trust roots is revoked, by the newest root of the chain (a revocation is never taken back).
pub fn revoked_at(chain: &TrustChain, key: &PublicKey) -> Option<Time> {
    chain.newest().entry_of(key).and_then(|entry| entry.revoked_at)
}

/// Something wrong between the releases of a site.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryProblem {
    /// Two different releases have one serial.
    #[error("two different releases are numbered {}-{}: {first} and {second}", .at.0, .at.1)]
    Fork {
        /// Epoch and serial of both.
        at: (Epoch, Serial),
        /// The digest of the one.
        first: Digest,
        /// The digest of the other.
        second: Digest,
    },
    /// A release does not name the one before it.
    #[error("release {}-{} names {} as the one before it, but that is {before}", .at.0, .at.1, digest_or_none(.named))]
    Link {
        /// Epoch and serial of the release.
        at: (Epoch, Serial),
        /// The digest that it names.
        named: Option<Digest>,
        /// The digest of the release before it among those given.
        before: Digest,
    },
    /// The first release given names one that is not there.
    #[error("release {}-{} names {named} as the one before it, which is not among the releases given", .at.0, .at.1)]
    Missing {
        /// Epoch and serial of the release.
        at: (Epoch, Serial),
        /// The digest that it names.
        named: Digest,
    },
    /// A revocation was dropped or delayed.
    #[error(
        "release {}-{} drops or delays the revocation of appliance key {key}: revocations are carried forward for ever",
        .at.0, .at.1
    )]
    RevocationDropped {
        /// Epoch and serial of the release that dropped it.
        at: (Epoch, Serial),
        /// Fingerprint of the key.
        key: String,
    },
    /// Time runs backwards.
    #[error("release {}-{} claims to be made at {issued_at}, before the one that it follows ({before})", .at.0, .at.1)]
    Backwards {
        /// Epoch and serial of the release.
        at: (Epoch, Serial),
        /// When it claims to be made.
        issued_at: Time,
        /// When the one before it claims to be made.
        before: Time,
    },
}

fn digest_or_none(digest: &Option<Digest>) -> String {
    digest.map_or_else(|| "none".to_owned(), |d| d.to_string())
}

/// Judges what the releases of one site say of each other, in any order: links, forks, revocations. Says everything that
/// is wrong.
pub fn check_history<'a>(releases: impl IntoIterator<Item = &'a PastRelease>) -> Vec<HistoryProblem> {
    let mut all: Vec<&PastRelease> = releases.into_iter().collect();
    all.sort_by_key(|past| (past.release.point(), past.digest));
    all.dedup_by_key(|past| past.digest);
    let mut problems = Vec::new();
    if let Some((first, Some(named))) = all.first().map(|first| (first, first.release.previous)) {
        problems.push(HistoryProblem::Missing { at: first.release.point(), named });
    }
    for pair in all.windows(2) {
        let [before, after] = pair else { continue };
        let at = after.release.point();
        if before.release.point() == at {
            problems.push(HistoryProblem::Fork { at, first: before.digest, second: after.digest });
            continue;
        }
        if after.release.previous != Some(before.digest) {
            let named = after.release.previous;
            problems.push(HistoryProblem::Link { at, named, before: before.digest });
        }
        if after.release.issued_at < before.release.issued_at {
            let (issued_at, before) = (after.release.issued_at, before.release.issued_at);
            problems.push(HistoryProblem::Backwards { at, issued_at, before });
        }
        for revoked in dropped_revocations(&before.release, &after.release) {
            problems.push(HistoryProblem::RevocationDropped { at, key: revoked.public_key.fingerprint() });
        }
    }
    problems
}

/// The revocations of appliance keys that the release after drops or delays: they are carried forward for ever.
pub fn dropped_revocations<'a>(before: &'a Release, after: &'a Release) -> impl Iterator<Item = &'a RevokedKey> + 'a {
    before
        .revoked_appliance_keys
        .iter()
        .filter(|revoked| after.revocation(&revoked.public_key).is_none_or(|kept| kept.revoked_at > revoked.revoked_at))
}

/// For each release that is not sound by itself: the earliest sound release that names it, directly or through others, as
/// its predecessor. Those signers vouch for its bytes, though not for when they were signed.
pub fn vouched_for<'a>(releases: impl IntoIterator<Item = &'a PastRelease>) -> BTreeMap<Digest, Digest> {
    let mut all: Vec<&PastRelease> = releases.into_iter().collect();
    all.sort_by_key(|past| past.release.point());
    let previous: BTreeMap<Digest, Option<Digest>> = all.iter().map(|p| (p.digest, p.release.previous)).collect();
    let mut vouched = BTreeMap::new();
    for past in all.iter().filter(|past| past.standing == Standing::Sound) {
        let mut next = past.release.previous;
        // A release vouched for already ends the walk: what is before it is vouched for too.
        while let Some(digest) = next.filter(|d| previous.contains_key(d) && !vouched.contains_key(d)) {
            vouched.insert(digest, past.digest);
            next = previous[&digest];
        }
    }
    for sound in all.iter().filter(|past| past.standing == Standing::Sound) {
        vouched.remove(&sound.digest);
    }
    vouched
}
