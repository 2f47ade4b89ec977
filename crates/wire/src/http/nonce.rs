//! Refusing what was seen before, in bounded memory that no caller can take from another.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use writ_trust::minisign::PublicKey;
use writ_trust::time::Time;

use super::WINDOW_MILLIS;
use super::verify::Verified;

/// How often what can no longer be replayed is looked for, in milliseconds.
const SWEEP_MILLIS: i64 = 30_000;

/// The requests of a while that were taken, by who is answerable for them.
///
/// Takes at most 20 bytes for each, and about 100 for each caller. A request is remembered until [`WINDOW_MILLIS`] after it was
/// signed, when its age alone refuses it. What is forgotten leaves a mark: requests signed no later than anything forgotten are
/// refused for good, so a clock that is set back, or jumps forward and back again, opens no window.
#[derive(Debug)]
pub struct NonceWindow {
    /// Requests signed before this instant are refused: what was seen before a restart is not known any more.
    started: Time,
    most: usize,
    count: usize,
    /// By the 32 bytes of the caller's key, sorted.
    seen: BTreeMap<[u8; 32], Vec<Seen>>,
    forgotten: Option<Time>,
    swept: Time,
}

/// When a request was signed, and 64 bits of the hash of its key and nonce: only its own signer could draw the same again.
type Seen = (Time, u64);

/// Why a request is not taken although its signature holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The same request was taken before.
    #[error("a request with this nonce was seen before")]
    Replayed,
    /// It was signed before anything here can be known of it.
    #[error("signed at {created}, and what was seen until {since} is not known here: sign the request again")]
    TooOld {
        /// When it was signed.
        created: Time,
        /// Until when.
        since: Time,
    },
    /// This caller has sent more than may be remembered of one. It may try again later; others are not concerned.
    #[error("more than {0} requests of this caller within the window: try again later")]
    TooMany(usize),
    /// There are more requests than can be remembered. The caller may try again later.
    #[error("more than {0} requests within the window: try again later")]
    Full(usize),
}

impl NonceWindow {
    /// A window that remembers at most `most` requests of all callers and begins at `started`.
    pub fn new(started: Time, most: usize) -> Self {
        Self { started, most, count: 0, seen: BTreeMap::new(), forgotten: None, swept: started }
    }

    /// Takes a verified request once. `caller` is the key that answers for it (an appliance's, whatever courier signed), and
    /// `share` how many of its requests are remembered at most; `now` is the clock that the request was verified by.
    pub fn admit(
        &mut self,
        request: &Verified,
        caller: &PublicKey,
        share: usize,
        now: Time,
    ) -> Result<(), ReplayError> {
        if now.millis_since(self.swept).abs() >= SWEEP_MILLIS {
            self.sweep(now);
        }
        let created = request.created;
        if created < self.started {
            return Err(ReplayError::TooOld { created, since: self.started });
        }
        if let Some(since) = self.forgotten.filter(|since| created <= *since) {
            return Err(ReplayError::TooOld { created, since });
        }
        let taken = (created, name(request));
        let seen = self.seen.get(caller.ed25519()).map_or(&[][..], Vec::as_slice);
        let Err(place) = seen.binary_search(&taken) else { return Err(ReplayError::Replayed) };
        if seen.len() >= share {
            return Err(ReplayError::TooMany(share));
        }
        if self.count >= self.most {
            return Err(ReplayError::Full(self.most));
        }
        let seen = self.seen.entry(*caller.ed25519()).or_default();
        if seen.len() == seen.capacity() {
            seen.reserve_exact(seen.len() / 4 + 4);
        }
        seen.insert(place, taken);
        self.count += 1;
        Ok(())
    }

    /// How many requests are remembered.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets what is too old to be taken again.
    fn sweep(&mut self, now: Time) {
        self.swept = now;
        let Self { seen, count, forgotten, .. } = self;
        seen.retain(|_, seen| {
            let old = seen.partition_point(|(created, _)| now.millis_since(*created) > WINDOW_MILLIS);
            *forgotten = seen[..old].last().map(|(created, _)| *created).max(*forgotten);
            *count -= old;
            seen.drain(..old);
            if seen.len() < seen.capacity() / 2 {
                seen.shrink_to_fit();
            }
            !seen.is_empty()
        });
    }
}

