//! Delegations that were verified before: a courier sends the same one for a week.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use writ_trust::digest::Digest;
use writ_trust::ids::ApplianceId;
use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;
use writ_wire::courier::{self, Delegation};
use writ_wire::statement::StatementError;

use super::{IdentityError, standing};
use crate::directory::{ApplianceKey, Directory};

/// The most delegations remembered, about 350 bytes each.
const MOST: usize = 20_000;

/// What a delegation came to.
#[derive(Debug)]
pub(super) struct Delegated {
    /// The appliance that vouches.
    pub appliance: Arc<ApplianceKey>,
    /// The key that it vouches for.
    pub courier: PublicKey,
}

/// What is needed of a delegation once it was verified.
#[derive(Debug, Clone)]
struct Known {
    /// As it stood when it was last asked about.
    key: Arc<ApplianceKey>,
    /// The appliance that vouches, where the key was another one's too.
    name: ApplianceId,
    courier: PublicKey,
    expires_at: Time,
}

/// Verified delegations, by the digest of the header that carried them.
#[derive(Debug, Default)]
pub(super) struct Couriers(Mutex<HashMap<Digest, Known>>);

impl Couriers {
    /// Judges the value of the header. Signature and shape are judged once; dates, and whether the appliance's key still
    /// counts, every time.
    pub fn judge(&self, header: &str, directory: &Directory, now: Time) -> Result<Delegated, IdentityError> {
        if header.len() > courier::MAX_HEADER {
            return Err(courier::HeaderError::TooLong(header.len()).into());
        }
        let name = Digest::of(header.as_bytes());
        if let Some(delegated) = self.known(&name, directory, now)? {
            return Ok(delegated);
        }
        let signed = courier::from_header(header)?;
        // Nothing is proven yet: this only says which key to prove it by.
        let claimed = Delegation::parse(&signed.document.0).map_err(StatementError::from)?;
        let appliance = standing(directory, &claimed.site, &claimed.appliance, &claimed.public_key)?;
        let Delegation { appliance: name_of, courier_key: courier, expires_at, .. } =
            Delegation::verify(&signed, &appliance.key, now)?;
        let known = Known { key: appliance.clone(), name: name_of, courier: courier.clone(), expires_at };
        self.remember(name, known);
        Ok(Delegated { appliance, courier })
    }

    fn known(&self, name: &Digest, directory: &Directory, now: Time) -> Result<Option<Delegated>, IdentityError> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = all.get_mut(name) else { return Ok(None) };
        if now >= known.expires_at {
            return Err(StatementError::Expired { expires_at: known.expires_at, now }.into());
        }
        // What was published since counts, and what was published before is not kept for this.
        known.key = standing(directory, &known.key.site, &known.name, &known.key.key)?;
        Ok(Some(Delegated { appliance: known.key.clone(), courier: known.courier.clone() }))
    }

    fn remember(&self, name: Digest, delegation: Known) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            // Appliances that are asked again just prove it again.
            known.clear();
        }
        known.insert(name, delegation);
    }
}
