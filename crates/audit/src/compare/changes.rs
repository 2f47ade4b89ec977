//! Changes of baseline: when an appliance obeyed another release, what that changed, and who signed it.

use writ_evidence::bundle::ReleaseRef;
use writ_policy::diff::{Change, Effect, diff, safe, told};
use writ_trust::time::Time;

use super::Comparer;
use super::model::{BaselineChange, ChangeEntry, Signer};
use super::subject::{Stretch, Subject, point};

/// Every change of the period, oldest first.
pub(super) fn of(comparer: &Comparer<'_>) -> Vec<BaselineChange> {
    let mut all: Vec<BaselineChange> = comparer.subjects.iter().flat_map(|subject| of_one(comparer, subject)).collect();
    all.sort_by(|a, b| (a.at, &a.appliance).cmp(&(b.at, &b.appliance)));
    all
}

fn of_one<'s>(comparer: &'s Comparer<'_>, subject: &'s Subject<'_>) -> impl Iterator<Item = BaselineChange> + 's {
    let before = |i: usize| i.checked_sub(1).map(|i| &subject.whole[i]).filter(|before| before.obeyed);
    // Of orders that it was given before it first answered nobody knows whether it obeyed them; what it obeys again that was left
    // out meanwhile is nothing else than before.
    let began = subject.whole.iter().enumerate().filter(move |(i, s)| {
        let again = before(*i).is_some_and(|before| before.release == s.release);
        s.obeyed && !again && comparer.period.contains(s.period.from)
    });
    let began = began.map(move |(i, after)| {
        let before = before(i);
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
    });
    let ended = subject.left_out.iter().filter(|(out, _)| comparer.period.contains(out.from));
    began.chain(ended.map(move |(out, release)| left_out(comparer, subject, out.from, release)))
}

/// A release that names an appliance no longer.
fn left_out(comparer: &Comparer<'_>, subject: &Subject<'_>, at: Time, release: &ReleaseRef) -> BaselineChange {
    let before = subject.whole.iter().rfind(|before| before.obeyed && before.period.from < at);
    let what = "the release names this appliance no longer: nothing is asked of it from then on".to_owned();
    BaselineChange {
        appliance: subject.appliance.clone(),
        at,
        from: before.map(Stretch::point),
        to: point(release),
        signed_by: signers(comparer, release),
        weakens: true,
        entries: vec![ChangeEntry { what, weakens: true, effect: Effect::Weaker }],
    }
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
