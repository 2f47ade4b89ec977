//! What people do: the duties of the policy, held against what was attested.

use std::collections::BTreeSet;

use writ_policy::duty::Duty;

use super::items::Item;
use super::{Answer, DutyAnswer, Facts, LastAttested, Rhythm, State};
use crate::attest::{Attested, DUTY, ITEM, duties};
use crate::words::when;

/// The duties of an item.
pub fn of(facts: &Facts<'_>, item: &Item) -> Vec<DutyAnswer> {
    let all = duties(facts.archive, &facts.comparison.site, facts.now);
    let own = all.into_iter().filter(|(_, (duty, _))| duty.source.iter().any(|id| item.ids.contains(&id.as_str())));
    own.map(|(id, (duty, _))| one(facts, id, duty)).collect()
}

/// The last attestation of an item by its own ids, whatever the duty.
pub fn last_of_item(facts: &Facts<'_>, item: &Item) -> Option<LastAttested> {
    let mine = |one: &&Attested| !one.is_failed() && one.fact(ITEM).is_some_and(|id| item.ids.contains(&id));
    facts.attested.iter().rev().find(mine).and_then(told)
}

/// The duties of a rhythm that belong to no item of any checklist.
pub fn others(facts: &Facts<'_>, rhythm: Rhythm, listed: &BTreeSet<&str>) -> Vec<Answer> {
    let all = duties(facts.archive, &facts.comparison.site, facts.now);
    let own = all.into_iter().filter(|(_, (duty, _))| {
        let due = duty.cadence.every.as_ref().map(|every| Rhythm::of_days(every.seconds().div_euclid(86_400)));
        due == Some(rhythm) && !duty.source.iter().any(|id| listed.contains(id.as_str()))
    });
    let answers = own.map(|(id, (duty, _))| {
        let duty = one(facts, id, duty);
        Answer {
            ids: Vec::new(),
            title: duty.title.clone(),
            automated: false,
            state: duty.state,
            says: vec![stands(&duty)],
            checks: Vec::new(),
            duties: vec![duty],
        }
    });
    answers.collect()
}

/// A duty in one sentence.
pub fn says(duty: &DutyAnswer) -> String {
    format!("{}; {}", duty.title, stands(duty))
}

/// How a duty stands, for those who have just read what it is.
pub fn stands(duty: &DutyAnswer) -> String {
    let DutyAnswer { duty: id, cadence, by, last, next, .. } = duty;
    let last = match last {
        None => "never attested".to_owned(),
        Some(last) => tell(last),
    };
    let next = next.map(|at| format!(", due again {}", when(at))).unwrap_or_default();
    format!("people ({id}, {cadence}, {by}): {last}{next}")
}

/// What was attested, in words.
pub fn tell(last: &LastAttested) -> String {
    let LastAttested { at, by, bundle_id, statement, .. } = last;
    format!("last attested {} by {by} ({bundle_id}: {statement})", when(*at))
}

/// What was last attested of a duty, of attestations that are sorted oldest first. It must name the duty, for a duty may ask for more
/// than the item of a checklist that it belongs to, and must not have come out badly.
pub fn last_done(attested: &[Attested], duty: &str) -> Option<LastAttested> {
    attested.iter().rev().find(|one| !one.is_failed() && one.fact(DUTY) == Some(duty)).and_then(told)
}

fn one(facts: &Facts<'_>, id: &str, duty: &Duty) -> DutyAnswer {
    let last = last_done(facts.attested, id);
    let every = duty.cadence.every.as_ref();
    let next = last.as_ref().zip(every).map(|(last, every)| last.due_again(every));
    let state = match (every, next) {
        (None, _) => State::OnEvent,
        (Some(_), Some(next)) if next > facts.now => State::Done,
        _ => State::Due,
    };
    DutyAnswer {
        duty: id.to_owned(),
        title: duty.title.clone(),
        cadence: duty.cadence.clone(),
        by: duty.by.clone(),
        attach: duty.attach.clone(),
        state,
        last,
        next,
    }
}

fn told(one: &Attested) -> Option<LastAttested> {
    let said = one.bundle.attestation.as_ref()?;
    Some(LastAttested {
        at: one.bundle.generated_at,
        by: said.by.clone(),
        statement: said.statement.clone(),
        until: said.until,
        bundle_id: one.id(),
        path: one.path.clone(),
        digest: one.digest,
    })
}
