//! Do releases come in, and does evidence go out?

mod carrying;
mod evidence;
mod release;
mod rules;
mod switch;

pub use self::rules::advice;
use super::appliance::Appliance;
use super::finding::{Finding, Question};

fn wrong(code: &'static str, subject: &str, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding::wrong(Question::Syncing, code, subject, what, next)
}

fn note(code: &'static str, subject: &str, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding::note(Question::Syncing, code, subject, what, next)
}

/// What stands in the way between the depot and what is obeyed here, in the order of the way in, and then out.
pub fn findings(seen: &Appliance) -> Vec<Finding> {
    let mut found = carrying::findings(seen);
    found.extend(release::findings(seen));
    found.extend(switch::findings(seen));
    found.extend(evidence::findings(seen));
    found
}
