//! The policy of one appliance: what the Nix expressions evaluate to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::{self, JsonError, MAX_DOCUMENT};
use writ_trust::time::Time;

use crate::check::Check;
use crate::control::Control;
use crate::duty::Duty;
use crate::exception::Exception;
use crate::rule::Rule;
use crate::runbook::Runbook;
use crate::settings::Settings;

mod v1;

pub use v1::upgrade;

/// The schema that policies are written in.
pub const SCHEMA: &str = "writ.policy.v2";
/// An older schema that is still read.
pub const SCHEMA_V1: &str = "writ.policy.v1";

/// Whether documents of this schema can be read.
pub fn reads(schema: &str) -> bool {
    matches!(schema, SCHEMA | SCHEMA_V1)
}

/// The policy of one appliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Always [`SCHEMA`]: older documents are upgraded when they are read.
    pub schema: String,
    /// The site it belongs to.
    pub site: SiteId,
    /// The appliance it is for.
    pub appliance: ApplianceId,
    /// The baselines it is made of, with their versions.
    pub baselines: BTreeMap<String, String>,
    /// Controls by id.
    pub controls: BTreeMap<String, Control>,
    /// Checks by id.
    pub checks: BTreeMap<String, Check>,
    /// L1 rules by id.
    pub rules: BTreeMap<String, Rule>,
    /// Runbooks by id.
    pub runbooks: BTreeMap<String, Runbook>,
    /// What people do, by id.
    pub duties: BTreeMap<String, Duty>,
    /// Exceptions by id.
    pub exceptions: BTreeMap<String, Exception>,
    /// The symbols that the appliance's system provides to runbooks, sorted.
    pub programs: Vec<String>,
    /// The names of the secrets that the site keeps, sorted.
    pub secrets: Vec<String>,
    /// Those of them that the policy brings, encrypted to this appliance's key: age files (age-encryption.org/v1) in base64, by
    /// name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sealed: BTreeMap<String, String>,
    /// The site's settings.
    pub settings: Settings,
    /// Digest of the RFC 8785 form of `{"rules": …, "runbooks": …}` as the document has them.
    pub rules_version: Digest,
}

/// Why bytes are not a policy that this version can enforce.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The document carries another schema. Not an attack: a newer agent may know it.
    #[error(
        "policy schema {found:?} is neither {SCHEMA:?} nor {SCHEMA_V1:?}, which this version knows; an agent that knows it comes with its closure"
    )]
    UnknownSchema {
        /// The schema it carries.
        found: String,
    },
    /// The bytes are not a policy.
    #[error("policy: {0}")]
    Malformed(#[from] JsonError),
    /// It claims the older schema and has a field that only the newer one has.
    #[error("policy: {field} is no field of {SCHEMA_V1}, which this document says it follows")]
    Foreign {
        /// The field.
        field: String,
    },
    /// `rules_version` does not fit the rules and runbooks.
    #[error("policy: rules_version is {stated}, but its rules and runbooks have {computed}")]
    RulesVersion {
        /// What the document says.
        stated: Digest,
        /// What its rules and runbooks come to.
        computed: Digest,
    },
}

impl Policy {
    /// Reads a policy: strict JSON of at most 4 MiB, a schema that [`reads`] knows, and a `rules_version` that fits
    /// the rules and runbooks as they stand there.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let value = json::parse_value(bytes, MAX_DOCUMENT)?;
        let schema = value.get("schema").and_then(|s| s.as_str()).unwrap_or_default();
        if !reads(schema) {
            return Err(PolicyError::UnknownSchema { found: schema.chars().take(60).collect() });
        }
        let rules = serde_json::json!({ "rules": value.get("rules"), "runbooks": value.get("runbooks") });
        let computed = Digest::of(&json::canonical(&rules));
        let (value, foreign) = v1::upgraded(value);
        if let Some(field) = foreign {
            return Err(PolicyError::Foreign { field });
        }
        let policy: Self = json::from_value(value)?;
        if policy.rules_version != computed {
            return Err(PolicyError::RulesVersion { stated: policy.rules_version, computed });
        }
        Ok(policy)
    }

    /// The controls that a check supports, in order of id.
    pub fn controls_of(&self, check: &str) -> Vec<&str> {
        self.controls.iter().filter(|(_, c)| c.checks.iter().any(|id| id == check)).map(|(id, _)| id.as_str()).collect()
    }

    /// The exception that lifts a check at an instant, by naming it or one of its controls, if any.
    pub fn exception_for_check(&self, check: &str, now: Time) -> Option<(&str, &Exception)> {
        self.exceptions
            .iter()
            .find(|(_, e)| e.in_force(now) && e.check.as_deref() == Some(check))
            .map(|(id, e)| (id.as_str(), e))
    }
}
