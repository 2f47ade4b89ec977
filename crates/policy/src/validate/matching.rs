//! What a rule answers, as far as two rules or a rule and its check have to be compared.

use serde_json::Value as Json;

use super::context::{Context, Item};
use crate::predicate::Predicate;

/// A rule that can be read.
pub struct Answer<'a> {
    /// The rule.
    pub rule: Item<'a>,
    /// The check that it answers.
    pub check: &'a str,
    /// Its priority.
    pub priority: i64,
    /// What its observation must satisfy; always true where it is not narrowed.
    pub narrowed: Predicate,
}

/// Every rule whose parts can be read; one that cannot be read is reported as such.
pub fn answers<'a>(context: &Context<'a>) -> Vec<Answer<'a>> {
    context.items("rules").filter_map(answer).collect()
}

fn answer(rule: Item<'_>) -> Option<Answer<'_>> {
    let when = rule.value.get("when")?;
    let narrowed = match when.get("observation") {
        None | Some(Json::Null) => Predicate::All(Vec::new()),
        Some(json) => Predicate::from_json(json).ok()?,
    };
    Some(Answer {
        rule,
        check: when.get("check")?.as_str()?,
        priority: rule.value.get("priority")?.as_i64()?,
        narrowed,
    })
}

/// What the observation of a failing check satisfies; none when its `expect` cannot be read.
pub fn failing(context: &Context<'_>, check: &str) -> Option<Predicate> {
    let expect = Predicate::from_json(context.item("checks", check)?.value.get("expect")?).ok()?;
    Some(Predicate::Not(Box::new(expect)))
}
