//! Exceptions: for exactly one thing, approved by the right person, and not past their end.

use serde_json::Value as Json;
use writ_trust::time::Time;

use super::context::{Context, Item, strings};
use super::finding::{Finding, listed};

/// The longest that an exception lasts without a question, in days: then the reasons are looked at anew.
const LONGEST_DAYS: i64 = 365;
/// A day, in milliseconds.
const DAY: i64 = 86_400_000;
/// How many days before its end an exception ends soon.
const SOON_DAYS: i64 = 30;

/// Judges every exception.
pub fn find(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for exception in context.items("exceptions") {
        let mut own = Vec::new();
        subject(exception, &mut own);
        approver(context, exception, &mut own);
        dates(context.now, exception, &mut own);
        length(exception, &mut own);
        findings.extend(own.into_iter().map(|finding| exception.place(finding)));
    }
}

fn subject(exception: Item<'_>, findings: &mut Vec<Finding>) {
    let given = |field| exception.value.get(field).is_some_and(|v| !v.is_null());
    if given("control") == given("check") {
        findings.push(
            Finding::error(
                "exception-subject",
                exception.path(&[]),
                "an exception is for one control or for one check: exactly one of the two",
            )
            .at_key()
            .expected("control = \"…\"; or check = \"…\";"),
        );
    }
}

fn approver(context: &Context<'_>, exception: Item<'_>, findings: &mut Vec<Finding>) {
    let Some(name) = exception.text("approved_by") else { return };
    let approvers = || strings(context.whole("settings").and_then(|s| s.get("approvers"))).map(|(_, name)| name);
    if context.whole("settings").is_some() && !approvers().any(|known| known == name) {
        findings.push(
            Finding::error(
                "unknown-approver",
                exception.path(&["approved_by"]),
                format!("`{name}` may not approve exceptions at this site"),
            )
            .expected(if approvers().next().is_none() {
                "a name in `approvers` of site.nix".to_owned()
            } else {
                format!("one of the site's approvers: {}", listed(approvers()))
            })
            .nearest(name, approvers())
            .help("the risk is the clinic's, so the clinic's people approve it; `approvers` in site.nix names them"),
        );
    }
}

fn time(exception: Item<'_>, field: &str) -> Option<Time> {
    exception.value.get(field).and_then(Json::as_str)?.parse().ok()
}

fn length(exception: Item<'_>, findings: &mut Vec<Finding>) {
    let (Some(approved), Some(expires)) = (time(exception, "approved_at"), time(exception, "expires")) else { return };
    let days = expires.millis_since(approved) / DAY;
    if days > LONGEST_DAYS {
        findings.push(
            Finding::error(
                "exception-too-long",
                exception.path(&["expires"]),
                format!("this exception lasts {} days; {LONGEST_DAYS} are the most that is reviewed", grouped(days)),
            )
            .warning()
            .expected("a date within a year of its approval"),
        );
    }
}

/// Exceptions that are in force and end within [`SOON_DAYS`].
pub fn soon(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for exception in context.items("exceptions") {
        let (Some(approved), Some(expires)) = (time(exception, "approved_at"), time(exception, "expires")) else {
            continue;
        };
        let left = expires.millis_since(context.now);
        if approved <= context.now && (1..=SOON_DAYS * DAY).contains(&left) {
            let days = left / DAY;
            findings.push(
                exception.place(
                    Finding::error(
                        "exception-ends-soon",
                        exception.path(&["expires"]),
                        match days {
                            0 => "this exception ends within a day".to_owned(),
                            1 => "this exception ends in a day".to_owned(),
                            _ => format!("this exception ends in {days} days"),
                        },
                    )
                    .warning()
                    .help("repair the cause before, or have another exception approved"),
                ),
            );
        }
    }
}

/// A number with a comma between thousands.
fn grouped(n: i64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn dates(now: Time, exception: Item<'_>, findings: &mut Vec<Finding>) {
    let (Some(approved), Some(expires)) = (time(exception, "approved_at"), time(exception, "expires")) else { return };
    if approved >= expires {
        findings.push(
            Finding::error(
                "exception-order",
                exception.path(&["expires"]),
                format!("this exception ends ({expires}) before it has begun ({approved})"),
            )
            .expected("`expires` after `approved_at`"),
        );
    } else if expires <= now {
        findings.push(
            Finding::error(
                "expired-exception",
                exception.path(&["expires"]),
                format!("this exception ended on {expires}: what it lifted counts again"),
            )
            .expected("a later date with a new approval, or no exception"),
        );
    } else if approved > now {
        findings.push(
            Finding::error(
                "exception-not-yet",
                exception.path(&["approved_at"]),
                format!("this exception is not in force before {approved}"),
            )
            .warning()
            .help("until then what it would lift counts"),
        );
    }
}
