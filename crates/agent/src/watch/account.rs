//! What is known of each source of events: whether it tells, and if not, why not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// How it stands with one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Why it tells nothing, so that what it is about is found by polling alone; none while it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polling: Option<String>,
    /// What is watched: folders of inotify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watches: Option<u64>,
    /// What could not be watched, and is polled.
    #[serde(default)]
    pub missing: u64,
    /// Events that were not told because there were too many.
    #[serde(default)]
    pub dropped: u64,
    /// Why something could not be watched; none where all is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Standing {
    /// Of a source that tells nothing, for this reason.
    pub fn polling(why: impl Into<String>) -> Self {
        Self { polling: Some(why.into()), ..Self::default() }
    }
}

/// How it stands with each source that something is wanted of, by name. Copies are of one and the same account.
#[derive(Debug, Clone, Default)]
pub struct Account(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    wanted: BTreeSet<&'static str>,
    standings: BTreeMap<&'static str, Standing>,
    /// Counts changes.
    changes: u64,
}

impl Account {
    /// Something is wanted of these sources, and of no others.
    pub fn want(&self, names: BTreeSet<&'static str>) {
        let mut inner = self.lock();
        if inner.wanted != names {
            inner.changes += 1;
            inner.wanted = names;
        }
    }

    /// How it stands with a source from now on.
    pub fn put(&self, name: &'static str, standing: Standing) {
        let mut inner = self.lock();
        if inner.standings.get(name) != Some(&standing) {
            inner.changes += 1;
            inner.standings.insert(name, standing);
        }
    }

    /// Each source that something is wanted of.
    pub fn standings(&self) -> BTreeMap<&'static str, Standing> {
        let inner = self.lock();
        let wanted = inner.standings.iter().filter(|(name, _)| inner.wanted.contains(*name));
        wanted.map(|(name, standing)| (*name, standing.clone())).collect()
    }

    /// How often it has changed.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
