//! Where a machine belongs (`writ.placement.v1`): a depot's answer to one that has claimed, and how the machine judges it.
//!
//! The depot's word counts for nothing. The answer carries the signed release that names the machine's key, the trust roots
//! that lead to it and the log's proof, and the machine accepts it by the rules of every release, or goes on waiting.

use serde::{Deserialize, Serialize};
use writ_trust::acceptance::{self, Accepted, Identity, LogProof};
use writ_trust::floor::Floor;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::log::judge::Continuity;
use writ_trust::minisign::PublicKey;
use writ_trust::refusal::Refusal;
use writ_trust::release::Release;
use writ_trust::root_chain::{ChainError, TrustChain};
use writ_trust::time::Time;

use crate::MAX_ENVELOPE;
use crate::releases::LoggedRelease;
use crate::shape::{document, nullable};
use crate::signed::{Signed, SignedError};

/// The most trust roots in one answer: at one a month, as many years as an image is of use.
pub const MAX_ROOTS: usize = 120;

/// Where a machine belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Always `writ.placement.v1`.
    pub schema: PlacementSchema,
    /// The place; null while no active release names its key.
    #[serde(deserialize_with = "nullable")]
    pub place: Option<Place>,
}

document!(Placement, PlacementSchema, PLACEMENT_SCHEMA, "writ.placement.v1", MAX_ENVELOPE);

/// A place, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The site.
    pub site: SiteId,
    /// The name there.
    pub appliance: ApplianceId,
    /// The trust roots after the one that the request named, ascending, at most [`MAX_ROOTS`].
    pub roots: Vec<Signed>,
    /// The active release of the site.
    pub release: LoggedRelease,
}

/// Why a place is none.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// There are more trust roots than one answer has.
    #[error("{0} trust roots: expected at most {MAX_ROOTS}")]
    Roots(usize),
    /// A part is larger than it may be.
    #[error("{0}")]
    Bounds(#[from] SignedError),
    /// A trust root does not continue the chain.
    #[error("its trust roots: {0}")]
    Chain(#[from] ChainError),
    /// The release is not to be obeyed by this machine.
    #[error("its release: {0}")]
    Refused(#[from] Box<Refusal>),
}

impl Place {
    /// Whether people said that the machine with this key belongs there: the release is one that it accepts, by the trust root
    /// that it began with, as one that has accepted nothing yet. When its generation is due is no part of that: a machine of a later
    /// ring belongs there already, and waits there.
    pub fn judge(&self, first: &TrustChain, key: &PublicKey, now: Time) -> Result<Accepted, PlaceError> {
        if self.roots.len() > MAX_ROOTS {
            return Err(PlaceError::Roots(self.roots.len()));
        }
        let mut chain = first.clone();
        for root in &self.roots {
            root.check_bounds()?;
            chain.extend(&root.document.0, &root.signatures)?;
        }
        let LoggedRelease { release, receipt } = &self.release;
        release.check_bounds()?;
        let identity = Identity { site: self.site.clone(), appliance: self.appliance.clone(), public_key: key.clone() };
        let floor = Floor::initial(self.site.clone(), &chain);
        let receipt = receipt.as_ref().map(|receipt| &receipt.0[..]);
        let log = LogProof { receipt, continuity: Continuity::default() };
        let judged = |running| {
            let (bytes, signatures) = (&release.document.0, &release.signatures);
            acceptance::accept_beside(bytes, signatures, &chain, &floor, &identity, &log, running, now)
        };
        match judged(None) {
            Err(early @ Refusal::NotBefore { .. }) => {
                // The last of the rules, so it is signed and sound: judged again as by one for whom it brings nothing to wait for.
                let release = Release::parse(&release.document.0).map_err(|e| Box::new(Refusal::Document(e)))?;
                let entry = release.generations.get(&self.appliance).ok_or_else(|| Box::new(early))?;
                Ok(judged(Some(entry)).map_err(Box::new)?)
            }
            other => Ok(other.map_err(Box::new)?),
        }
    }
}
