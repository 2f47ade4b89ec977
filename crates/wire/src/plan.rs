//! What a planner answers (`writ.plan.v1`), in `plan/plans/<request>.json` of the spool.
//!
//! Whoever writes it has no authority and no key. It can name one runbook that it was offered, and nothing else: no parameter, no
//! step, no program.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::text::one_line;

use crate::shape::document;

/// The largest such document, in bytes.
pub const MAX_PLAN: usize = 16 * 1024;
/// The longest name of a planner or of a runbook, in bytes.
pub const MAX_NAME: usize = 128;
/// The longest reason, in bytes.
pub const MAX_REASON: usize = 4 * 1024;

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
    /// Why this one, for people.
    pub reason: String,
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
