//! What a key of the trust root may do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A key's role. A threshold is counted per role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Signs trust roots.
    Trust,
    /// Signs releases.
    Release,
    /// Signs orders to appliances.
    Order,
    /// Signs a site log's checkpoints.
    Log,
    /// Signs the store paths of a binary cache.
    Cache,
    /// Signs requests to read what a depot keeps.
    Read,
    /// Signs what a person attaches to the evidence.
    Attest,
}

impl Role {
    /// Every role, in the order that people list them.
    pub const ALL: [Self; 7] =
        [Self::Trust, Self::Release, Self::Order, Self::Log, Self::Cache, Self::Read, Self::Attest];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trust => "trust",
            Self::Release => "release",
            Self::Order => "order",
            Self::Log => "log",
            Self::Cache => "cache",
            Self::Read => "read",
            Self::Attest => "attest",
        })
    }
}

impl std::str::FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL
            .into_iter()
            .find(|role| role.to_string() == text)
            .ok_or_else(|| RoleError(text.chars().take(40).collect()))
    }
}

/// Why a string is not a [`Role`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role: expected trust, release, order, log, cache, read or attest")]
pub struct RoleError(String);
