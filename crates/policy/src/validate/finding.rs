//! What validation says: data, so that the same finding can be printed, counted, merged and tested.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::declared::DeclaredAt;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The policy cannot be released.
    Error,
    /// Probably not what was meant.
    Warning,
}

/// Which part of the last step of a finding's path is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The name that stands there.
    Key,
    /// The value that the name has.
    Value,
}

/// Another place that explains a finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Related {
    /// Where the item is declared.
    pub at: DeclaredAt,
    /// Keys from the policy's root to the value that is meant.
    pub path: Vec<String>,
    /// What stands there.
    pub label: String,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// Stable name of the kind of mistake, for instance `dangling-reference`.
    pub code: Cow<'static, str>,
    /// Whether it stands in the way of a release.
    pub severity: Level,
    /// One sentence for people.
    pub message: String,
    /// What would be right.
    pub expected: Option<String>,
    /// The known name nearest to the one given.
    pub nearest: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Keys and list positions from the policy's root, for instance `["checks", "file.motd", "expect", "mode", "eq"]`.
    pub path: Vec<String>,
    /// Which part of the path's last step is wrong.
    pub part: Part,
    /// Where the item is declared.
    pub declared_at: Option<DeclaredAt>,
    /// Other places that explain it.
    pub related: Vec<Related>,
}

impl Finding {
    /// An error about the value at a path.
    pub fn error(code: &'static str, path: Vec<String>, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            severity: Level::Error,
            message: message.into(),
            expected: None,
            nearest: None,
            help: None,
            path,
            part: Part::Value,
            declared_at: None,
            related: Vec::new(),
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Level::Warning;
        self
    }

    /// The key is wrong, not its value.
    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.part = Part::Key;
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Names the nearest of the known names.
    #[must_use]
    pub fn nearest<'n>(mut self, given: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        self.nearest = crate::nearest::nearest(given, known).map(str::to_owned);
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, at: Option<DeclaredAt>, path: Vec<String>, label: impl Into<String>) -> Self {
        self.related.extend(at.map(|at| Related { at, path, label: label.into() }));
        self
    }
}

/// What is expected where one of these names fits.
pub(crate) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let several = if names.len() > 1 { "one of " } else { "" };
    format!("{several}{}", listed(names))
}

/// Names as a list for people: at most eight of them.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = names.iter().take(MOST).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}
