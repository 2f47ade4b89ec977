//! Every way in which a release is refused: one variant, one rule, one line.

use crate::digest::Digest;
use crate::ids::{ApplianceId, SiteId};
use crate::json::MAX_DOCUMENT;
use crate::log::judge::LogProblem;
use crate::numbers::{Epoch, Serial, TrustVersion};
use crate::release::ReleaseError;
use crate::rules::rules;
use crate::text::one_line;
use crate::threshold::{MAX_SIGNATURES, Tally};
use crate::time::Time;

rules! {
    /// The rules of acceptance, by the names that messages, counters and evidence use.
    Rule:
    /// The document is not larger than documents are.
    Size "size",
    /// There are not more signatures than anybody could need.
    SignatureCount "signature-count",
    /// The floor belongs to the appliance's site.
    FloorSite "floor-site",
    /// The newest trust root is not older than the one accepted before.
    TrustFloor "trust-floor",
    /// A trust root accepted before has not changed its bytes.
    TrustFork "trust-fork",
    /// The newest trust root has not expired.
    TrustExpiry "trust-expiry",
    /// Enough release keys signed.
    Threshold "signature-threshold",
    /// The bytes are a release of the known schema.
    Document "document",
    /// The release is for the appliance's own site.
    Site "site",
    /// The release has an entry for the appliance.
    Entry "entry",
    /// The entry names the appliance's own key.
    OwnKey "own-key",
    /// The appliance's own key is not revoked.
    OwnKeyRevoked "own-key-revoked",
    /// The trust root that the release was made under is known.
    TrustVersion "trust-version",
    /// The release's epoch is that of the newest trust root.
    Epoch "epoch",
    /// The release is not below the floor.
    Floor "floor",
    /// The release at the floor is the one accepted before.
    FloorBytes "floor-bytes",
    /// The site's log includes the release, where the trust root names a log.
    LogInclusion "log-inclusion",
    /// What came from the log is signed by its key.
    LogCheckpoint "log-checkpoint",
    /// The log continues what was seen of it before.
    LogConsistency "log-consistency",
    /// Another log than the one seen is led to by restarts that the trust keys signed.
    LogRestart "log-restart",
    /// The release was made before the trust root expires, and before the keys that signed it do.
    IssuedAt "issued-at",
    /// The release has not expired.
    Expiry "expiry",
    /// The appliance's time for it has come.
    NotBefore "not-before",
    /// What is resumed is what was accepted.
    Resumed "resumed-bytes",
}

