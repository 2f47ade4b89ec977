//! Which checks do not count on this machine, and why. Each is a note: "not applicable" is an answer, not a fault.

use writ_policy::outcome::Outcome;

use super::appliance::Appliance;
use super::finding::{Finding, Question};
use super::healing::Case;

/// Every check that does not apply.
pub fn findings(seen: &Appliance) -> Vec<Finding> {
    let (Some(policy), Some(state)) = (seen.enforcer.policy(), seen.enforcer.state.as_ref()) else { return Vec::new() };
    let cases = policy.checks.iter().map(|(id, check)| Case { seen, policy, state, id, check });
    cases.filter_map(|case| one(&case)).collect()
}

/// Why one check does not apply; nothing when it does.
pub fn one(case: &Case) -> Option<Finding> {
    if case.outcome() != Some(Outcome::NotApplicable) {
        return None;
    }
    let what = format!("it does not apply: {}", case.reasons());
    let next = "nothing, if that is so; it counts again when it is not. An audit sees the reason too";
    Some(Finding::note(Question::Applicable, "not-applicable", case.id, what, next))
}
