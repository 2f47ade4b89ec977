//! What an exception does to a check or a control on one appliance, as its enforcer sees it.

use writ_policy::exception::Exception;
use writ_trust::time::Time;

use crate::library::sites::Policy;

/// What an exception does to one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// While it is in force, the thing does not count.
    Lifts,
    /// It is about a part of the thing, which counts all the same.
    Touches,
}

/// What an exception does to a check: it lifts what it names, and what supports nothing but lifted controls. One that is
/// not in force is judged as of when it began or ended.
pub fn of_check(policy: &Policy, check: &str, exception: &Exception, now: Time) -> Option<Effect> {
    if exception.check.as_deref() == Some(check) {
        return Some(Effect::Lifts);
    }
    let names = |checks: &[String]| checks.iter().any(|name| name == check);
    let supported = policy.controls.iter().filter(|(_, control)| names(&control.checks)).map(|(id, _)| id.as_str());
    let supported: Vec<&str> = supported.collect();
    if !exception.control.as_deref().is_some_and(|control| supported.contains(&control)) {
        return None;
    }
    let at = if exception.in_force(now) {
        now
    } else if now < exception.approved_at {
        exception.approved_at
    } else {
        exception.expires.plus_millis(-1)
    };
    let of = |e: &Exception, control: &str| e.in_force(at) && e.control.as_deref() == Some(control);
    let lifted = |control: &&str| policy.exceptions.values().any(|e| of(e, control));
    Some(if supported.iter().all(lifted) { Effect::Lifts } else { Effect::Touches })
}

/// What an exception does to a control: one for a check of it leaves the control as it is.
pub fn of_control(policy: &Policy, control: &str, exception: &Exception) -> Option<Effect> {
    if exception.control.as_deref() == Some(control) {
        return Some(Effect::Lifts);
    }
    let checks = &policy.controls.get(control)?.checks;
    exception.check.as_ref().filter(|check| checks.contains(check)).map(|_| Effect::Touches)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;
    use writ_agent::enforce::scan;

    use super::*;
    use crate::library::sites::Items;

    const GOLDEN: &[u8] = include_bytes!("../../../../checks/golden/policy.json");

    fn shared<T: Clone>(items: &BTreeMap<String, T>) -> Items<T> {
        items.iter().map(|(id, item)| (id.clone(), Arc::new(item.clone()))).collect()
    }

    fn seen(policy: &writ_policy::policy::Policy) -> Policy {
        Policy {
            controls: shared(&policy.controls),
            checks: shared(&policy.checks),
            rules: shared(&policy.rules),
            runbooks: shared(&policy.runbooks),
            duties: shared(&policy.duties),
            exceptions: shared(&policy.exceptions),
            settings: Arc::new(policy.settings.clone()),
        }
    }

    fn time(hour: u32) -> Time {
        format!("2026-11-23T{hour:02}:00:00Z").parse().unwrap()
    }

    /// Controls that name one check or none, and exceptions: of which control (or of the check), from when, until when.
    fn given() -> impl Strategy<Value = (Vec<bool>, Vec<(usize, u32, u32)>)> {
        (prop::collection::vec(any::<bool>(), 1..4), prop::collection::vec((0usize..5, 0u32..4, 4u32..8), 0..4))
    }

    proptest! {
        /// The enforcer decides what is lifted; this says the same.
        #[test]
        fn what_lifts_a_check_is_what_the_enforcer_says((controls, exceptions) in given(), hour in 0u32..9) {
            let mut policy = writ_policy::policy::Policy::parse(GOLDEN).unwrap();
            let control = policy.controls.values().next().unwrap().clone();
            let exception = policy.exceptions.values().next().unwrap().clone();
            policy.controls = controls.iter().enumerate().map(|(i, names)| {
                let checks = if *names { vec!["it".to_owned()] } else { Vec::new() };
                (format!("C{i}"), writ_policy::control::Control { checks, ..control.clone() })
            }).collect();
            policy.exceptions = exceptions.iter().enumerate().map(|(i, (of, from, until))| {
                let (control, check) =
                    if *of == 4 { (None, Some("it".to_owned())) } else { (Some(format!("C{of}")), None) };
                let (approved_at, expires) = (time(*from), time(*until));
                (format!("E{i}"), Exception { control, check, approved_at, expires, ..exception.clone() })
            }).collect();
            let (here, now) = (seen(&policy), time(hour));
            let lifts = |e: &Exception| e.in_force(now) && of_check(&here, "it", e, now) == Some(Effect::Lifts);
            prop_assert_eq!(policy.exceptions.values().any(lifts), scan::exception(&policy, "it", now).is_some());
        }
    }
}
