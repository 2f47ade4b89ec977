//! Changes of baseline: when an appliance obeyed another release, what that changed, and who signed it.

use writ_evidence::bundle::ReleaseRef;
use writ_policy::diff::{Change, Effect, diff, safe, told};

use super::Comparer;
use super::model::{BaselineChange, ChangeEntry, Signer};
use super::subject::{Stretch, Subject};

/// Every change of the period, oldest first.
pub(super) fn of(comparer: &Comparer<'_>) -> Vec<BaselineChange> {
    let mut all: Vec<BaselineChange> = comparer.subjects.iter().flat_map(|subject| of_one(comparer, subject)).collect();
    all.sort_by(|a, b| (a.at, &a.appliance).cmp(&(b.at, &b.appliance)));
    all
}

fn of_one<'s>(comparer: &'s Comparer<'_>, subject: &'s Subject<'_>) -> impl Iterator<Item = BaselineChange> + 's {
    // Of orders that it was given before it first answered nobody knows whether it obeyed them.
    let began =
        subject.whole.iter().enumerate().filter(move |(_, s)| s.obeyed && comparer.period.contains(s.period.from));
    began.map(move |(i, after)| {
        let before = i.checked_sub(1).map(|i| &subject.whole[i]).filter(|before| before.obeyed);
        let entries = before.map(|before| entries(before, after)).unwrap_or_default();
        BaselineChange {
            appliance: subject.appliance.clone(),
            at: after.period.from,
            from: before.map(Stretch::point),
            to: after.point(),
            signed_by: signers(comparer, &after.release),
            weakens: entries.iter().any(|entry| entry.weakens),
            entries,
        }
    })
}

/// Whose signatures count for a release, in order of their names; nobody's where it is not among those that verified.
pub(super) fn signers(comparer: &Comparer<'_>, release: &ReleaseRef) -> Vec<Signer> {
    let record = comparer.evidence.archive.sites.get(&comparer.evidence.site);
    let past = record.and_then(|record| record.release(release));
    let one = |signer: &writ_trust::threshold::Signer| Signer {
        name: signer.name.clone(),
        key_id: signer.public_key.key_id().to_string(),
    };
    let mut signers: Vec<Signer> = past.iter().flat_map(|past| &past.signers).map(one).collect();
    signers.sort_by(|a, b| (&a.name, &a.key_id).cmp(&(&b.name, &b.key_id)));
    signers
}

/// What changed between two policies, what weakens protection first.
fn entries(before: &Stretch<'_>, after: &Stretch<'_>) -> Vec<ChangeEntry> {
    let (Some(was), Some(is)) = (before.policy, after.policy) else {
        let unknown = if after.policy.is_none() { after } else { before };
        let what = format!("the policy of release {} is not known: what changed cannot be told", unknown.point());
        return vec![ChangeEntry { what, weakens: false, effect: Effect::Unclear }];
    };
    if std::ptr::eq(was, is) {
        return Vec::new();
    }
    let mut changes = diff(was, is).changes;
    changes.sort_by_key(|change| change.effect);
    changes.iter().map(entry).collect()
}

fn entry(change: &Change) -> ChangeEntry {
    let why = change.why.as_deref().map(|why| format!(" ({})", safe(why))).unwrap_or_default();
    ChangeEntry {
        what: format!("{}{why}", told(change)),
        weakens: change.effect == Effect::Weaker,
        effect: change.effect,
    }
}
