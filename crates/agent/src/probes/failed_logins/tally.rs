//! The tallies of pam_faillock (modules/pam_faillock/faillock.h): records of 64 bytes, one for each failure.

use super::pam::settings::{Settings, number};

/// The largest tally that is read; pam_faillock keeps no more records than it needs.
pub(super) const MAX_FILE: usize = 64 * 1024;
const RECORD: usize = 64;
/// TALLY_STATUS_VALID.
const VALID: u16 = 1;

/// When an account is locked.
pub(super) struct Rule {
    failures: i64,
    within: i64,
    lasts: i64,
}

impl Rule {
    pub(super) fn of(settings: &Settings) -> Self {
        let failures = number(settings, "deny").unwrap_or(3);
        let within = number(settings, "fail_interval").unwrap_or(900);
        Self { failures, within, lasts: super::pam::unlock_seconds(settings) }
    }

    /// Whether a tally keeps its account out now.
    pub(super) fn locks(&self, tally: &[u8], now: i64) -> bool {
        let times: Vec<i64> = tally.chunks_exact(RECORD).filter_map(valid_time).collect();
        let Some(latest) = times.iter().max().copied() else { return false };
        let counted = times.iter().filter(|time| latest.saturating_sub(**time) < self.within).count();
        let over = self.failures > 0 && i64::try_from(counted).is_ok_and(|counted| counted >= self.failures);
        over && (self.lasts == 0 || latest.saturating_add(self.lasts) > now)
    }
}

/// `char source[52]; uint16_t reserved, status; uint64_t time`.
fn valid_time(record: &[u8]) -> Option<i64> {
    let status = u16::from_ne_bytes(record.get(54..56)?.try_into().ok()?);
    let time = u64::from_ne_bytes(record.get(56..64)?.try_into().ok()?);
    (status & VALID != 0).then(|| i64::try_from(time).ok()).flatten()
}

/// A record as pam_faillock writes it, for tests.
#[cfg(test)]
pub(super) fn record(status: u16, time: u64) -> Vec<u8> {
    let mut bytes = vec![0; 54];
    bytes.extend(status.to_ne_bytes());
    bytes.extend(time.to_ne_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_failures_lock_for_a_while() {
        let rule = Rule { failures: 3, within: 900, lasts: 600 };
        let tally = |times: &[u64]| times.iter().flat_map(|time| record(1, *time)).collect::<Vec<_>>();
        assert!(rule.locks(&tally(&[1000, 1100, 1200]), 1300));
        assert!(!rule.locks(&tally(&[1000, 1100]), 1300));
        assert!(!rule.locks(&tally(&[100, 1100, 1200]), 1300), "the first is too old");
        assert!(!rule.locks(&tally(&[1000, 1100, 1200]), 1800), "it has ended");
        assert!(Rule { lasts: 0, ..rule }.locks(&tally(&[1000, 1100, 1200]), i64::MAX), "it never ends");
        let invalid: Vec<u8> = [record(0, 1000), record(2, 1000), record(1, u64::MAX), vec![1; 63]].concat();
        assert!(!Rule { failures: 1, within: 900, lasts: 0 }.locks(&invalid, 0));
        assert!(!Rule { failures: 0, within: 900, lasts: 0 }.locks(&tally(&[1000]), 0));
    }
}
