//! The enforcer's word for its courier's key (`writ.courier.v1`).
//!
//! The courier makes a key of its own and lays it into the inbox. Whoever writes there gets to be vouched for, and that is
//! no loss: such a key signs requests to a depot and nothing else, so the worst that it can do is what a courier can do anyway.

use tracing::{info, warn};
use writ_trust::acceptance::Identity;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::minisign::PublicKey;
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::courier::{Delegation, LIFETIME_MILLIS};

use crate::enforce::engine::Engine;
use crate::enforce::hostile;
use crate::enforce::refused::Refused;
use crate::enforce::releases::{absent, unreadable};

/// Its file.
const FILE: &str = "courier.json";
/// The largest public key file, in bytes; real ones have about 110.
const MAX_KEY: usize = 4 * 1024;

/// The word that was given last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The site that it names.
    pub site: SiteId,
    /// The appliance that it names.
    pub appliance: ApplianceId,
    /// The key that is vouched for.
    pub key: PublicKey,
    /// From when.
    pub issued_at: Time,
    /// Until when.
    pub expires_at: Time,
}

impl Vouched {
    /// Whether the word for this key needs no renewing yet: half of its time is left, and it is not from the future (then
    /// the clock was set back, and others would not believe it).
    fn serves(&self, own: &Identity, key: &PublicKey, now: Time) -> bool {
        let age = now.millis_since(self.issued_at);
        (&self.site, &self.appliance, &self.key) == (&own.site, &own.appliance, key)
            && (0..LIFETIME_MILLIS / 2).contains(&age)
    }
}

impl From<Delegation> for Vouched {
    fn from(delegation: Delegation) -> Self {
        let Delegation { site, appliance, courier_key, issued_at, expires_at, .. } = delegation;
        Self { site, appliance, key: courier_key, issued_at, expires_at }
    }
}

impl Engine {
    /// Reads the courier's key and vouches for it when that is due.
    pub(in crate::enforce) fn vouch(&mut self) {
        let key = match self.courier_key() {
            Ok(Some(key)) => key,
            Ok(None) => return,
            Err(refused) => return self.refuse(&[refused]),
        };
        let (at, folder) = (self.clock.now(), self.config.presence_dir());
        if self.presence.vouched.is_none() {
            let before = super::get(&folder, FILE).ok();
            let own = &self.identity.public_key;
            let before = before.and_then(|signed| Delegation::verify(&signed, own, at).ok());
            self.presence.vouched = before.map(Vouched::from);
        }
        let before = self.presence.vouched.as_ref();
        if before.is_some_and(|before| before.serves(&self.identity, &key, at)) && super::lies(&folder, FILE) {
            return;
        }
        match before.filter(|before| before.key != key) {
            Some(before) => {
                warn!(old = %before.key.fingerprint(), new = %key.fingerprint(), "the courier has another key: it is vouched for");
            }
            None => info!(key = %key.fingerprint(), "the courier's key is vouched for"),
        }
        let (site, appliance) = (self.identity.site.clone(), self.identity.appliance.clone());
        let laid = match Delegation::make(&site, &appliance, self.writer.key(), &key, at) {
            Ok(signed) => super::put(&folder, FILE, &signed).map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        };
        match laid {
            Ok(()) => {
                let expires_at = at.plus_millis(LIFETIME_MILLIS);
                self.presence.vouched = Some(Vouched { site, appliance, key, issued_at: at, expires_at });
            }
            Err(e) => self.say_once(format!("{}: the courier cannot be vouched for: {e}", folder.display())),
        }
    }

    fn courier_key(&self) -> Result<Option<PublicKey>, Refused> {
        let path = self.acceptor.folder().courier_key();
        let bytes = match absent(hostile::read(&path, MAX_KEY)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(e) => {
                let rule = unreadable(&e);
                let message = format!("rule {rule}: the courier's key cannot be read: {e}");
                return Err(Refused::new("courier-key", rule, message, None));
            }
        };
        let refused = |problem: String| {
            let message = format!("rule courier-key: {problem}: expected the courier's own public key file");
            Refused::new("courier-key", "courier-key", message, Some(Digest::of(&bytes)))
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| refused("not text".to_owned()))?;
        let key = PublicKey::parse(text).map_err(|e| refused(one_line(e)))?;
        if key.ed25519() == self.identity.public_key.ed25519() {
            return Err(refused("it is the key of this appliance".to_owned()));
        }
        Ok(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use writ_trust::minisign::SecretKey;

    use super::*;

    #[test]
    fn a_word_is_renewed_at_half_its_time_or_for_another_key() {
        let key = |n: u8| SecretKey::generate(&[n; 40]).public_key();
        let issued_at: Time = "2026-11-23T12:00:00Z".parse().unwrap();
        let expires_at = issued_at.plus_millis(LIFETIME_MILLIS);
        let own = |site: &str, appliance: &str| Identity {
            site: site.parse().unwrap(),
            appliance: appliance.parse().unwrap(),
            public_key: key(9),
        };
        let here = own("clinic-001", "front-desk");
        let (site, appliance) = (here.site.clone(), here.appliance.clone());
        let vouched = Vouched { site, appliance, key: key(1), issued_at, expires_at };
        let after = |hours: i64| issued_at.plus_millis(hours * 3_600_000);
        assert!(vouched.serves(&here, &key(1), issued_at) && vouched.serves(&here, &key(1), after(83)));
        assert!(!vouched.serves(&here, &key(1), after(84)), "half of seven days");
        assert!(!vouched.serves(&here, &key(1), after(-1)), "a clock that was set back");
        assert!(!vouched.serves(&here, &key(2), issued_at));
        for other in [own("clinic-002", "front-desk"), own("clinic-001", "back-office")] {
            assert!(!vouched.serves(&other, &key(1), issued_at), "it names another place");
        }
    }
}
