//! The choice: the runbook that helped most often before, and of those that are alike the first that was offered. Pure.

use std::cmp::Reverse;

use writ_wire::plan::{Plan, PlanSchema};
use writ_wire::plan_request::{Allowed, Past, PlanRequest};

/// Who this is, in plans.
pub const NAME: &str = concat!("writ-planner/", env!("CARGO_PKG_VERSION"));

/// The scale of [`promise`].
const WHOLE: u64 = 1_000_000;

/// Chooses; none when everything that is offered was tried. The same request always comes to the same plan.
pub fn select(request: &PlanRequest) -> Option<Plan> {
    let untried = |allowed: &&Allowed| !request.tried.iter().any(|tried| tried.runbook == allowed.runbook);
    let offered: Vec<&Allowed> = request.allowed.iter().filter(untried).collect();
    let (_, chosen) =
        offered.iter().enumerate().min_by_key(|(place, allowed)| (Reverse(promise(allowed.past)), *place))?;
    let before = match chosen.past {
        Some(Past { helped, failed }) => {
            format!("for this check it helped {helped} times before, and did not {failed} times")
        }
        None => "it was never run for this check".to_owned(),
    };
    let among = match offered.len() {
        1 => "the only one that is left".to_owned(),
        many => format!("the most promising of {many}"),
    };
    Some(Plan {
        schema: PlanSchema::V1,
        request: request.digest(),
        planner: NAME.to_owned(),
        runbook: chosen.runbook.clone(),
        then: Vec::new(),
        transcript: None,
        reason: format!("{among}: {before}"),
    })
}

/// How likely a runbook helps, in millionths: by Laplace's rule of succession, so that what was never run is neither good nor
/// bad, and once is not for ever.
fn promise(past: Option<Past>) -> u64 {
    let Past { helped, failed } = past.unwrap_or_default();
    let (helped, failed) = (u64::from(helped), u64::from(failed));
    WHOLE * (helped + 1) / (helped + failed + 2)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use writ_wire::plan_request::{PlanRequestSchema, Seen, Tried};

    use super::*;

    /// What is offered, with how often each helped and failed, and what was tried.
    pub fn request(allowed: &[(&str, Option<(u32, u32)>)], tried: &[&str]) -> PlanRequest {
        let at = "2026-11-23T12:00:00Z".parse().unwrap();
        let allowed = allowed.iter().map(|(runbook, past)| Allowed {
            runbook: (*runbook).to_owned(),
            title: String::new(),
            steps: Vec::new(),
            verify: Vec::new(),
            past: past.map(|(helped, failed)| Past { helped, failed }),
        });
        let tried = tried.iter().map(|runbook| Tried {
            runbook: (*runbook).to_owned(),
            tier: "L1".to_owned(),
            outcome: "failed".to_owned(),
        });
        PlanRequest {
            schema: PlanRequestSchema::V1,
            id: "INC-20261123-0001-1".to_owned(),
            site: "clinic-001".parse().unwrap(),
            appliance: "front-desk".parse().unwrap(),
            release: None,
            asked_at: at,
            expires_at: at,
            check: "c".to_owned(),
            title: String::new(),
            severity: "high".to_owned(),
            target: "self".to_owned(),
            probe: "file".to_owned(),
            seen: Seen::default(),
            tried: tried.collect(),
            allowed: allowed.collect(),
            model: None,
        }
    }

    fn chosen(request: &PlanRequest) -> Option<String> {
        select(request).map(|plan| plan.runbook)
    }

    #[test]
    fn the_first_that_was_not_tried_unless_another_has_helped() {
        assert_eq!(chosen(&request(&[("A", None), ("B", None)], &[])).as_deref(), Some("A"));
        assert_eq!(chosen(&request(&[("A", None), ("B", None)], &["A"])).as_deref(), Some("B"));
        assert_eq!(chosen(&request(&[("A", None), ("B", Some((1, 0)))], &[])).as_deref(), Some("B"));
        assert_eq!(chosen(&request(&[("A", Some((0, 1))), ("B", None)], &[])).as_deref(), Some("B"));
        assert_eq!(chosen(&request(&[("A", Some((9, 9))), ("B", None)], &[])).as_deref(), Some("A"));
        assert_eq!(
            chosen(&request(&[("A", Some((u32::MAX, u32::MAX))), ("B", Some((2, 1)))], &[])).as_deref(),
            Some("B")
        );
        assert_eq!(chosen(&request(&[("A", None)], &["A"])), None);
        assert_eq!(chosen(&request(&[], &[])), None);
    }

    proptest! {
        #[test]
        fn what_is_chosen_was_offered_and_not_tried_and_is_a_plan(
            past in prop::collection::vec(prop::option::of(any::<(u32, u32)>()), 0..8),
            tried in prop::collection::btree_set(0_usize..8, 0..8),
        ) {
            let names: Vec<String> = (0..past.len()).map(|n| format!("RB-{n}")).collect();
            let allowed: Vec<_> = names.iter().map(String::as_str).zip(past).collect();
            let tried: Vec<String> = tried.into_iter().map(|n| format!("RB-{n}")).collect();
            let tried: Vec<&str> = tried.iter().map(String::as_str).collect();
            let request = request(&allowed, &tried);
            match select(&request) {
                None => prop_assert!(allowed.iter().all(|(name, _)| tried.contains(name))),
                Some(plan) => {
                    prop_assert!(names.contains(&plan.runbook) && !tried.contains(&plan.runbook.as_str()));
                    prop_assert_eq!(plan.request, request.digest());
                    prop_assert_eq!(plan.excess(), None);
                    prop_assert_eq!(select(&request), Some(plan.clone()));
                    prop_assert_eq!(Plan::parse(&plan.canonical()).unwrap(), plan);
                }
            }
        }
    }
}
