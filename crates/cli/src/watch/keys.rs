//! The keys of the newest trust root: their age is by the root, and each is to be replaced within a year.

use writ_trust::ids::SiteId;
use writ_trust::root::TrustRoot;
use writ_trust::rotation::{KeyAge, ROTATE_AFTER_MILLIS};
use writ_trust::time::Time;

use super::Limits;
use super::findings::{Code, Findings};

/// Tells of the keys that count at a site and are old, or stop counting soon.
pub fn judge(root: &TrustRoot, site: &SiteId, limits: Limits, now: Time, findings: &mut Findings) {
    let here = root.keys.iter().filter(|key| key.sites.is_empty() || key.sites.contains(site));
    for key in here.filter(|key| KeyAge::of(key, now).counts) {
        let id = key.public_key.key_id();
        if KeyAge::is_over(key, now, limits.remind_keys.millis()) {
            let age = KeyAge::of(key, now);
            let due = key.valid_from.plus_millis(ROTATE_AFTER_MILLIS);
            let what = format!("{} is {} days old, its rotation is due at {due}: writ keys rotate", key.name, age.days);
            findings.add(Code::KeyOld, id, what);
        }
        if now.plus(limits.expires_within) >= key.valid_until {
            let what = format!(
                "{} counts until {}: writ keys rotate, unless another has taken over",
                key.name, key.valid_until
            );
            findings.add(Code::KeyEnds, id, what);
        }
    }
}
