//! What a planner answers (`writ.plan.v1`), in `plan/plans/<request>.json` of the spool.
//!
//! Whoever writes it has no authority and no key. It can name runbooks that it was offered, and nothing else: no parameter, no
//! step, no program.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::text::one_line;

use crate::shape::document;

/// The largest such document, in bytes.
pub const MAX_PLAN: usize = 64 * 1024;
/// The longest name of a planner or of a runbook, in bytes.
pub const MAX_NAME: usize = 128;
/// The longest reason, in bytes.
pub const MAX_REASON: usize = 4 * 1024;

/// The most runbooks of one plan, the first among them.
pub const MAX_RUNBOOKS: usize = 5;
/// The longest text of a transcript, in bytes: what was asked, and what was answered.
pub const MAX_TRANSCRIPT: usize = 24 * 1024;
/// What a transcript's outcome says where the model's answer was taken.
pub const CHOSEN: &str = "chosen";
/// The outcomes that say that no model was asked: whoever tells of one tells why there was no call.
pub const NOT_ASKED: [&str; 8] =
    ["no-key", "address", "no-time", "budget-hour", "budget-day", "budget-money", "budget-unknown", "breaker"];
/// The longest name of what came of a call, in bytes.
pub const MAX_OUTCOME: usize = 64;
/// The most tokens that one call is believed to have taken, of each sort.
pub const MAX_TOKENS: u64 = 100_000_000;
/// The most that one call is believed to have cost, in millionths of a US dollar: 1,000 dollars.
pub const MAX_COST_MICRODOLLARS: u64 = 1_000_000_000;
/// The longest time that one call is believed to have taken, in milliseconds: a day.
pub const MAX_TOOK_MS: u64 = 24 * 3_600_000;

/// A choice among the runbooks that were offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Always `writ.plan.v1`.
    pub schema: PlanSchema,
    /// The digest of the request that this answers, by its exact bytes.
    pub request: Digest,
    /// Who planned, with its version: `writ-planner/0.1.0`.
    pub planner: String,
    /// The runbook.
    pub runbook: String,
    /// Those that are to run after it, in order, for as long as the check fails; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<String>,
    /// Why these, for people.
    pub reason: String,
    /// What a language model was asked for this, whether or not its answer was of use; left out where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Transcript>,
}

/// One call of a language model, as the planner tells it, or why none was made: see [`was_asked`]. Its texts are scrubbed of patients'
/// data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// The model, as the endpoint was asked for it.
    pub model: String,
    /// The digest of the exact bytes that were sent.
    pub prompt: Digest,
    /// What was asked, without what is the same in every request.
    pub asked: String,
    /// What was answered, cut at [`MAX_TRANSCRIPT`]; empty where nothing was.
    pub answered: String,
    /// What came of it: `chosen`, or the name of what was wrong, for instance `timeout`.
    pub outcome: String,
    /// Tokens that it counted of what it was asked; left out where it told of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens that it counted of what it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// What it cost, by the price in the policy, in millionths of a US dollar.
    pub cost_microdollars: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

document!(Plan, PlanSchema, PLAN_SCHEMA, "writ.plan.v1", MAX_PLAN);

impl Plan {
    /// The runbooks that it names, in order.
    pub fn runbooks(&self) -> Vec<String> {
        std::iter::once(&self.runbook).chain(&self.then).cloned().collect()
    }

    /// What in it is longer than it may be, or no plain text; none when all is well.
    pub fn excess(&self) -> Option<&'static str> {
        match self {
            plan if !is_name(&plan.planner) => Some("planner"),
            plan if !is_name(&plan.runbook) => Some("runbook"),
            plan if plan.then.len() >= MAX_RUNBOOKS => Some("list of runbooks"),
            plan if !plan.then.iter().all(|runbook| is_name(runbook)) => Some("list of runbooks"),
            plan if plan.reason.len() > MAX_REASON => Some("reason"),
            plan => plan.transcript.as_ref()?.excess(),
        }
    }

    /// Why this one, in one line.
    pub fn why(&self) -> String {
        one_line(&self.reason)
    }
}

impl Transcript {
    /// The same, of what it tells: names, texts and numbers within their bounds.
    pub fn excess(&self) -> Option<&'static str> {
        let outcome = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        match self {
            call if !is_name(&call.model) => Some("transcript's model"),
            call if call.asked.len() > MAX_TRANSCRIPT || call.answered.len() > MAX_TRANSCRIPT => Some("transcript"),
            call if call.outcome.is_empty() || call.outcome.len() > MAX_OUTCOME => Some("transcript's outcome"),
            call if !call.outcome.chars().all(outcome) => Some("transcript's outcome"),
            call if call.input_tokens.max(call.output_tokens) > Some(MAX_TOKENS) => {
                Some("transcript's count of tokens")
            }
            call if call.cost_microdollars > MAX_COST_MICRODOLLARS => Some("transcript's cost"),
            call if call.took_ms > MAX_TOOK_MS => Some("transcript's time"),
            _ => None,
        }
    }
}

/// Whether a transcript of this outcome tells of a call. Otherwise none was made, and nothing was paid.
pub fn was_asked(outcome: &str) -> bool {
    !NOT_ASKED.contains(&outcome)
}

/// Whether a text can be the name of a planner, a runbook, a check or a model: printable ASCII without spaces, of at most [`MAX_NAME`]
/// bytes.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(|c| c.is_ascii_graphic())
}

