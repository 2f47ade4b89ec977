//! Validation: every mistake of a policy in one run.
//!
//! It works on JSON, not on parsed types, so that a mistake in one item hides none in another, and takes the clock and
//! the schemas as arguments. One rule per file, registered in `RULES`.

use serde_json::Value as Json;
use writ_trust::time::Time;

use crate::schema::Registry;

mod addresses;
mod bounds;
pub mod codes;
mod completeness;
mod contacts;
pub mod context;
mod domain;
mod exceptions;
pub mod finding;
mod impossible;
mod matching;
mod never;
mod numbers;
mod overlap;
mod parameters;
mod planner;
mod predicates;
mod probes;
mod programs;
mod references;
mod secrets;
mod shadowed;
pub mod shape;
mod sharing;
mod steps;
mod units;
mod unobserved;
mod unused;
mod values;
mod walk;
mod windows;

pub(crate) use addresses::is_reachable;
pub use context::{Context, LeftOut};
pub(crate) use domain::{implies_naturally, natural_range, negated};
pub use finding::{Finding, Level, Part, Related};
pub use secrets::{gives_away, in_clear, redacted, secrets_in};

/// What a rule of validation depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only on controls, checks, rules, runbooks, duties and the schemas: appliances that share those share its findings.
    Common,
    /// Also on exceptions, programs, secrets, settings or the day.
    Own,
    /// Like `Own`, and told only to those who ask what will be a mistake soon.
    Soon,
}

/// One rule of validation.
struct Rule {
    scope: Scope,
    find: fn(&Context<'_>, &mut Vec<Finding>),
}

/// Every rule of validation.
const RULES: &[Rule] = &[
    Rule { scope: Scope::Common, find: shape::common },
    Rule { scope: Scope::Common, find: references::common },
    Rule { scope: Scope::Common, find: probes::find },
    Rule { scope: Scope::Common, find: steps::find },
    Rule { scope: Scope::Common, find: predicates::find },
    Rule { scope: Scope::Common, find: impossible::find },
    Rule { scope: Scope::Common, find: overlap::find },
    Rule { scope: Scope::Common, find: never::find },
    Rule { scope: Scope::Common, find: units::find },
    Rule { scope: Scope::Common, find: secrets::common },
    Rule { scope: Scope::Common, find: unobserved::common },
    Rule { scope: Scope::Common, find: unobserved::network },
    Rule { scope: Scope::Common, find: completeness::find },
    Rule { scope: Scope::Common, find: bounds::find },
    Rule { scope: Scope::Common, find: unused::find },
    Rule { scope: Scope::Common, find: sharing::find },
    Rule { scope: Scope::Common, find: numbers::common },
    Rule { scope: Scope::Own, find: shape::own },
    Rule { scope: Scope::Own, find: references::own },
    Rule { scope: Scope::Own, find: exceptions::find },
    Rule { scope: Scope::Own, find: secrets::own },
    Rule { scope: Scope::Own, find: programs::find },
    Rule { scope: Scope::Own, find: shadowed::find },
    Rule { scope: Scope::Own, find: unobserved::own },
    Rule { scope: Scope::Own, find: contacts::find },
    Rule { scope: Scope::Own, find: addresses::find },
    Rule { scope: Scope::Own, find: windows::find },
    Rule { scope: Scope::Own, find: planner::find },
    Rule { scope: Scope::Own, find: numbers::own },
    Rule { scope: Scope::Soon, find: exceptions::soon },
];

/// Every mistake in a policy document, in a fixed order. Never fails: a document that is no policy at all has findings.
pub fn validate(policy: &Json, registry: &Registry, now: Time) -> Vec<Finding> {
    let Json::Object(object) = policy else {
        return vec![Finding::error("wrong-type", Vec::new(), "a policy is an object")];
    };
    let left_out = LeftOut::default();
    let context = Context { common: object, base: None, own: object, registry, now, left_out: &left_out };
    let mut findings = shape::document(object);
    for scope in [Scope::Common, Scope::Own] {
        findings.extend(validate_scope(&context, scope));
    }
    findings
}

/// The findings of the rules of one scope. For [`Scope::Common`] only `context.common` and `base` are read.
pub fn validate_scope(context: &Context<'_>, scope: Scope) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.scope == scope) {
        (rule.find)(context, &mut findings);
    }
    findings
}

/// The sections that make up [`Context::common`].
pub const COMMON_SECTIONS: [&str; 5] = ["controls", "checks", "rules", "runbooks", "duties"];

/// A path from the root as people read it: `checks."file.motd".expect.mode.eq`.
pub fn path_text(path: &[String]) -> String {
    let plain = |k: &String| k.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    path.iter().map(|k| if plain(k) { k.clone() } else { format!("{k:?}") }).collect::<Vec<_>>().join(".")
}
