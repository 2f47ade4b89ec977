//! Exceptions as a calendar: which were opened, extended, shortened or ended, and which end soon.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use writ_trust::time::{Span, Time};

use super::Effect;

/// What happened to an exception. Days are whole ones, rounded up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It is new, and lifts something.
    Opened,
    /// It had ended, and lifts something again.
    Reopened,
    /// It lifts something else than before.
    Redirected {
        /// What it lifted.
        from: String,
    },
    /// It ends later.
    Extended {
        /// By so many days.
        days: i64,
    },
    /// It is in force, as before, and ends soon.
    Ending {
        /// In so many days.
        days: i64,
    },
    /// It ends earlier.
    Shortened {
        /// By so many days.
        days: i64,
    },
    /// It was taken away while it was in force.
    Closed,
    /// It was taken away after it had ended.
    Removed,
    /// It changed in another way.
    Changed {
        /// The fields that differ.
        fields: Vec<String>,
    },
}

/// A field of an exception that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What stood there; none when it is new.
    pub before: Option<String>,
    /// What stands there now; none when it is gone.
    pub after: Option<String>,
}

/// One exception of one appliance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ExceptionChange {
    /// Its id.
    pub id: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// What that does to protection.
    pub effect: Effect,
    /// The check or control that it lifts, or lifted.
    pub lifts: String,
    /// When it ends, or would have ended, as it is written.
    pub expires: String,
    /// Who approved it.
    pub approved_by: String,
    /// When, as it is written.
    pub approved_at: String,
    /// The digest of the document that they signed.
    pub approval: String,
    /// Whether that document is the one of before: then nobody approved what changed.
    pub approval_unchanged: bool,
    /// Why it is needed.
    pub reason: String,
    /// Each field that differs, where it was there before and still is.
    pub changes: Vec<FieldChange>,
    /// `file:line` where it is declared, or was.
    pub at: Option<String>,
}

/// What happened to the exceptions of a policy, by id, as of an instant; and those that end within `soon` of it.
///
/// Both are `exceptions` sections of policy documents. One whose end is no instant is told as changed, and as weaker when
/// it is so now.
pub fn exceptions(before: &Json, after: &Json, now: Time, soon: &Span) -> Vec<ExceptionChange> {
    let none = Map::new();
    let (a, b) = (before.as_object().unwrap_or(&none), after.as_object().unwrap_or(&none));
    let ids: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    ids.into_iter()
        .filter_map(|id| {
            let (event, effect) = judged(a.get(id), b.get(id), now, soon)?;
            let one = b.get(id).or_else(|| a.get(id))?;
            let same = |field| a.get(id).zip(b.get(id)).is_some_and(|(a, b)| text(a, field) == text(b, field));
            Some(ExceptionChange {
                id: id.clone(),
                event,
                effect,
                lifts: lifts(one),
                expires: text(one, "expires"),
                approved_by: text(one, "approved_by"),
                approved_at: text(one, "approved_at"),
                approval: text(one, "approval"),
                approval_unchanged: same("approval"),
                reason: text(one, "reason"),
                changes: a.get(id).zip(b.get(id)).map(|(a, b)| changed(a, b)).unwrap_or_default(),
                at: place(one),
            })
        })
        .collect()
}

fn text(exception: &Json, field: &str) -> String {
    exception.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn lifts(exception: &Json) -> String {
    let named = |field| exception.get(field).and_then(Json::as_str).map(str::to_owned);
    named("check").or_else(|| named("control")).unwrap_or_default()
}

fn judged(before: Option<&Json>, after: Option<&Json>, now: Time, soon: &Span) -> Option<(Event, Effect)> {
    let ends = |exception: &Json| text(exception, "expires").parse::<Time>().ok();
    match (before, after) {
        (None, Some(_)) => Some((Event::Opened, Effect::Weaker)),
        (Some(a), None) if ends(a).is_some_and(|end| end <= now) => Some((Event::Removed, Effect::Same)),
        (Some(_), None) => Some((Event::Closed, Effect::Stronger)),
        (Some(a), Some(b)) => {
            if lifts(a) != lifts(b) {
                return Some((Event::Redirected { from: lifts(a) }, Effect::Weaker));
            }
            let (was, is) = match (ends(a), ends(b)) {
                (Some(was), Some(is)) => (was, is),
                _ if a == b => return None,
                // Nobody can say when it ends, so that it may never.
                (_, None) => return Some((Event::Changed { fields: differing(a, b) }, Effect::Weaker)),
                (None, _) => return Some((Event::Changed { fields: differing(a, b) }, Effect::Unclear)),
            };
            if is > was {
                let again = was <= now && now < is;
                let days = days(is.millis_since(was));
                return Some((if again { Event::Reopened } else { Event::Extended { days } }, Effect::Weaker));
            }
            let fields = differing(a, b);
            if is < was {
                // To end earlier does not make up for another approver.
                let alone = fields.len() == 1;
                let effect = if alone { Effect::Stronger } else { Effect::Unclear };
                return Some((Event::Shortened { days: days(was.millis_since(is)) }, effect));
            }
            if !fields.is_empty() {
                return Some((Event::Changed { fields }, Effect::Unclear));
            }
            (now < is && is <= now.plus(soon))
                .then(|| (Event::Ending { days: days(is.millis_since(now)) }, Effect::Same))
        }
        (None, None) => None,
    }
}

fn days(millis: i64) -> i64 {
    const DAY: i64 = 24 * 3600 * 1000;
    millis.saturating_add(DAY - 1) / DAY
}

/// `file:line`
fn place(exception: &Json) -> Option<String> {
    let at = exception.get("declared_at")?;
    Some(format!("{}:{}", at.get("file")?.as_str()?, at.get("line")?.as_u64()?))
}

/// The fields that differ, with what stands there. All of them are texts; of anything else its JSON is told.
fn changed(a: &Json, b: &Json) -> Vec<FieldChange> {
    let value = |exception: &Json, field: &str| match exception.get(field)? {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let one = |field: String| FieldChange { before: value(a, &field), after: value(b, &field), field };
    differing(a, b).into_iter().map(one).collect()
}

/// The fields that differ, other than where it is declared.
fn differing(a: &Json, b: &Json) -> Vec<String> {
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else { return Vec::new() };
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).filter(|name| *name != "declared_at").collect();
    names.into_iter().filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
}
