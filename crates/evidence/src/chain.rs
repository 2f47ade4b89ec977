//! Sealing a bundle into its appliance's chain, and verifying one: every way to fail is an error of its own.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::document::{self, DocumentError};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json;
use writ_trust::minisign::{self, PublicKey, SecretKey, Signature, SignatureError};
use writ_trust::time::Time;

use crate::bundle::{BUNDLE_VERSION, Bundle, Kind, Link, MAX_BUNDLE, SCHEMAS, schema_of};
use crate::draft::Draft;
use crate::id::{BundleId, Date};
use crate::validate::ValidationError;

/// Where a chain stands: what the next bundle must continue. Kept by the appliance across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainState {
    /// The sequence of the next bundle, from 1.
    pub next_sequence: u64,
    /// Digest of the last bundle; null before the first.
    pub previous: Option<Digest>,
    /// The date in the last bundle's id; null before the first.
    pub last_date: Option<Date>,
}

impl ChainState {
    /// The state of a key that has not said anything.
    pub fn new() -> Self {
        Self { next_sequence: 1, previous: None, last_date: None }
    }

    /// The state after a bundle with this digest.
    fn after(bundle: &Bundle, digest: Digest) -> Self {
        Self {
            next_sequence: bundle.chain.sequence + 1,
            previous: Some(digest),
            last_date: Some(bundle.bundle_id.date),
        }
    }
}

impl Default for ChainState {
    fn default() -> Self {
        Self::new()
    }
}

/// A bundle as it is stored and sent.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// The exact bytes that are signed.
    pub bytes: Vec<u8>,
    /// The minisign file beside them.
    pub signature_text: String,
    /// What the bytes say.
    pub bundle: Bundle,
    /// `EB-YYYYMMDD-NNNN`.
    pub bundle_id: BundleId,
    /// Its number in the chain.
    pub sequence: u64,
    /// Digest of the bytes.
    pub digest: Digest,
    /// The state that the next bundle continues. Store it, with the bundle, before anybody hears of either.
    pub next: ChainState,
}

impl Sealed {
    /// The name of the bundle's file; its signature's has `.minisig` appended.
    pub fn file_name(&self) -> String {
        file_name(self.sequence, self.bundle_id)
    }
}

/// The name of a bundle's file, `<sequence>-<bundle_id>.json`.
pub fn file_name(sequence: u64, id: BundleId) -> String {
    format!("{sequence}-{id}.json")
}

/// Reads a bundle's file name. One spelling only, so that no two files can claim one place.
pub fn parse_file_name(name: &str) -> Option<(u64, BundleId)> {
    let (sequence, id) = name.strip_suffix(".json")?.split_once('-')?;
    let parsed = (sequence.parse().ok()?, id.parse().ok()?);
    (file_name(parsed.0, parsed.1) == name).then_some(parsed)
}