/// Why a release is not accepted. Each message is one line: the rule, what was found, what was expected, what to do.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// See [`Rule::Size`].
    #[error(
        "rule size: the release has {size} bytes, expected at most {MAX_DOCUMENT}: do not trust where it came from"
    )]
    Size {
        /// Bytes found.
        size: usize,
    },
    /// See [`Rule::SignatureCount`].
    #[error(
        "rule signature-count: {found} signature files came with the release, expected at most {MAX_SIGNATURES}: publish \
         only those that count"
    )]
    SignatureCount {
        /// Files found.
        found: usize,
    },
    /// See [`Rule::FloorSite`].
    #[error(
        "rule floor-site: the floor is of site {floor}, expected {own}: this machine was another site's; provision it anew"
    )]
    FloorSite {
        /// The floor's site.
        floor: SiteId,
        /// The appliance's site.
        own: SiteId,
    },
    /// See [`Rule::TrustFloor`].
    #[error(
        "rule trust-floor: the newest trust root offered is {newest}, expected {floor} or later as accepted before: fetch \
         the roots up to {floor}"
    )]
    TrustFloor {
        /// The newest offered.
        newest: TrustVersion,
        /// The newest accepted before.
        floor: TrustVersion,
    },
    /// See [`Rule::TrustFork`].
    #[error(
        "rule trust-fork: trust root {version} has digest {found}, expected {accepted} as accepted before: two roots of \
         one version were signed; tell the holders of the trust keys"
    )]
    TrustFork {
        /// The version that exists twice.
        version: TrustVersion,
        /// The digest now.
        found: Digest,
        /// The digest accepted before.
        accepted: Digest,
    },
    /// See [`Rule::TrustExpiry`].
    #[error(
        "rule trust-expiry: the newest trust root {version} expired at {expires_at} and it is {instant}, expected one that has \
         not: fetch or sign a newer root"
    )]
    TrustExpiry {
        /// The newest root.
        version: TrustVersion,
        /// When it expired.
        expires_at: Time,
        /// The instant judged by.
        instant: Time,
    },
    /// See [`Rule::Threshold`].
    #[error(
        "rule signature-threshold: {found} of the release keys of trust root {version} that count now signed these bytes, \
         expected {needed}{}: have the missing signers sign, or fetch the release again", why(.tally)
    )]
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
    /// See [`Rule::Document`].
    #[error("rule document: signed, but {}; expected a readable writ.release.v1: draft and sign it again", one_line(.0))]
    Document(ReleaseError),
    /// See [`Rule::Site`].
    #[error("rule site: the release is for site {found}, expected {own}: fetch this site's release")]
    Site {
        /// The release's site.
        found: SiteId,
        /// The appliance's site.
        own: SiteId,
    },
    /// See [`Rule::Entry`].
    #[error(
        "rule entry: the release {epoch}-{serial} of site {site} has no entry for {appliance}, expected one: add \
         hosts/{site}/{appliance} and release again"
    )]
    Entry {
        /// The site.
        site: SiteId,
        /// The appliance.
        appliance: ApplianceId,
        /// The release's epoch.
        epoch: Epoch,
        /// The release's serial.
        serial: Serial,
    },
    /// See [`Rule::OwnKey`].
    #[error(
        "rule own-key: the entry of {appliance} names the key with fingerprint {found}, expected this machine's {own}: \
         enrol this machine's key, or it is not {appliance}"
    )]
    OwnKey {
        /// The appliance.
        appliance: ApplianceId,
        /// Fingerprint of the key in the entry.
        found: String,
        /// Fingerprint of the machine's own key.
        own: String,
    },
    /// See [`Rule::OwnKeyRevoked`].
    #[error(
        "rule own-key-revoked: the release revokes this machine's key {own} as of {revoked_at} ({}), expected a key that \
         counts: make a new key and enrol it", one_line(.reason)
    )]
    OwnKeyRevoked {
        /// Fingerprint of the machine's own key.
        own: String,
        /// From when it does not count.
        revoked_at: Time,
        /// Why.
        reason: String,
    },
    /// See [`Rule::TrustVersion`].
    #[error(
        "rule trust-version: the release was made under trust root {found}, expected at most {newest}, the newest one \
         known here: fetch the roots up to {found} first"
    )]
    TrustVersion {
        /// The version that the release names.
        found: TrustVersion,
        /// The newest known.
        newest: TrustVersion,
    },
    /// See [`Rule::Epoch`].
    #[error(
        "rule epoch: the release is of epoch {found}, expected {expected} as trust root {version} says: release again in \
         epoch {expected}"
    )]
    Epoch {
        /// The release's epoch.
        found: Epoch,
        /// The newest root's epoch.
        expected: Epoch,
        /// The newest root.
        version: TrustVersion,
    },
    /// See [`Rule::Floor`].
    #[error(
        "rule floor: the release is {}, expected above {} which was accepted before: to go back to old content, release it \
         under a new serial", point(.found), point(.floor)
    )]
    Floor {
        /// Epoch and serial found.
        found: (Epoch, Serial),
        /// Epoch and serial accepted before.
        floor: (Epoch, Serial),
    },
    /// See [`Rule::FloorBytes`].
    #[error(
        "rule floor-bytes: release {} has digest {found}, expected {accepted} as accepted before: two releases of one \
         serial were signed; tell the signers and release under a new serial", point(.at)
    )]
    FloorBytes {
        /// Epoch and serial of both.
        at: (Epoch, Serial),
        /// The digest now.
        found: Digest,
        /// The digest accepted before.
        accepted: Digest,
    },
    /// See [`Rule::LogInclusion`] and the three after it.
    #[error(transparent)]
    Log(#[from] LogProblem),
    /// See [`Rule::IssuedAt`].
    #[error(
        "rule issued-at: the release claims to be made at {issued_at}, expected before trust root {version} expires at \
         {expires_at}: correct the signer's clock and release again"
    )]
    IssuedAt {
        /// When it claims to be made.
        issued_at: Time,
        /// The newest root.
        version: TrustVersion,
        /// When the root expires.
        expires_at: Time,
    },
    /// See [`Rule::IssuedAt`].
    #[error(
        "rule issued-at: the release claims to be made at {issued_at}, expected while the keys that signed it count: then \
         only {found} of the {needed} that trust root {version} asks for do; correct the signer's clock and release again, \
         or extend the keys in the next trust root"
    )]
    IssuedAtKeys {
        /// When it claims to be made.
        issued_at: Time,
        /// The newest root.
        version: TrustVersion,
        /// How many of the keys that signed count until then.
        found: usize,
        /// How many it takes.
        needed: u32,
    },
    /// See [`Rule::Expiry`].
    #[error("rule expiry: the release expired at {expires_at} and it is {instant}, expected before: release again")]
    Expiry {
        /// When it expired.
        expires_at: Time,
        /// The instant judged by.
        instant: Time,
    },
    /// See [`Rule::NotBefore`].
    #[error(
        "rule not-before: it is {instant}, expected {not_before} or later for {appliance}: wait, or correct this machine's \
         clock"
    )]
    NotBefore {
        /// The appliance.
        appliance: ApplianceId,
        /// From when the entry counts.
        not_before: Time,
        /// The instant judged by.
        instant: Time,
    },
    /// See [`Rule::Resumed`].
    #[error(
        "rule resumed-bytes: the stored release has digest {found}, expected {} as the floor says: it was altered or lost; \
         fetch the release again", .accepted.map_or_else(|| "none".to_owned(), |d| d.to_string())
    )]
    Resumed {
        /// The digest of the stored bytes.
        found: Digest,
        /// The digest in the floor, if it holds a release.
        accepted: Option<Digest>,
    },
}

