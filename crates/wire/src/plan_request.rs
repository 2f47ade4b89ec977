//! What a planner is asked (`writ.plan-request.v1`), in `plan/requests/<request>.json` of the spool.
//!
//! Written by the enforcer when rules did not help. It holds what evidence may hold and no more, so that whoever answers may be
//! anybody, on this machine or behind it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::{Span, Time};

use crate::looks::Fact;
use crate::releases::ReleaseRef;
use crate::shape::{document, nullable};

/// The largest such document, in bytes.
pub const MAX_PLAN_REQUEST: usize = 256 * 1024;

/// One incident, and what may be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// Always `writ.plan-request.v1`.
    pub schema: PlanRequestSchema,
    /// The incident and the number of the request, `INC-20261123-0007-1`: the name of its file, and of the answer's.
    pub id: String,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The release whose policy allows what is below; null where that is not known.
    #[serde(deserialize_with = "nullable")]
    pub release: Option<ReleaseRef>,
    /// When it was asked.
    pub asked_at: Time,
    /// When an answer comes too late.
    pub expires_at: Time,
    /// The check that fails.
    pub check: String,
    /// What it is about, in words of the policy.
    pub title: String,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    /// The machine.
    pub target: String,
    /// The probe that looks.
    pub probe: String,
    /// What was seen last.
    pub seen: Seen,
    /// What was run for this incident, in order.
    pub tried: Vec<Tried>,
    /// What may be chosen, in the order of the policy.
    pub allowed: Vec<Allowed>,
    /// The language model that the signed policy lets a planner ask; left out where it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
}

document!(PlanRequest, PlanRequestSchema, PLAN_REQUEST_SCHEMA, "writ.plan-request.v1", MAX_PLAN_REQUEST);

impl PlanRequest {
    /// What an answer names.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.canonical())
    }
}

/// A language model, and how much may be asked of it. What money is concerned is in millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The base of an OpenAI-compatible interface, before `/chat/completions`: `https://models.example.org/v1`.
    pub url: String,
    /// The name of the model, as the endpoint knows it.
    pub name: String,
    /// The name of the secret that is its key; left out where it asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether it may be asked by plain HTTP beyond this machine, at a private address; left out where it may not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// How long one answer is waited for.
    pub deadline: Span,
    /// The most runbooks that one plan may name.
    pub most_runbooks: u32,
    /// What may be used up.
    pub budget: ModelBudget,
    /// What is paid.
    pub price: ModelPrice,
}

/// What a planner may use up of a language model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelBudget {
    /// Calls within any hour.
    pub calls_per_hour: u32,
    /// Calls within any 24 hours.
    pub calls_per_day: u32,
    /// Money within any 24 hours, in millionths of a US dollar.
    pub microdollars_per_day: u64,
}

/// What a language model costs, in millionths of a US dollar for a thousand tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrice {
    /// Of what it is asked.
    pub input_microdollars_per_1000_tokens: u64,
    /// Of what it answers.
    pub output_microdollars_per_1000_tokens: u64,
}

/// What was seen of a check that fails.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The observation, in the form that evidence has.
    pub observation: BTreeMap<String, Fact>,
    /// Why it fails, one line each.
    pub reasons: Vec<String>,
}

/// A runbook that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// The runbook.
    pub runbook: String,
    /// `L1` for a rule's, `L2` for a plan's.
    pub tier: String,
    /// What came of it: `failed`, for nothing is asked after one that helped.
    pub outcome: String,
}

/// A runbook that may be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// Its id.
    pub runbook: String,
    /// What it does.
    pub title: String,
    /// The types of its steps, in order.
    pub steps: Vec<String>,
    /// The checks that decide whether it helped.
    pub verify: Vec<String>,
    /// What came of it before, for this check on this appliance; null where it was never run.
    #[serde(deserialize_with = "nullable")]
    pub past: Option<Past>,
}

/// How often a runbook helped, and how often it did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// Runs after which its checks held.
    pub helped: u32,
    /// Runs after which they did not.
    pub failed: u32,
}

/// The file in which a request lies, or the plan or the verdict that belongs to it; none for an id that cannot be the name of
/// one.
pub fn file_name(id: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let fits = !id.is_empty() && id.len() <= 64 && !id.starts_with('-') && id.chars().all(plain);
    fits.then(|| format!("{id}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_requests_become_names_of_files() {
        assert_eq!(file_name("INC-20261123-0007-1").as_deref(), Some("INC-20261123-0007-1.json"));
        for odd in ["", ".", "..", "-x", ".hidden", "a/b", "a.b", "a\0b", "ü", &*"x".repeat(65)] {
            assert_eq!(file_name(odd), None, "{odd:?}");
        }
    }
}
