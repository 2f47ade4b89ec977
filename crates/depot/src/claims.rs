//! Claims of machines that belong nowhere yet, in memory alone and for an hour each: whoever may send them is unknown, and nothing
//! that they send comes onto a disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use writ_trust::time::Time;
use writ_wire::claim::Claim;
use writ_wire::claims::HeldClaim;
use writ_wire::mac::MacAddress;
use writ_wire::signed::Signed;

use crate::fault::Fault;
use crate::limits::body::Sender;

/// How long a claim is held after it was last said, in milliseconds.
const HOUR: i64 = 3_600_000;
/// The most claims held, of at most 4 KiB each.
const MOST: usize = 1_000;
/// The most claims of one address.
const MOST_OF_SENDER: usize = 20;
/// The most keys that claim one card.
const MOST_OF_CARD: usize = 20;

#[derive(Debug)]
struct Held {
    claim: Claim,
    signed: Signed,
    sender: Sender,
    first_at: Time,
    last_at: Time,
}

/// The claims, in the order in which they first came.
#[derive(Debug, Default)]
pub struct Claims(Mutex<Vec<Held>>);

impl Claims {
    /// Those that are held now.
    fn lock(&self, now: Time) -> MutexGuard<'_, Vec<Held>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Also where the clock was set back: what was heard in a time to come would stay for longer than an hour.
        all.retain(|held| now.millis_since(held.last_at).abs() < HOUR);
        all
    }

    /// Takes a verified claim; gives how many other keys claim its card, and whether its own is new. No key ever takes the place of
    /// another that still claims: of too many, one goes of the sender that has most of them.
    pub fn put(&self, claim: Claim, signed: Signed, sender: Sender, now: Time) -> Result<(u64, bool), Fault> {
        let mut all = self.lock(now);
        let same = |held: &Held| held.claim.mac == claim.mac && held.claim.public_key == claim.public_key;
        let known = all.iter_mut().find(|held| same(held));
        let is_new = known.is_none();
        if let Some(held) = known {
            // An older one that somebody sends again says nothing new.
            if held.claim.at < claim.at {
                let first_at = held.first_at;
                *held = Held { claim: claim.clone(), signed, sender, first_at, last_at: now };
            }
        } else {
            make_room(&mut all, &claim.mac, &sender, now)?;
            all.push(Held { claim: claim.clone(), signed, sender, first_at: now, last_at: now });
        }
        let others = all.iter().filter(|held| held.claim.mac == claim.mac).count().saturating_sub(1) as u64;
        Ok((others, is_new))
    }

    /// The claims of a card, or of all.
    pub fn of(&self, mac: Option<&MacAddress>, now: Time) -> Vec<HeldClaim> {
        let all = self.lock(now);
        let wanted = all.iter().filter(|held| mac.is_none_or(|mac| held.claim.mac == *mac));
        let given =
            |held: &Held| HeldClaim { claim: held.signed.clone(), first_at: held.first_at, last_at: held.last_at };
        wanted.map(given).collect()
    }

    /// The claim of a card by the key with this fingerprint.
    pub fn by(&self, mac: &MacAddress, fingerprint: &str, now: Time) -> Option<Claim> {
        let all = self.lock(now);
        let mut of_card = all.iter().filter(|held| held.claim.mac == *mac);
        of_card.find(|held| held.claim.public_key.fingerprint() == fingerprint).map(|held| held.claim.clone())
    }

    /// How many claims are held, and how many cards several keys claim.
    pub fn counts(&self, now: Time) -> (usize, usize) {
        let all = self.lock(now);
        let mut keys: BTreeMap<MacAddress, BTreeSet<[u8; 32]>> = BTreeMap::new();
        for held in all.iter() {
            keys.entry(held.claim.mac).or_default().insert(*held.claim.public_key.ed25519());
        }
        (all.len(), keys.values().filter(|keys| keys.len() > 1).count())
    }
}

/// Sees to it that one more may be held.
fn make_room(all: &mut Vec<Held>, mac: &MacAddress, sender: &Sender, now: Time) -> Result<(), Fault> {
    // Nobody knows how many machines a proxy speaks for.
    if *sender != Sender::Anybody {
        let own: Vec<&Held> = all.iter().filter(|held| held.sender == *sender).collect();
        if own.len() >= MOST_OF_SENDER {
            let oldest = own.iter().map(|held| held.last_at).min().unwrap_or(now);
            let after = (HOUR - now.millis_since(oldest)).max(1000) / 1000;
            return Err(Fault::TooMany { after: after.unsigned_abs() });
        }
    }
    if all.iter().filter(|held| held.claim.mac == *mac).count() >= MOST_OF_CARD {
        forget_oldest(all, |held| held.claim.mac == *mac);
    }
    if all.len() >= MOST {
        forget_oldest(all, |_| true);
    }
    Ok(())
}

