//! When what disturbs people may happen.

use serde::{Deserialize, Serialize};

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// What a window allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Activating a new generation.
    Switch,
    /// Booting it.
    Reboot,
    /// Full scans.
    Scan,
    /// Restoring a backup to see whether that works.
    RestoreTest,
}

/// One window, in the site's time zone. It passes midnight where `to` is earlier than `from`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    pub days: Vec<Day>,
    /// When it begins, `HH:MM`.
    pub from: String,
    /// When it ends, `HH:MM`.
    pub to: String,
    /// What may happen in it.
    pub allows: Vec<Work>,
}

/// All windows of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// The windows; none means that nothing has to wait.
    pub windows: Vec<Window>,
}