/// A name that comes twice.
pub fn repeated(names: &[String]) -> Option<&String> {
    names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            schema: PlanSchema::V1,
            request: Digest::of(b"request"),
            planner: "writ-planner/0.1.0".into(),
            runbook: "RB-BACKUP-003".into(),
            then: Vec::new(),
            transcript: None,
            reason: "it helped before".into(),
        }
    }

    #[test]
    fn it_names_a_runbook_and_can_say_nothing_else() {
        let text = String::from_utf8(plan().canonical()).unwrap();
        assert_eq!(Plan::parse(text.as_bytes()).unwrap(), plan());
        for (from, to) in [
            ("\"reason\":", "\"parameters\":{\"path\":\"/etc/shadow\"},\"reason\":"),
            ("\"runbook\":\"RB-BACKUP-003\"", "\"runbook\":[\"RB-BACKUP-003\"]"),
            ("\"runbook\":\"RB-BACKUP-003\",", ""),
            ("writ.plan.v1", "writ.plan.v2"),
            ("sha256:", "sha1:"),
        ] {
            assert!(text.contains(from) && Plan::parse(text.replace(from, to).as_bytes()).is_err(), "{from}");
        }
        assert!(Plan::parse(&vec![b' '; MAX_PLAN + 1]).is_err());
    }

    #[test]
    fn what_is_too_long_or_no_name_is_named() {
        assert_eq!(plan().excess(), None);
        assert_eq!(Plan { planner: "a b".into(), ..plan() }.excess(), Some("planner"));
        assert_eq!(Plan { planner: String::new(), ..plan() }.excess(), Some("planner"));
        assert_eq!(Plan { runbook: "RB\u{1b}[2J".into(), ..plan() }.excess(), Some("runbook"));
        assert_eq!(Plan { runbook: "x".repeat(129), ..plan() }.excess(), Some("runbook"));
        assert_eq!(Plan { reason: "x".repeat(MAX_REASON + 1), ..plan() }.excess(), Some("reason"));
        assert_eq!(Plan { reason: "a\nb\u{1b}c".into(), ..plan() }.why().lines().count(), 1);
        let then = |then: &[&str]| Plan { then: then.iter().map(|&one| one.to_owned()).collect(), ..plan() };
        assert_eq!(then(&["2", "3", "4", "5"]).excess(), None);
        assert_eq!(then(&["2", "3", "4", "5", "6"]).excess(), Some("list of runbooks"));
        assert_eq!(then(&["RB B"]).excess(), Some("list of runbooks"));
        assert_eq!(then(&["B", "C"]).runbooks(), ["RB-BACKUP-003", "B", "C"]);
        assert_eq!(repeated(&then(&["B", "RB-BACKUP-003"]).runbooks()).unwrap(), "RB-BACKUP-003");
    }

    #[test]
    fn what_was_not_asked_is_no_call() {
        for outcome in [CHOSEN, "timeout", "unreachable", "http-status", "refused", "too-many", "of-a-later-version"] {
            assert!(was_asked(outcome), "{outcome}");
        }
        for outcome in NOT_ASKED {
            assert!(!was_asked(outcome), "{outcome}");
        }
    }

    #[test]
    fn what_is_told_of_a_call_is_bounded() {
        let call = Transcript {
            model: "org/small-model:8b".into(),
            prompt: Digest::of(b"prompt"),
            asked: "why?".into(),
            answered: String::new(),
            outcome: "timeout".into(),
            input_tokens: Some(900),
            output_tokens: None,
            cost_microdollars: 900,
            took_ms: 5_000,
        };
        let told = |transcript: Transcript| Plan { transcript: Some(transcript), ..plan() };
        let text = String::from_utf8(told(call.clone()).canonical()).unwrap();
        assert_eq!(Plan::parse(text.as_bytes()).unwrap(), told(call.clone()));
        for (from, to) in [
            ("\"cost_microdollars\":900", "\"cost_microdollars\":-1"),
            ("\"cost_microdollars\":900", "\"cost_microdollars\":0.5"),
            ("\"cost_microdollars\":900", "\"cost_microdollars\":NaN"),
            ("\"took_ms\":5000", "\"took_ms\":1e3"),
            ("\"asked\"", "\"key\":\"secret\",\"asked\""),
        ] {
            assert!(text.contains(from) && Plan::parse(text.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        assert_eq!(told(call.clone()).excess(), None);
        for (odd, what) in [
            (Transcript { model: "a b".into(), ..call.clone() }, "transcript's model"),
            (Transcript { asked: "x".repeat(MAX_TRANSCRIPT + 1), ..call.clone() }, "transcript"),
            (Transcript { answered: "x".repeat(MAX_TRANSCRIPT + 1), ..call.clone() }, "transcript"),
            (Transcript { outcome: "Oh no".into(), ..call.clone() }, "transcript's outcome"),
            (Transcript { outcome: String::new(), ..call.clone() }, "transcript's outcome"),
            (Transcript { output_tokens: Some(MAX_TOKENS + 1), ..call.clone() }, "transcript's count of tokens"),
            (Transcript { cost_microdollars: MAX_COST_MICRODOLLARS + 1, ..call.clone() }, "transcript's cost"),
            (Transcript { took_ms: MAX_TOOK_MS + 1, ..call }, "transcript's time"),
        ] {
            assert_eq!(told(odd).excess(), Some(what));
        }
    }
}
