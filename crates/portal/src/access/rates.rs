//! How often somebody may ask: so many within so long, by name.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use writ_trust::time::Time;

/// The most names that are remembered; when there are more, new ones wait.
const NAMES: usize = 10_000;

/// A bound for each of many names.
#[derive(Debug)]
pub struct Rates {
    most: u32,
    millis: i64,
    held: Mutex<HashMap<String, (Time, u32)>>,
}

impl Rates {
    /// So many within so many milliseconds.
    pub fn new(most: u32, millis: i64) -> Self {
        Self { most, millis, held: Mutex::default() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// After how many seconds there is one again.
    pub fn take(&self, name: &str, now: Time) -> Result<(), u64> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |began: Time| !(0..self.millis).contains(&now.millis_since(began));
        if held.len() >= NAMES && !held.contains_key(name) {
            held.retain(|_, (began, _)| !over(*began));
            if held.len() >= NAMES {
                return Err(60);
            }
        }
        let (began, taken) = held.entry(name.to_owned()).or_insert((now, 0));
        if over(*began) {
            (*began, *taken) = (now, 0);
        }
        if *taken >= self.most {
            let left = self.millis - now.millis_since(*began);
            return Err(u64::try_from(left).unwrap_or(0).div_ceil(1000));
        }
        *taken += 1;
        Ok(())
    }
}

/// How often links are mailed to one address: as often as somebody may ask for it from one place, and as often as all may together.
/// So nobody who knows an address takes away what its owner may ask for, unless they ask from many places.
#[derive(Debug)]
pub struct LinkRates {
    from_one: Rates,
    from_all: Rates,
}

impl LinkRates {
    /// So many from one place, and so many in all, within so many milliseconds.
    pub fn new(from_one: u32, from_all: u32, millis: i64) -> Self {
        Self { from_one: Rates::new(from_one, millis), from_all: Rates::new(from_all, millis) }
    }

    /// Takes one for an address, spelled in any letters.
    ///
    /// # Errors
    /// After how many seconds there is one again.
    pub fn take(&self, address: &str, source: &str, now: Time) -> Result<(), u64> {
        let address = address.to_ascii_lowercase();
        self.from_one.take(&format!("{source} {address}"), now)?;
        self.from_all.take(&address, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_links_to_others_takes_none_of_theirs() {
        let rates = LinkRates::new(3, 5, 10_000);
        let at = Time::from_unix_millis(0);
        let take = |address: &str, source: &str| rates.take(address, source, at).is_ok();
        for address in ["kim@msp.example", "KIM@msp.example", "Kim@MSP.example"] {
            assert!(take(address, "203.0.113.9"));
        }
        assert!(!take("kim@msp.example", "203.0.113.9"), "three from one place");
        assert!(take("kim@msp.example", "198.51.100.7"), "and the owner has their own");
        assert!(take("kim@msp.example", "198.51.100.8"));
        assert!(!take("kim@msp.example", "198.51.100.7"), "nobody is mailed without end");
        assert!(take("jo@msp.example", "203.0.113.9"));
    }

    #[test]
    fn each_name_has_its_own_and_it_comes_back() {
        let rates = Rates::new(2, 10_000);
        let at = Time::from_unix_millis;
        assert!(rates.take("a", at(0)).is_ok() && rates.take("a", at(1)).is_ok());
        assert_eq!(rates.take("a", at(2_000)), Err(8));
        assert!(rates.take("b", at(2)).is_ok());
        assert!(rates.take("a", at(10_000)).is_ok());
        for n in 0..NAMES {
            let _ = rates.take(&n.to_string(), at(10_000));
        }
        assert_eq!(rates.take("another", at(10_000)), Err(60), "memory is bounded");
        assert!(rates.take("another", at(30_000)).is_ok());
    }
}
