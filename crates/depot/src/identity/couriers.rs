//! Delegations that were verified before: a courier sends the same one for a week.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use writ_trust::digest::Digest;
use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;
use writ_wire::courier::{self, Delegation};
use writ_wire::statement::StatementError;

use super::{IdentityError, standing};
use crate::directory::{ApplianceKey, Directory};

/// The most delegations remembered, about 500 bytes each.
const MOST: usize = 20_000;

/// What a delegation came to.
#[derive(Debug)]
pub(super) struct Delegated {
    /// The appliance that vouches.
    pub appliance: Arc<ApplianceKey>,
    /// The key that it vouches for.
    pub courier: PublicKey,
}

/// Verified delegations, by the digest of the header that carried them.
#[derive(Debug, Default)]
pub(super) struct Couriers(Mutex<HashMap<Digest, Arc<Delegation>>>);

impl Couriers {
    /// Judges the value of the header. Signature and shape are judged once; dates, and whether the appliance's key still
    /// counts, every time.
    pub fn judge(&self, header: &str, directory: &Directory, now: Time) -> Result<Delegated, IdentityError> {
        if header.len() > courier::MAX_HEADER {
            return Err(courier::HeaderError::TooLong(header.len()).into());
        }
        let name = Digest::of(header.as_bytes());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        let (delegation, appliance) = match known {
            Some(known) => {
                if now >= known.expires_at {
                    return Err(StatementError::Expired { expires_at: known.expires_at, now }.into());
                }
                let appliance = standing(directory, &known)?;
                (known, appliance)
            }
            None => {
                let signed = courier::from_header(header)?;
                // Nothing is proven yet: this only says which key to prove it by.
                let claimed = Delegation::parse(&signed.document.0).map_err(StatementError::from)?;
                let appliance = standing(directory, &claimed)?;
                let delegation = Arc::new(Delegation::verify(&signed, &appliance.key, now)?);
                self.remember(name, delegation.clone());
                (delegation, appliance)
            }
        };
        Ok(Delegated { appliance, courier: delegation.courier_key.clone() })
    }

    fn remember(&self, name: Digest, delegation: Arc<Delegation>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            // Appliances that are asked again just prove it again.
            known.clear();
        }
        known.insert(name, delegation);
    }
}
