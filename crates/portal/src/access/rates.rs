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

#[cfg(test)]
mod tests {
    use super::*;

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
