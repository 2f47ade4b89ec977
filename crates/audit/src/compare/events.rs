//! What else happened: intended changes, pauses, refusals, starts.

use writ_evidence::Kind;

use super::Comparer;
use super::model::{EventFinding, SwitchFinding};
use crate::story;

/// Every switch of the period, oldest first.
pub(super) fn switches(comparer: &Comparer<'_>) -> Vec<SwitchFinding> {
    let mut all = Vec::new();
    for subject in &comparer.subjects {
        for (bundle, link) in &subject.timeline.events {
            let Some(switch) = bundle.switch.as_ref().filter(|_| comparer.period.contains(bundle.generated_at)) else {
                continue;
            };
            all.push(SwitchFinding {
                appliance: subject.appliance.clone(),
                at: bundle.generated_at,
                from: switch.from.as_ref().map(|g| format!("{}-{}", g.epoch, g.serial)),
                to: format!("{}-{}", switch.to.epoch, switch.to.serial),
                outcome: switch.outcome,
                story: story::tell(bundle),
                link: subject.timeline.links[*link].clone(),
            });
        }
    }
    all.sort_by(|a, b| (a.at, &a.appliance).cmp(&(b.at, &b.appliance)));
    all
}

/// Every other event of the period, oldest first.
pub(super) fn others(comparer: &Comparer<'_>) -> Vec<EventFinding> {
    let mut all = Vec::new();
    for subject in &comparer.subjects {
        for (bundle, link) in &subject.timeline.events {
            if bundle.kind == Kind::Switch || !comparer.period.contains(bundle.generated_at) {
                continue;
            }
            all.push(EventFinding {
                appliance: subject.appliance.clone(),
                at: bundle.generated_at,
                kind: bundle.kind.as_str(),
                story: story::tell(bundle),
                link: subject.timeline.links[*link].clone(),
            });
        }
    }
    all.sort_by(|a, b| (a.at, &a.appliance).cmp(&(b.at, &b.appliance)));
    all
}
