//! Refusing what was seen before, in bounded memory.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use writ_trust::time::Time;

use super::WINDOW_MILLIS;
use super::verify::Verified;

/// How long a nonce is remembered after its request was signed, in milliseconds: twice [`WINDOW_MILLIS`], so that a clock
/// that is set back within the window brings none back.
pub const REMEMBERED_MILLIS: i64 = 2 * WINDOW_MILLIS;

/// The nonces of a while, by the second in which their requests were signed.
///
/// Takes about 30 bytes for each. What is forgotten leaves a mark: requests signed no later than anything forgotten are
/// refused for good, so a clock that jumps forward and back again opens no window.
#[derive(Debug)]
pub struct NonceWindow {
    /// Requests signed before this instant are refused: what was seen before a restart is not known any more.
    started: Time,
    most: usize,
    count: usize,
    seen: BTreeMap<Time, BTreeSet<u128>>,
    forgotten: Option<Time>,
}

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
    /// There are more requests than can be remembered. The caller may try again later.
    #[error("more than {0} requests within the window: try again later")]
    Full(usize),
}

impl NonceWindow {
    /// A window that remembers at most `most` nonces and begins at `started`.
    pub fn new(started: Time, most: usize) -> Self {
        Self { started, most, count: 0, seen: BTreeMap::new(), forgotten: None }
    }

    /// Takes a verified request once. `now` is the clock that it was verified by.
    pub fn admit(&mut self, request: &Verified, now: Time) -> Result<(), ReplayError> {
        self.forget(now);
        let created = request.created;
        if created < self.started {
            return Err(ReplayError::TooOld { created, since: self.started });
        }
        if let Some(since) = self.forgotten.filter(|since| created <= *since) {
            return Err(ReplayError::TooOld { created, since });
        }
        let name = name(request);
        if self.seen.get(&created).is_some_and(|names| names.contains(&name)) {
            return Err(ReplayError::Replayed);
        }
        if self.count >= self.most {
            return Err(ReplayError::Full(self.most));
        }
        self.seen.entry(created).or_default().insert(name);
        self.count += 1;
        Ok(())
    }

    /// How many nonces are remembered.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn forget(&mut self, now: Time) {
        while let Some(entry) = self.seen.first_entry() {
            if now.millis_since(*entry.key()) <= REMEMBERED_MILLIS {
                return;
            }
            let (created, names) = entry.remove_entry();
            self.count -= names.len();
            self.forgotten = self.forgotten.max(Some(created));
        }
    }
}

/// 128 bits of the hash of key and nonce: one signer cannot use up another's nonces.
fn name(request: &Verified) -> u128 {
    let hash = Sha256::new().chain_update(request.key.ed25519()).chain_update(request.nonce).finalize();
    hash.iter().take(16).fold(0, |name, byte| name << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use writ_trust::minisign::SecretKey;

    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_800_000_000_000 + seconds * 1000)
    }

    fn request(key: u8, nonce: u8, seconds: i64) -> Verified {
        let key = SecretKey::generate(&[key; 40]).public_key();
        Verified { key, created: at(seconds), nonce: [nonce; 16], body: None }
    }

    #[test]
    fn a_request_is_taken_once_and_nonces_are_each_signer_s_own() {
        let mut window = NonceWindow::new(at(0), 10);
        assert_eq!(window.admit(&request(1, 1, 5), at(6)), Ok(()));
        assert_eq!(window.admit(&request(1, 1, 5), at(300)), Err(ReplayError::Replayed));
        assert_eq!(window.admit(&request(2, 1, 5), at(6)), Ok(()));
        assert_eq!(window.admit(&request(1, 2, 5), at(6)), Ok(()));
        assert_eq!(window.len(), 3);
    }

    #[test]
    fn what_was_signed_before_the_start_is_refused() {
        let mut window = NonceWindow::new(at(10), 10);
        assert!(matches!(window.admit(&request(1, 1, 9), at(12)), Err(ReplayError::TooOld { .. })));
        assert_eq!(window.admit(&request(1, 1, 10), at(12)), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let mut window = NonceWindow::new(at(0), 3);
        for nonce in 1..=3 {
            assert_eq!(window.admit(&request(1, nonce, 5), at(5)), Ok(()));
        }
        assert_eq!(window.admit(&request(1, 4, 5), at(5)), Err(ReplayError::Full(3)));
        assert_eq!(window.admit(&request(1, 1, 5), at(5)), Err(ReplayError::Replayed), "also when full");
        assert_eq!(window.admit(&request(1, 4, 700), at(700)), Ok(()));
        assert_eq!(window.len(), 1);
    }

    #[test]
    fn a_clock_that_jumps_forward_and_back_brings_nothing_back() {
        let mut window = NonceWindow::new(at(0), 10);
        assert_eq!(window.admit(&request(1, 1, 100), at(100)), Ok(()));
        assert_eq!(window.admit(&request(1, 2, 90_000), at(90_000)), Ok(()));
        assert!(matches!(window.admit(&request(1, 1, 100), at(120)), Err(ReplayError::TooOld { .. })));
        assert_eq!(window.admit(&request(1, 3, 121), at(121)), Ok(()), "new requests are taken at once");
    }
}
