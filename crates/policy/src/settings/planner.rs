//! Whether something that is no rule may choose among signed runbooks.

use serde::{Deserialize, Serialize};

/// When people look at what a planner chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Review {
    /// Before it runs.
    Before,
    /// After it ran.
    After,
    /// Not at all.
    Never,
}

/// What a site allows a planner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planner {
    /// Whether there may be one.
    pub enabled: bool,
    /// When people look at what it chose.
    pub review: Review,
}