fn name(request: &Verified) -> u64 {
    let hash = Sha256::new().chain_update(request.key.ed25519()).chain_update(request.nonce).finalize();
    hash.iter().take(8).fold(0, |name, byte| name << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use writ_trust::minisign::SecretKey;

    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_800_000_000_000 + seconds * 1000)
    }

    fn key(n: u8) -> PublicKey {
        SecretKey::generate(&[n; 40]).public_key()
    }

    fn request(key_number: u8, nonce: u8, seconds: i64) -> Verified {
        Verified { key: key(key_number), created: at(seconds), nonce: [nonce; 16], body: None }
    }

    /// A request by a key that answers for itself, with a share of three.
    fn admit(window: &mut NonceWindow, request: &Verified, now: Time) -> Result<(), ReplayError> {
        window.admit(request, &request.key, 3, now)
    }

    #[test]
    fn a_request_is_taken_once_and_nonces_are_each_signer_s_own() {
        let mut window = NonceWindow::new(at(0), 10);
        assert_eq!(admit(&mut window, &request(1, 1, 5), at(6)), Ok(()));
        assert_eq!(admit(&mut window, &request(1, 1, 5), at(300)), Err(ReplayError::Replayed));
        assert_eq!(admit(&mut window, &request(2, 1, 5), at(6)), Ok(()));
        assert_eq!(admit(&mut window, &request(1, 2, 5), at(6)), Ok(()));
        assert_eq!(window.len(), 3);
    }

    #[test]
    fn what_was_signed_before_the_start_is_refused() {
        let mut window = NonceWindow::new(at(10), 10);
        assert!(matches!(admit(&mut window, &request(1, 1, 9), at(12)), Err(ReplayError::TooOld { .. })));
        assert_eq!(admit(&mut window, &request(1, 1, 10), at(12)), Ok(()));
    }

    #[test]
    fn who_sends_too_much_is_refused_alone() {
        let mut window = NonceWindow::new(at(0), 1_000);
        for nonce in 1..=3 {
            assert_eq!(admit(&mut window, &request(1, nonce, 5), at(5)), Ok(()));
        }
        for nonce in 4..200 {
            assert_eq!(admit(&mut window, &request(1, nonce, 5), at(5)), Err(ReplayError::TooMany(3)));
        }
        assert_eq!(admit(&mut window, &request(1, 1, 5), at(5)), Err(ReplayError::Replayed), "also then");
        assert_eq!(admit(&mut window, &request(2, 1, 5), at(5)), Ok(()), "somebody else");
        assert_eq!(window.len(), 4, "what is refused takes no memory");
        assert_eq!(admit(&mut window, &request(1, 4, 336), at(336)), Ok(()), "when the window is over");
        assert_eq!(window.len(), 1);
    }

    #[test]
    fn another_courier_s_key_brings_no_more() {
        let mut window = NonceWindow::new(at(0), 1_000);
        let appliance = key(100);
        for courier in 1..=3 {
            assert_eq!(
                window.admit(&request(courier, 1, 5), &appliance, 3, at(5)),
                Ok(()),
                "one nonce, other couriers"
            );
        }
        assert_eq!(window.admit(&request(4, 1, 5), &appliance, 3, at(5)), Err(ReplayError::TooMany(3)));
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let mut window = NonceWindow::new(at(0), 3);
        for caller in 1..=3 {
            assert_eq!(admit(&mut window, &request(caller, 1, 5), at(5)), Ok(()));
        }
        assert_eq!(admit(&mut window, &request(4, 1, 5), at(5)), Err(ReplayError::Full(3)));
        assert_eq!(admit(&mut window, &request(1, 1, 5), at(5)), Err(ReplayError::Replayed), "also when full");
        assert_eq!(admit(&mut window, &request(4, 1, 306), at(306)), Ok(()));
        assert_eq!((window.len(), window.seen.len()), (1, 1));
    }

    #[test]
    fn a_clock_that_jumps_forward_and_back_brings_nothing_back() {
        let mut window = NonceWindow::new(at(0), 10);
        assert_eq!(admit(&mut window, &request(1, 1, 100), at(100)), Ok(()));
        assert_eq!(admit(&mut window, &request(1, 2, 90_000), at(90_000)), Ok(()));
        assert!(matches!(admit(&mut window, &request(1, 1, 100), at(120)), Err(ReplayError::TooOld { .. })));
        assert_eq!(admit(&mut window, &request(1, 3, 121), at(121)), Ok(()), "new requests are taken at once");
    }

    proptest! {
        /// Clocks of clients are off, and that of the depot moves either way: nothing is taken twice, nobody has more than their
        /// share, and who keeps to it and to the depot's clock is taken.
        #[test]
        fn nothing_is_taken_twice_whatever_the_clock_does(
            steps in prop::collection::vec((-400_i64..400, prop::collection::vec((1..4_u8, 0..6_u8, -300_i64..=300), 0..12)), 1..30),
        ) {
            let (mut window, mut now, mut latest) = (NonceWindow::new(at(0), 1_000), 1_000, 1_000);
            let mut taken = BTreeSet::new();
            for (step, requests) in steps {
                now = (now + step).max(0);
                let forward = now >= latest;
                latest = latest.max(now);
                for (key, nonce, skew) in requests {
                    let request = request(key, nonce, (now + skew).max(0));
                    let known = (key, nonce, request.created);
                    let result = window.admit(&request, &request.key, 8, at(now));
                    if result.is_ok() {
                        prop_assert!(taken.insert(known), "taken twice");
                    } else if forward {
                        prop_assert!(
                            taken.contains(&known) && result == Err(ReplayError::Replayed)
                                || result == Err(ReplayError::TooMany(8)),
                            "{:?}", result
                        );
                    }
                }
                prop_assert!(window.seen.values().all(|seen| seen.len() <= 8 && seen.is_sorted()));
                prop_assert_eq!(window.len(), window.seen.values().map(Vec::len).sum::<usize>());
            }
        }
    }
}