impl Refusal {
    /// The rule that was broken.
    pub fn rule(&self) -> Rule {
        match self {
            Self::Size { .. } => Rule::Size,
            Self::SignatureCount { .. } => Rule::SignatureCount,
            Self::FloorSite { .. } => Rule::FloorSite,
            Self::TrustFloor { .. } => Rule::TrustFloor,
            Self::TrustFork { .. } => Rule::TrustFork,
            Self::TrustExpiry { .. } => Rule::TrustExpiry,
            Self::Threshold { .. } => Rule::Threshold,
            Self::Document(_) => Rule::Document,
            Self::Site { .. } => Rule::Site,
            Self::Entry { .. } => Rule::Entry,
            Self::OwnKey { .. } => Rule::OwnKey,
            Self::OwnKeyRevoked { .. } => Rule::OwnKeyRevoked,
            Self::TrustVersion { .. } => Rule::TrustVersion,
            Self::Epoch { .. } => Rule::Epoch,
            Self::Floor { .. } => Rule::Floor,
            Self::FloorBytes { .. } => Rule::FloorBytes,
            Self::Log(problem) => problem.rule(),
            Self::IssuedAt { .. } | Self::IssuedAtKeys { .. } => Rule::IssuedAt,
            Self::Expiry { .. } => Rule::Expiry,
            Self::NotBefore { .. } => Rule::NotBefore,
            Self::Resumed { .. } => Rule::Resumed,
        }
    }
}

impl LogProblem {
    /// The rule that was broken.
    pub fn rule(&self) -> Rule {
        match self {
            Self::NoReceipt { .. } | Self::Receipt { .. } | Self::OtherEntry { .. } => Rule::LogInclusion,
            Self::Checkpoint(_) => Rule::LogCheckpoint,
            Self::Fork { .. } => Rule::LogConsistency,
            Self::NoRestart { .. } | Self::Restart(_) => Rule::LogRestart,
        }
    }
}

fn point((epoch, serial): &(Epoch, Serial)) -> String {
    format!("{epoch}-{serial}")
}

fn why(tally: &Tally) -> String {
    if tally.rejected.is_empty() { String::new() } else { format!(" ({tally})") }
}