/// Forgets one of these: of the sender that has most of them that one which has not been heard for longest, so that who sends many
/// puts out nobody else's.
fn forget_oldest(all: &mut Vec<Held>, of: impl Fn(&Held) -> bool) {
    let mut counts: HashMap<Sender, usize> = HashMap::new();
    for held in all.iter().filter(|held| of(held)) {
        *counts.entry(held.sender.clone()).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    let of_most = |held: &Held| of(held) && counts.get(&held.sender) == Some(&most);
    let oldest = all.iter().enumerate().filter(|(_, held)| of_most(held)).min_by_key(|(_, held)| held.last_at);
    if let Some(at) = oldest.map(|(at, _)| at) {
        all.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use writ_trust::minisign::{PublicKey, SecretKey};
    use writ_wire::claim::{ClaimSchema, PlainName};

    use super::*;
    use crate::limits::body::Peer;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_800_000_000_000 + seconds * 1000)
    }

    fn mac(n: u16) -> MacAddress {
        let [high, low] = n.to_be_bytes();
        format!("00:00:5e:00:{high:02x}:{low:02x}").parse().unwrap()
    }

    fn key(n: u16) -> SecretKey {
        let mut random = [0; 40];
        random[..2].copy_from_slice(&n.to_be_bytes());
        SecretKey::generate(&random)
    }

    fn from(n: u8) -> Sender {
        let options = crate::options::for_tests();
        Sender::From(Peer::of(IpAddr::from([192, 0, 2, n]), &options).unwrap())
    }

    fn put(claims: &Claims, card: u16, who: u16, sender: Sender, seconds: i64) -> Result<(u64, bool), Fault> {
        let claim = Claim {
            schema: ClaimSchema::V1,
            mac: mac(card),
            public_key: key(who).public_key(),
            courier_key: key(who).public_key(),
            hardware: PlainName::of("a machine"),
            at: at(seconds),
            site: None,
            appliance: None,
            agent_version: PlainName::of("0.1.0"),
            secrets: None,
        };
        let signed = claim.sign(&key(who)).unwrap();
        claims.put(claim, signed, sender, at(seconds))
    }

    /// The keys that claim a card, in order.
    fn keys(claims: &Claims, card: u16, seconds: i64) -> Vec<PublicKey> {
        let held = claims.of(Some(&mac(card)), at(seconds));
        held.iter().map(|held| Claim::held(&held.claim).unwrap().public_key).collect()
    }

    #[test]
    fn two_keys_that_claim_one_card_are_both_held() {
        let claims = Claims::default();
        assert_eq!(put(&claims, 1, 1, from(1), 0).unwrap(), (0, true));
        assert_eq!(put(&claims, 1, 2, from(2), 1).unwrap(), (1, true));
        assert_eq!(put(&claims, 2, 3, from(2), 1).unwrap(), (0, true));
        assert_eq!(put(&claims, 1, 1, from(1), 60).unwrap(), (1, false), "said again, it is one");
        assert_eq!(keys(&claims, 1, 60), [key(1).public_key(), key(2).public_key()]);
        assert_eq!(claims.counts(at(60)), (3, 1));
        let fingerprint = key(2).public_key().fingerprint();
        assert!(
            claims.by(&mac(1), &fingerprint, at(60)).is_some() && claims.by(&mac(2), &fingerprint, at(60)).is_none()
        );
    }

    #[test]
    fn a_claim_is_held_for_an_hour_after_it_was_last_said() {
        let claims = Claims::default();
        put(&claims, 1, 1, from(1), 0).unwrap();
        put(&claims, 2, 2, from(1), 0).unwrap();
        put(&claims, 1, 1, from(1), 60).unwrap();
        put(&claims, 1, 1, from(1), 30).unwrap();
        assert_eq!(claims.counts(at(3599)).0, 2);
        assert_eq!((keys(&claims, 1, 3600).len(), keys(&claims, 2, 3600).len()), (1, 0));
        assert_eq!(claims.counts(at(3660)).0, 0, "an older one, sent again, renews nothing");
    }

    #[test]
    fn nobody_fills_the_memory_nor_keeps_others_out() {
        let claims = Claims::default();
        for n in 0..20 {
            put(&claims, n, n, from(1), i64::from(n)).unwrap();
        }
        assert!(matches!(put(&claims, 20, 20, from(1), 20), Err(Fault::TooMany { after: 3580 })));
        assert!(put(&claims, 0, 0, from(1), 20).is_ok(), "what is held may be said again");
        assert!(put(&claims, 20, 20, from(2), 20).is_ok());

        // Behind a proxy everybody is one.
        for n in 100..1_500 {
            put(&claims, n, n, Sender::Anybody, 30).unwrap();
        }
        assert_eq!(claims.counts(at(30)).0, MOST);
        assert_eq!((keys(&claims, 20, 30).len(), keys(&claims, 3, 30).len()), (1, 1), "the few stay");

        // Nor does anybody by many keys for one card.
        put(&claims, 3, 3, from(1), 40).unwrap();
        for n in 2_000..2_030 {
            put(&claims, 3, n, Sender::Anybody, 50).unwrap();
            put(&claims, 3, 3, from(1), 50 + i64::from(n - 2_000)).unwrap();
        }
        let of_card = keys(&claims, 3, 100);
        assert!(of_card.len() <= MOST_OF_CARD && of_card.contains(&key(3).public_key()), "{}", of_card.len());
    }

    #[test]
    fn who_claims_a_card_by_many_keys_puts_out_nobody_else_s() {
        let claims = Claims::default();
        put(&claims, 1, 1, from(1), 0).unwrap();
        // Never heard again, it is the oldest of them all.
        for n in 100..119 {
            put(&claims, 1, n, from(2), i64::from(n)).unwrap();
        }
        for n in 200..210 {
            put(&claims, 1, n, from(3), i64::from(n)).unwrap();
        }
        let of_card = keys(&claims, 1, 300);
        assert_eq!(of_card.len(), MOST_OF_CARD);
        assert!(of_card.contains(&key(1).public_key()), "one address puts out its own");
    }
}
