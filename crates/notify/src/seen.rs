//! Which notices of a key were taken: each counts once, however often and in whatever order a depot shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

/// How many are remembered of a key: twice what a depot keeps of it.
const MOST: usize = 2_000;

/// Those that were taken, by the digest of their exact bytes. Numbers would not do: they begin anew where an appliance lost its
/// state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    taken: BTreeMap<String, Time>,
    /// What was said up to then is taken, or too old to count.
    #[serde(default)]
    until: Option<Time>,
}

impl Seen {
    /// Whether this one was not taken yet.
    pub fn is_new(&self, digest: &Digest, at: Time) -> bool {
        self.until.is_none_or(|until| at > until) && !self.taken.contains_key(&digest.hex())
    }

    /// Whether this one is new; it is taken from now on.
    pub fn take(&mut self, digest: &Digest, at: Time) -> bool {
        if !self.is_new(digest, at) {
            return false;
        }
        self.taken.insert(digest.hex(), at);
        while self.taken.len() > MOST {
            let Some((oldest, at)) = self.taken.iter().min_by_key(|(_, at)| **at).map(|(d, at)| (d.clone(), *at))
            else {
                break;
            };
            self.taken.remove(&oldest);
            self.until = self.until.max(Some(at));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counts_once_and_what_was_forgotten_does_not_count_again() {
        let mut seen = Seen::default();
        let of = |n: i64| (Digest::of(&n.to_be_bytes()), Time::from_unix_millis(n));
        let most = i64::try_from(MOST).unwrap();
        for n in 1..=most + 10 {
            let (digest, at) = of(n);
            assert!(seen.take(&digest, at) && !seen.take(&digest, at), "{n}");
        }
        assert_eq!(seen.taken.len(), MOST);
        for n in 1..=most + 10 {
            let (digest, at) = of(n);
            assert!(!seen.take(&digest, at), "{n}");
        }
    }
}
