//! What controls come to now. Pure: policy and last outcomes in, verdicts out.

use std::collections::BTreeMap;

use writ_policy::control::{Control as Asked, Coverage};
use writ_policy::policy::Policy;
use writ_trust::text::escaped;
use writ_trust::time::Time;

use super::report::{Check, Control, Outcome, Verdict};

/// Each control of a policy, by the last outcomes of its checks. Where these are old, nothing is said to hold.
pub fn of(policy: &Policy, checks: &[Check], stale: bool, now: Time) -> Vec<Control> {
    let by_id: BTreeMap<&str, &Check> = checks.iter().map(|check| (check.id.as_str(), check)).collect();
    let one = |(id, asked): (&String, &Asked)| {
        let lifted = policy.exceptions.values().any(|e| e.in_force(now) && e.control.as_ref() == Some(id));
        let mine: Vec<(&str, Verdict)> = asked
            .checks
            .iter()
            .filter_map(|check| by_id.get(check.as_str()))
            .map(|check| (check.id.as_str(), of_check(check, lifted, stale)))
            .collect();
        Control {
            id: escaped(id),
            title: escaped(&asked.title),
            coverage: asked.coverage,
            severity: asked.severity,
            verdict: verdict(asked.coverage, mine.iter().map(|(_, verdict)| *verdict)),
            checks: mine.iter().map(|(id, _)| escaped(id)).collect(),
            not_holding: mine.iter().filter(|(_, verdict)| verdict.is_bad()).map(|(id, _)| escaped(id)).collect(),
        }
    };
    policy.controls.iter().map(one).collect()
}

fn of_check(check: &Check, lifted: bool, stale: bool) -> Verdict {
    let verdict = match check.outcome {
        Outcome::Fail => Verdict::Failed,
        Outcome::NotRunYet => Verdict::NotLookedAt,
        Outcome::NotAssessable | Outcome::NotObserved => Verdict::NotAssessable,
        Outcome::NotApplicable => Verdict::NotApplicable,
        Outcome::Pass | Outcome::Warn if stale => Verdict::NotLookedAt,
        Outcome::Pass | Outcome::Warn => Verdict::Holds,
    };
    match verdict {
        Verdict::Holds | Verdict::NotApplicable => verdict,
        _ if lifted || check.exception.is_some() => Verdict::Excepted,
        _ => verdict,
    }
}

/// The worst of its checks, and what its coverage says beside them. Partial is never plainly: what its checks leave out was not
/// looked at.
fn verdict(coverage: Coverage, checks: impl Iterator<Item = Verdict>) -> Verdict {
    let worst = checks.min();
    let all = match coverage {
        Coverage::Automated | Coverage::Partial => worst.unwrap_or(Verdict::NotAssessable),
        Coverage::Procedural => worst.map_or(Verdict::Procedural, |worst| worst.min(Verdict::Procedural)),
        Coverage::Inherited => worst.map_or(Verdict::Inherited, |worst| worst.min(Verdict::Inherited)),
    };
    if all == Verdict::Holds && coverage != Coverage::Automated { Verdict::HoldsInPart } else { all }
}

#[cfg(test)]
mod tests {
    use writ_policy::declared::Severity;

    use super::*;

    fn check(outcome: Outcome, exception: Option<&str>) -> Check {
        Check {
            id: "a.b".into(),
            title: String::new(),
            severity: Severity::High,
            outcome,
            since: None,
            ran_at: None,
            reasons: Vec::new(),
            exception: exception.map(str::to_owned),
        }
    }

    #[test]
    fn nothing_holds_that_was_not_seen_to_hold() {
        use Outcome::{Fail, NotApplicable, NotAssessable, NotObserved, NotRunYet, Pass, Warn};
        for (outcome, fresh, stale, lifted) in [
            (Pass, Verdict::Holds, Verdict::NotLookedAt, Verdict::Holds),
            (Warn, Verdict::Holds, Verdict::NotLookedAt, Verdict::Holds),
            (Fail, Verdict::Failed, Verdict::Failed, Verdict::Excepted),
            (NotApplicable, Verdict::NotApplicable, Verdict::NotApplicable, Verdict::NotApplicable),
            (NotAssessable, Verdict::NotAssessable, Verdict::NotAssessable, Verdict::Excepted),
            (NotObserved, Verdict::NotAssessable, Verdict::NotAssessable, Verdict::Excepted),
            (NotRunYet, Verdict::NotLookedAt, Verdict::NotLookedAt, Verdict::Excepted),
        ] {
            assert_eq!(of_check(&check(outcome, None), false, false), fresh, "{outcome:?}");
            assert_eq!(of_check(&check(outcome, None), false, true), stale, "{outcome:?}, old");
            assert_eq!(of_check(&check(outcome, Some("EX-1")), false, false), lifted, "{outcome:?}, check lifted");
            assert_eq!(of_check(&check(outcome, None), true, false), lifted, "{outcome:?}, control lifted");
        }
    }

    #[test]
    fn a_control_is_its_worst_check_and_partial_never_plainly() {
        use Coverage::{Automated, Inherited, Partial, Procedural};
        use Verdict::{Excepted, Failed, Holds, HoldsInPart, NotApplicable, NotAssessable};
        for (coverage, checks, expected) in [
            (Automated, &[Holds, NotApplicable][..], Holds),
            (Automated, &[Holds, NotAssessable], NotAssessable),
            (Automated, &[NotAssessable, Failed], Failed),
            (Automated, &[NotApplicable], NotApplicable),
            (Automated, &[], NotAssessable),
            (Partial, &[Holds], HoldsInPart),
            (Partial, &[Holds, Excepted], Excepted),
            (Partial, &[], NotAssessable),
            (Procedural, &[], Verdict::Procedural),
            (Procedural, &[Holds], HoldsInPart),
            (Procedural, &[Failed], Failed),
            (Inherited, &[], Verdict::Inherited),
            (Inherited, &[NotApplicable], Verdict::Inherited),
        ] {
            assert_eq!(verdict(coverage, checks.iter().copied()), expected, "{coverage:?} {checks:?}");
        }
    }
}
