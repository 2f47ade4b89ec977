//! What the enforcer has looked at over the network (`writ.asks.v1`), in `asks/asks.json` of the spool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json;
use writ_trust::time::Span;

use crate::releases::ReleaseRef;
use crate::shape::{document, nullable};

/// The largest such document, in bytes.
pub const MAX_ASKS: usize = 1024 * 1024;

/// What is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// Always `writ.asks.v1`.
    pub schema: AsksSchema,
    /// The site.
    pub site: SiteId,
    /// The appliance.
    pub appliance: ApplianceId,
    /// The release whose policy asks; null before the first.
    #[serde(deserialize_with = "nullable")]
    pub release: Option<ReleaseRef>,
    /// One for each check that is looked at over the network.
    pub asks: BTreeMap<String, Ask>,
}

document!(Asks, AsksSchema, ASKS_SCHEMA, "writ.asks.v1", MAX_ASKS);

/// One check, as far as whoever looks has to know it: what is expected is none of its business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The probe, for instance `reachable`.
    pub probe: String,
    /// Its parameters.
    pub parameters: Map<String, Value>,
    /// How often it looks, at least.
    pub every: Span,
}

impl Ask {
    /// What a look at it names.
    pub fn call(&self) -> Digest {
        call_digest(&self.probe, &self.parameters)
    }
}

/// The digest of a call: of the RFC 8785 form of its `probe` and `parameters`.
pub fn call_digest(probe: &str, parameters: &Map<String, Value>) -> Digest {
    #[derive(Serialize)]
    struct Call<'a> {
        probe: &'a str,
        parameters: &'a Map<String, Value>,
    }
    Digest::of(&json::canonical(&Call { probe, parameters }))
}
