//! How often an appliance may write.
//!
//! A check-in a minute and a batch that brings something new are what an appliance is for; everything else draws on an
//! allowance that comes back with time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use writ_trust::time::Time;

use crate::fault::Fault;
use crate::options::Options;

/// How far apart two scheduled check-ins are, with room for jitter, in milliseconds.
const CHECK_IN_MILLIS: i64 = 50_000;
/// The time in which the allowance comes back, in milliseconds.
const ALLOWANCE_MILLIS: i64 = 300_000;
/// The time in which the allowance of batches comes back, in milliseconds.
const BATCH_MILLIS: i64 = 60_000;

/// So many within so long, coming back evenly.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    most: u32,
    millis: i64,
}

/// What is left of an allowance, in thousandths.
#[derive(Debug, Clone, Copy)]
struct Left {
    thousandths: i64,
    at: Time,
}

impl Allowance {
    fn full(self, now: Time) -> Left {
        Left { thousandths: i64::from(self.most) * 1000, at: now }
    }

    /// Takes one, or says after how many seconds there is one.
    fn take(self, left: &mut Left, now: Time) -> Result<(), u64> {
        let most = i64::from(self.most) * 1000;
        let passed = now.millis_since(left.at).clamp(0, self.millis);
        let back = most * passed / self.millis;
        if back > 0 || now < left.at {
            *left = Left { thousandths: (left.thousandths + back).min(most), at: now };
        }
        if left.thousandths >= 1000 {
            left.thousandths -= 1000;
            return Ok(());
        }
        let millis = (1000 - left.thousandths) * self.millis / most;
        Err(u64::try_from(millis / 1000 + 1).unwrap_or(1))
    }
}

#[derive(Debug)]
struct Appliance {
    checked_in: Option<Time>,
    extra: Left,
    batches: Left,
    log_batches: Left,
    notices: Left,
    /// The last batch brought nothing new.
    idle: bool,
}

/// What each appliance key has left.
#[derive(Debug)]
pub struct Rates {
    extra: Allowance,
    batches: Allowance,
    appliances: Mutex<HashMap<[u8; 32], Appliance>>,
}

impl Rates {
    /// As the options say; 0 means no limit.
    pub fn new(options: &Options) -> Self {
        Self {
            extra: Allowance { most: options.extra_writes, millis: ALLOWANCE_MILLIS },
            batches: Allowance { most: options.batches, millis: BATCH_MILLIS },
            appliances: Mutex::new(HashMap::new()),
        }
    }

    fn of<T>(&self, key: &[u8; 32], now: Time, take: impl FnOnce(&mut Appliance) -> T) -> T {
        let mut appliances = self.appliances.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Appliance {
            checked_in: None,
            extra: self.extra.full(now),
            batches: self.batches.full(now),
            log_batches: self.batches.full(now),
            notices: self.batches.full(now),
            idle: false,
        };
        take(appliances.entry(*key).or_insert_with(new))
    }

    /// A check-in.
    pub fn check_in(&self, key: &[u8; 32], now: Time) -> Result<(), Fault> {
        if self.extra.most == 0 {
            return Ok(());
        }
        self.of(key, now, |appliance| {
            let since = appliance.checked_in.map(|last| now.millis_since(last));
            if since.is_none_or(|millis| !(0..CHECK_IN_MILLIS).contains(&millis)) {
                appliance.checked_in = Some(now);
                return Ok(());
            }
            self.extra.take(&mut appliance.extra, now)
        })
        .map_err(|after| Fault::TooMany { after })
    }

    /// A batch, before it is looked at. One after a batch that brought nothing new draws on the allowance.
    pub fn batch(&self, key: &[u8; 32], now: Time) -> Result<(), Fault> {
        let taken = self.of(key, now, |appliance| {
            if self.batches.most > 0 {
                self.batches.take(&mut appliance.batches, now)?;
            }
            if self.extra.most > 0 && appliance.idle {
                self.extra.take(&mut appliance.extra, now)?;
            }
            Ok(())
        });
        taken.map_err(|after| Fault::TooMany { after })
    }

    /// A batch of logs. It takes nothing from what evidence has, and is as many.
    pub fn log_batch(&self, key: &[u8; 32], now: Time) -> Result<(), Fault> {
        self.one_more(key, now, |appliance| &mut appliance.log_batches)
    }

    /// A notice; the same holds.
    pub fn notice(&self, key: &[u8; 32], now: Time) -> Result<(), Fault> {
        self.one_more(key, now, |appliance| &mut appliance.notices)
    }

    fn one_more(&self, key: &[u8; 32], now: Time, left: fn(&mut Appliance) -> &mut Left) -> Result<(), Fault> {
        if self.batches.most == 0 {
            return Ok(());
        }
        self.of(key, now, |appliance| self.batches.take(left(appliance), now)).map_err(|after| Fault::TooMany { after })
    }

    /// Whether the batch that was taken last brought anything new.
    pub fn brought(&self, key: &[u8; 32], now: Time, anything_new: bool) {
        self.of(key, now, |appliance| appliance.idle = !anything_new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(extra: u32, batches: u32) -> Rates {
        Rates {
            extra: Allowance { most: extra, millis: ALLOWANCE_MILLIS },
            batches: Allowance { most: batches, millis: BATCH_MILLIS },
            appliances: Mutex::default(),
        }
    }

    fn at(seconds: i64) -> Time {
        Time::from_unix_millis(1_800_000_000_000 + seconds * 1000)
    }

    #[test]
    fn ten_writes_in_five_minutes_beyond_what_is_scheduled() {
        let (rates, key) = (rates(10, 120), [1; 32]);
        for minute in 0..60 {
            assert!(rates.check_in(&key, at(minute * 60)).is_ok(), "a check-in a minute, for ever");
        }
        let now = at(3600);
        assert!(rates.check_in(&key, now).is_ok());
        for _ in 0..10 {
            assert!(rates.check_in(&key, now).is_ok());
        }
        assert!(matches!(rates.check_in(&key, now), Err(Fault::TooMany { after: 31 })));
        assert!(rates.check_in(&[2; 32], now).is_ok(), "others are not concerned");
        assert!(rates.batch(&key, now).is_ok(), "batches that bring something are not concerned");
        rates.brought(&key, now, false);
        assert!(rates.batch(&key, at(3600 + 29)).is_err());
        assert!(rates.batch(&key, at(3600 + 31)).is_ok(), "one comes back in half a minute");
        assert!(rates.batch(&key, at(3600 + 31)).is_err());
        assert!(rates.check_in(&key, at(3600 + 60)).is_ok(), "the next scheduled one");
        assert!(rates.check_in(&key, at(0)).is_ok(), "a clock that was set back locks nobody out");
    }

    #[test]
    fn no_limit_is_none() {
        let (rates, key) = (rates(0, 0), [1; 32]);
        for _ in 0..1000 {
            assert!(rates.check_in(&key, at(0)).is_ok() && rates.batch(&key, at(0)).is_ok());
            rates.brought(&key, at(0), false);
        }
    }
}
