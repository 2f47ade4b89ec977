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

/// One call of a language model, as the planner tells it. Its texts are scrubbed of patients' data.
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
    /// What in it is longer than it may be, or no plain text; none when all is well.
    pub fn excess(&self) -> Option<&'static str> {
        let name =
            |text: &str| !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(|c| c.is_ascii_graphic());
        match self {
            plan if !name(&plan.planner) => Some("planner"),
            plan if !name(&plan.runbook) => Some("runbook"),
            plan if plan.reason.len() > MAX_REASON => Some("reason"),
            _ => None,
        }
    }

    /// Why this one, in one line.
    pub fn why(&self) -> String {
        one_line(&self.reason)
    }
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
    }
}
