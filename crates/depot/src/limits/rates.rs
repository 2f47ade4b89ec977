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
/// The time in which the allowances of bytes come back, those of logs and those of evidence, in milliseconds.
const DAY_MILLIS: i64 = 24 * 3_600_000;

/// So much within so long, coming back evenly.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    most: u64,
    millis: i64,
}

/// What is left of an allowance, in thousandths. In eight bytes, since every appliance has six of them: the largest there may be, a day's
/// bytes by a number of 32 bits in MiB, is below 2^62.
#[derive(Debug, Clone, Copy)]
struct Left {
    thousandths: i64,
    at: Time,
}

impl Allowance {
    fn full(self, now: Time) -> Left {
        Left { thousandths: self.thousandths(self.most), at: now }
    }

    /// So much of it in thousandths, at most all of it.
    fn thousandths(self, amount: u64) -> i64 {
        i64::try_from(amount.min(self.most).saturating_mul(1000)).unwrap_or(i64::MAX)
    }

    /// Takes one, or says after how many seconds there is one.
    fn take(self, left: &mut Left, now: Time) -> Result<(), u64> {
        self.take_some(1, left, now)
    }

    /// Takes so much, or says after how many seconds there is that. What is more than all of it takes all of it.
    fn take_some(self, amount: u64, left: &mut Left, now: Time) -> Result<(), u64> {
        let (most, wanted) = (self.thousandths(self.most), self.thousandths(amount));
        let share = |of: i64, part: i64, whole: i64| {
            let share = i128::from(of) * i128::from(part) / i128::from(whole);
            i64::try_from(share).unwrap_or(i64::MAX)
        };
        let back = share(most, now.millis_since(left.at).clamp(0, self.millis), self.millis);
        if back > 0 || now < left.at {
            *left = Left { thousandths: left.thousandths.saturating_add(back).min(most), at: now };
        }
        if left.thousandths >= wanted {
            left.thousandths -= wanted;
            return Ok(());
        }
        let millis = share(self.millis, wanted - left.thousandths, most);
        Err(u64::try_from(millis / 1000 + 1).unwrap_or(1))
    }
}

#[derive(Debug)]
struct Appliance {
    checked_in: Option<Time>,
    extra: Left,
    batches: Left,
    log_batches: Left,
    log_bytes: Left,
    evidence_bytes: Left,
    notices: Left,
    /// The last batch brought nothing new.
    idle: bool,
}

/// What each appliance key has left.
#[derive(Debug)]
pub struct Rates {
    extra: Allowance,
    batches: Allowance,
    log_bytes: Allowance,
    evidence_bytes: Allowance,
    appliances: Mutex<HashMap<[u8; 32], Appliance>>,
}

impl Rates {
    /// As the options say; 0 means no limit.
    pub fn new(options: &Options) -> Self {
        Self {
            extra: Allowance { most: options.extra_writes.into(), millis: ALLOWANCE_MILLIS },
            batches: Allowance { most: options.batches.into(), millis: BATCH_MILLIS },
            log_bytes: Allowance { most: u64::from(options.daily_logs) * 1024 * 1024, millis: DAY_MILLIS },
            evidence_bytes: Allowance { most: u64::from(options.daily_evidence) * 1024 * 1024, millis: DAY_MILLIS },
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
            log_bytes: self.log_bytes.full(now),
            evidence_bytes: self.evidence_bytes.full(now),
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

    /// So many bytes of logs that were not here before. Nothing but the key of a courier stands for them, and they are kept.
    pub fn log_bytes(&self, key: &[u8; 32], bytes: u64, now: Time) -> Result<(), Fault> {
        if self.log_bytes.most == 0 {
            return Ok(());
        }
        self.of(key, now, |appliance| self.log_bytes.take_some(bytes, &mut appliance.log_bytes, now))
            .map_err(|after| Fault::TooMany { after })
    }

    /// So many bytes of evidence that were not here before: they are kept for good, so that whoever has stolen the key of an
    /// appliance fills no more of the disk than that.
    pub fn evidence_bytes(&self, key: &[u8; 32], bytes: u64, now: Time) -> Result<(), Fault> {
        if self.evidence_bytes.most == 0 {
            return Ok(());
        }
        self.of(key, now, |appliance| self.evidence_bytes.take_some(bytes, &mut appliance.evidence_bytes, now))
            .map_err(|after| Fault::TooMany { after })
    }

    /// A notice; the same holds as for a batch of logs.
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

    fn rates(extra: u64, batches: u64) -> Rates {
        Rates {
            extra: Allowance { most: extra, millis: ALLOWANCE_MILLIS },
            batches: Allowance { most: batches, millis: BATCH_MILLIS },
            log_bytes: Allowance { most: batches * 1024 * 1024, millis: DAY_MILLIS },
            evidence_bytes: Allowance { most: batches * 1024 * 1024, millis: DAY_MILLIS },
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
    fn so_many_bytes_of_logs_in_a_day() {
        let (rates, key) = (rates(10, 120), [1; 32]);
        let mib = |n: u64, at: Time| rates.log_bytes(&key, n * 1024 * 1024, at);
        for _ in 0..30 {
            assert!(mib(4, at(0)).is_ok());
        }
        assert!(matches!(mib(4, at(0)), Err(Fault::TooMany { after: 2881 })), "a thirtieth of a day");
        assert!(rates.log_bytes(&[2; 32], 4, at(0)).is_ok(), "others are not concerned");
        assert!(rates.log_batch(&key, at(0)).is_ok() && rates.batch(&key, at(0)).is_ok(), "nor is anything else");
        assert!(rates.evidence_bytes(&key, 120 << 20, at(0)).is_ok(), "evidence has as much for itself");
        assert!(rates.evidence_bytes(&key, 1, at(0)).is_err() && rates.evidence_bytes(&[2; 32], 1, at(0)).is_ok());
        assert!(mib(4, at(2879)).is_err());
        assert!(mib(4, at(2881)).is_ok());
        assert!(mib(4, at(2881)).is_err());
        assert!(mib(1_000, at(2881 + 2 * 86_400)).is_ok(), "one that is larger than all of it waits for all of it");
    }

    #[test]
    fn no_limit_is_none() {
        let (rates, key) = (rates(0, 0), [1; 32]);
        for _ in 0..1000 {
            assert!(rates.check_in(&key, at(0)).is_ok() && rates.batch(&key, at(0)).is_ok());
            assert!(rates.log_bytes(&key, u64::MAX, at(0)).is_ok());
            assert!(rates.evidence_bytes(&key, u64::MAX, at(0)).is_ok());
            rates.brought(&key, at(0), false);
        }
    }
}