/// Why a draft cannot become a bundle.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The chain's first bundle must tell that the enforcer started.
    #[error("the first bundle of a key must be of kind `started` (or an attestation), not `{0}`")]
    FirstNotStarted(Kind),
    /// The draft lacks what its kind needs, or holds what it must not.
    #[error("the bundle would not be valid: {0}")]
    Invalid(#[from] ValidationError),
    /// The bundle is too large.
    #[error("the bundle would have {0} bytes, more than the {MAX_BUNDLE} allowed")]
    TooLarge(usize),
    /// The signature could not be made.
    #[error("the bundle could not be signed: {0}")]
    Sign(#[from] minisign::SignError),
}

/// Makes a bundle out of a draft: scrubs it, gives it its number, time and place, and signs its RFC 8785 bytes.
///
/// Deterministic: the same arguments give the same bytes and signature.
pub fn seal(mut draft: Draft, state: &ChainState, key: &SecretKey, now: Time) -> Result<Sealed, SealError> {
    draft.tidy();
    let date = state.last_date.map_or(Date::of(now), |last| last.max(Date::of(now)));
    let sequence = state.next_sequence;
    let bundle_id = BundleId { date, number: sequence };
    let bundle = assemble(draft, bundle_id, state, key.public_key(), now);
    if sequence == 1 && !may_begin(bundle.kind) {
        return Err(SealError::FirstNotStarted(bundle.kind));
    }
    bundle.validate()?;
    let bytes = json::canonical(&bundle);
    if bytes.len() > MAX_BUNDLE {
        return Err(SealError::TooLarge(bytes.len()));
    }
    let trusted = format!("site={} appliance={} sequence={sequence}", bundle.client_id, bundle.appliance);
    let signature_text = key.sign(&bytes, &trusted, &format!("signature of {bundle_id}"))?.to_string();
    let digest = Digest::of(&bytes);
    let next = ChainState::after(&bundle, digest);
    Ok(Sealed { bytes, signature_text, bundle, bundle_id, sequence, digest, next })
}

fn may_begin(kind: Kind) -> bool {
    matches!(kind, Kind::Started | Kind::Attestation)
}

fn assemble(draft: Draft, bundle_id: BundleId, state: &ChainState, public_key: PublicKey, now: Time) -> Bundle {
    Bundle {
        schema: schema_of(draft.posture.as_ref()).to_owned(),
        bundle_id,
        bundle_version: BUNDLE_VERSION.to_owned(),
        kind: draft.kind,
        client_id: draft.client_id,
        appliance: draft.appliance,
        public_key,
        generated_at: now,
        target: draft.target,
        vantage: draft.vantage,
        release: draft.release,
        chain: Link { sequence: state.next_sequence, previous: state.previous },
        last_checkpoint: draft.last_checkpoint,
        clock: draft.clock,
        change: draft.change,
        incident: draft.incident,
        affected: draft.affected,
        drift: draft.drift,
        runbook: draft.runbook,
        execution: draft.execution,
        actions_taken: draft.actions_taken,
        verification: draft.verification,
        artifacts: draft.artifacts,
        outputs: draft.outputs,
        posture: draft.posture,
        switch: draft.switch,
        pause: draft.pause,
        started: draft.started,
        refused: draft.refused,
        thinned: draft.thinned,
        order: draft.order,
        restore_test: draft.restore_test,
        clock_step: draft.clock_step,
        logs: draft.logs,
        plan: draft.plan,
        attestation: draft.attestation,
    }
}

/// Who must have spoken.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    /// The site.
    pub site: &'a SiteId,
    /// The appliance.
    pub appliance: &'a ApplianceId,
    /// Its key, from a verified release.
    pub public_key: &'a PublicKey,
}

/// A bundle whose signature, shape and speaker are right.
#[derive(Debug, Clone)]
pub struct Authentic {
    /// What it says.
    pub bundle: Bundle,
    /// Digest of its exact bytes.
    pub digest: Digest,
}

