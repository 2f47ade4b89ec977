//! `writ.advisories.v1`: flaws that are known, for whoever builds systems to lay into their closures.

use serde::Deserialize;
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::time::Time;

use super::version;

const SCHEMA: &str = "writ.advisories.v1";

/// One file of advisories.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisories {
    schema: String,
    /// When this was the state of what is known.
    pub issued_at: Time,
    /// Where it comes from, for people.
    #[serde(rename = "source")]
    _source: String,
    /// The flaws.
    pub advisories: Vec<Advisory>,
}

/// One flaw in one package.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// Its name, such as `CVE-2026-12345`.
    #[serde(rename = "id")]
    _id: String,
    /// The package, as its store path names it.
    pub package: String,
    /// The first version without it; null where there is none yet.
    fixed_in: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// When it was published.
    pub published_at: Time,
    /// Whether it is known to be exploited.
    pub exploited: bool,
}

/// How bad a flaw is, as patch policies call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be repaired within days.
    Critical,
    /// Within weeks.
    Important,
    /// When there is time.
    Optional,
}

impl Advisories {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, as text.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value = json::parse_value(bytes, MAX_DOCUMENT).map_err(|e| e.to_string())?;
        let parsed: Self = serde_json::from_value(value).map_err(|e| e.to_string())?;
        if parsed.schema != SCHEMA {
            let found: String = parsed.schema.chars().take(60).collect();
            return Err(format!("schema {found:?} is not {SCHEMA:?}"));
        }
        if let Some(flaw) = parsed.advisories.iter().find(|flaw| flaw.package.is_empty()) {
            return Err(format!("an advisory of {} names no package", flaw.published_at));
        }
        Ok(parsed)
    }
}

impl Advisory {
    /// Whether its package has the flaw in this version.
    pub fn is_in(&self, installed: &str) -> bool {
        self.fixed_in.as_ref().is_none_or(|fixed| version::is_older(installed, fixed))
    }
}
