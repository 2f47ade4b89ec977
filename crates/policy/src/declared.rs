//! Where in the Nix source a thing was asked for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// File (relative to the flake) and line (from 1) of the Nix that declared something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredAt {
    /// Path relative to the flake's root, with `/`.
    pub file: String,
    /// Line, counted from 1.
    pub line: u32,
}

impl fmt::Display for DeclaredAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// How bad it is when something does not hold; the order is from least to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Minor issue, a workaround exists.
    Low,
    /// Partial impact.
    Medium,
    /// Major function impaired.
    High,
    /// System down or data at risk.
    Critical,
}

impl Severity {
    /// Every severity, from least to worst.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name as documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
