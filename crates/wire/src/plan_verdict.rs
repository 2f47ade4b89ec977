//! What became of a plan (`writ.plan-verdict.v1`), in `plan/verdicts/<request>.json` of the spool. For whoever planned, so that a
//! planner can learn from it; evidence tells the same.

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;

use crate::shape::{document, nullable};

/// The largest such document, in bytes.
pub const MAX_PLAN_VERDICT: usize = 16 * 1024;

/// The enforcer's word on the answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanVerdict {
    /// Always `writ.plan-verdict.v1`.
    pub schema: PlanVerdictSchema,
    /// The digest of the request.
    pub request: Digest,
    /// The digest of the plan's exact bytes; null where none came, or none could be read.
    #[serde(deserialize_with = "nullable")]
    pub plan: Option<Digest>,
    /// Whether its runbook is run.
    pub allowed: bool,
    /// The rule that it broke.
    #[serde(deserialize_with = "nullable")]
    pub rule: Option<String>,
    /// The same in words.
    pub message: String,
    /// What came of the run; null until then, and where nothing was run.
    #[serde(deserialize_with = "nullable")]
    pub result: Option<PlanResult>,
}

document!(PlanVerdict, PlanVerdictSchema, PLAN_VERDICT_SCHEMA, "writ.plan-verdict.v1", MAX_PLAN_VERDICT);

/// What came of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanResult {
    /// The checks of its runbook hold.
    Helped,
    /// They do not.
    Failed,
    /// A restart or a trial ended it.
    Interrupted,
}

impl PlanResult {
    /// The word that documents write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Helped => "helped",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_said_also_what_is_not_there() {
        let verdict = PlanVerdict {
            schema: PlanVerdictSchema::V1,
            request: Digest::of(b"request"),
            plan: None,
            allowed: false,
            rule: Some("plan-deadline".into()),
            message: "no plan came".into(),
            result: None,
        };
        let text = String::from_utf8(verdict.canonical()).unwrap();
        assert_eq!(PlanVerdict::parse(text.as_bytes()).unwrap(), verdict);
        for (from, to) in [
            ("\"result\":null,", ""),
            ("\"result\":null", "\"result\":\"perhaps\""),
            ("\"allowed\":false", "\"allowed\":0"),
        ] {
            assert!(text.contains(from) && PlanVerdict::parse(text.replace(from, to).as_bytes()).is_err(), "{from}");
        }
        assert!(PlanVerdict::parse(&vec![b' '; MAX_PLAN_VERDICT + 1]).is_err());
    }
}