/// Why a bundle does not count.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is too large to be looked at.
    #[error("{0} bytes is more than the {MAX_BUNDLE} that a bundle may have")]
    TooLarge(usize),
    /// The signature file is not one.
    #[error("its signature file: {0}")]
    SignatureFile(#[from] SignatureError),
    /// The signature is by another key.
    #[error("its signature is by key {found}, the release names key {expected} for this appliance")]
    OtherKey {
        /// Key id of the expected key.
        expected: minisign::KeyId,
        /// Key id in the signature.
        found: minisign::KeyId,
    },
    /// The signature does not fit the bytes: one of the two was altered.
    #[error("its signature does not fit: {0}")]
    BadSignature(minisign::VerifyError),
    /// The signed bytes follow another schema, perhaps a newer one.
    #[error("it was signed in a schema that this version does not know: {0}")]
    OtherSchema(#[source] DocumentError),
    /// The signed bytes are not a bundle.
    #[error("it is signed, but not a bundle: {0}")]
    Malformed(#[source] DocumentError),
    /// The bundle contradicts itself.
    #[error("it is signed, but not valid: {0}")]
    Invalid(#[from] ValidationError),
    /// The bundle names another key than the one it is signed with.
    #[error("it names another public key than the one that signed it")]
    ForeignKey,
    /// The bundle speaks for another site.
    #[error("it speaks for site {found}, expected {expected}")]
    ForeignSite {
        /// The site it should be about.
        expected: SiteId,
        /// The site it names.
        found: SiteId,
    },
    /// The bundle speaks for another appliance.
    #[error("it speaks for appliance {found}, expected {expected}")]
    ForeignAppliance {
        /// The appliance it should be about.
        expected: ApplianceId,
        /// The appliance it names.
        found: ApplianceId,
    },
}

/// Verifies one bundle by itself: signature first, then shape, then who speaks.
pub fn authenticate(bytes: &[u8], signature: &[u8], speaker: &Speaker<'_>) -> Result<Authentic, VerifyError> {
    authenticate_digested(bytes, Digest::of(bytes), signature, speaker)
}

/// As [`authenticate`], where the digest of these exact bytes is known already.
pub fn authenticate_digested(
    bytes: &[u8],
    digest: Digest,
    signature: &[u8],
    speaker: &Speaker<'_>,
) -> Result<Authentic, VerifyError> {
    if bytes.len() > MAX_BUNDLE {
        return Err(VerifyError::TooLarge(bytes.len()));
    }
    let signature = Signature::parse(signature)?;
    speaker.public_key.verify_strict(bytes, &signature).map_err(|error| match error {
        minisign::VerifyError::OtherKey { named, given } => VerifyError::OtherKey { expected: given, found: named },
        other => VerifyError::BadSignature(other),
    })?;
    let bundle: Bundle = document::parse_any(bytes, SCHEMAS).map_err(|error| match error {
        DocumentError::OtherSchema { .. } => VerifyError::OtherSchema(error),
        other => VerifyError::Malformed(other),
    })?;
    bundle.validate()?;
    if bundle.public_key.ed25519() != speaker.public_key.ed25519() {
        return Err(VerifyError::ForeignKey);
    }
    if bundle.client_id != *speaker.site {
        return Err(VerifyError::ForeignSite { expected: speaker.site.clone(), found: bundle.client_id });
    }
    if bundle.appliance != *speaker.appliance {
        return Err(VerifyError::ForeignAppliance { expected: speaker.appliance.clone(), found: bundle.appliance });
    }
    Ok(Authentic { bundle, digest })
}

/// Why an authentic bundle does not continue its chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Bundles are missing before it.
    #[error("bundles {expected} to {} are missing before it", found - 1)]
    Gap {
        /// The sequence that should come.
        expected: u64,
        /// The sequence that came.
        found: u64,
    },
    /// Its number was used before.
    #[error("its sequence {found} was used before, {expected} should come: two histories, or a copy")]
    Repeated {
        /// The sequence that should come.
        expected: u64,
        /// The sequence that came.
        found: u64,
    },
    /// It continues another bundle than the one before it.
    #[error("it continues a bundle with digest {found}, the one before it has {expected}")]
    Fork {
        /// Digest of the bundle before.
        expected: Digest,
        /// Digest that it names.
        found: Digest,
    },
    /// The date in its id is not the later of the last one and its own.
    #[error("the date in its id is {found}, expected {expected}")]
    Date {
        /// The date that follows from the rule.
        expected: Date,
        /// The date it has.
        found: Date,
    },
    /// A chain must begin by telling that the enforcer started.
    #[error("a chain begins with kind `started`, this one with `{0}`")]
    FirstNotStarted(Kind),
}

/// Whether an authentic bundle continues a chain; gives the state after it.
pub fn follow(state: &ChainState, authentic: &Authentic) -> Result<ChainState, ChainError> {
    let Authentic { bundle, digest } = authentic;
    let (expected, found) = (state.next_sequence, bundle.chain.sequence);
    if found > expected {
        return Err(ChainError::Gap { expected, found });
    }
    if found < expected {
        return Err(ChainError::Repeated { expected, found });
    }
    // `Bundle::validate` has seen to it that exactly the first bundle names none before it.
    if let (Some(expected), Some(found)) = (state.previous, bundle.chain.previous)
        && expected != found
    {
        return Err(ChainError::Fork { expected, found });
    }
    let own = Date::of(bundle.generated_at);
    let expected = state.last_date.map_or(own, |last| last.max(own));
    if bundle.bundle_id.date != expected {
        return Err(ChainError::Date { expected, found: bundle.bundle_id.date });
    }
    if found == 1 && !may_begin(bundle.kind) {
        return Err(ChainError::FirstNotStarted(bundle.kind));
    }
    Ok(ChainState::after(bundle, *digest))
}

/// Continues a chain after a bundle that does not follow from the state before: what an audit does after it has told of
/// a gap, so that one missing bundle does not hide what comes later.
pub fn resume(authentic: &Authentic) -> ChainState {
    ChainState::after(&authentic.bundle, authentic.digest)
}
