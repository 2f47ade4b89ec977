//! The claims that a depot holds, as whoever gives machines their place sees them: each judged anew, for the depot may say anything.

use std::collections::BTreeMap;

use writ_client::Client;
use writ_trust::claim_code::ClaimCode;
use writ_trust::minisign::PublicKey;
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::claim::Claim;
use writ_wire::claims::Claims;
use writ_wire::mac::MacAddress;
use writ_wire::{MAX_ENVELOPE, paths};

use crate::depot::failed;
use crate::failure::{Failure, Outcome};
use crate::screen;

/// A claim whose signature holds.
pub struct Offered {
    /// The claim.
    pub claim: Claim,
    /// When the depot first heard it, by its word.
    pub first_at: Time,
    /// When it last did.
    pub last_at: Time,
}

impl Offered {
    /// The claim code of its key.
    pub fn code(&self) -> ClaimCode {
        ClaimCode::of(&self.claim.public_key)
    }
}

/// The claims of a card, or of all.
pub fn ask(client: &Client, mac: Option<&MacAddress>) -> Outcome<Vec<Offered>> {
    let target = mac.map_or_else(paths::claims, paths::provision);
    let answer =
        client.get(&target, MAX_ENVELOPE as u64).map_err(|e| failed("cannot ask for the claims", client, &e))?;
    let unfit = |why: String| {
        Failure::could_not("the depot's answer is no list of claims").at(client.depot()).because(one_line(why))
    };
    let claims = Claims::parse(&answer).map_err(|e| unfit(e.to_string()))?;
    let mut offered = Vec::new();
    for held in claims.claims {
        match Claim::held(&held.claim) {
            Ok(claim) if mac.is_none_or(|mac| claim.mac == *mac) => {
                offered.push(Offered { claim, first_at: held.first_at, last_at: held.last_at });
            }
            Ok(claim) => screen::warning(&format!("the depot gives a claim of another card, {}", claim.mac)),
            Err(e) => screen::warning(&format!("the depot gives a claim that its key did not sign: {}", one_line(e))),
        }
    }
    Ok(offered)
}

/// The cards that more than one key claims, with those keys.
pub fn contested(offered: &[Offered]) -> BTreeMap<MacAddress, Vec<&PublicKey>> {
    let mut keys: BTreeMap<MacAddress, Vec<&PublicKey>> = BTreeMap::new();
    for one in offered {
        let of_card = keys.entry(one.claim.mac).or_default();
        if !of_card.contains(&&one.claim.public_key) {
            of_card.push(&one.claim.public_key);
        }
    }
    keys.retain(|_, keys| keys.len() > 1);
    keys
}
