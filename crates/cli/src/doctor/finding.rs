//! What is wrong or worth knowing: which question it answers, what it is, and what to do next.

use serde::Serialize;

/// The questions that are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// Do the programs run?
    Running,
    /// Do releases come in, and does evidence go out?
    Syncing,
    /// Is what fails repaired?
    Healing,
    /// Which checks do not count on this machine, and why?
    Applicable,
}

impl Question {
    /// Every question, in the order in which they are answered.
    pub const ALL: [Self; 4] = [Self::Running, Self::Syncing, Self::Healing, Self::Applicable];

    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Syncing => "syncing",
            Self::Healing => "healing",
            Self::Applicable => "applicable",
        }
    }

    /// The heading over its findings.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Syncing => "Syncing",
            Self::Healing => "Healing",
            Self::Applicable => "Applicable",
        }
    }
}

/// Whether somebody has to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// It is as it should not be.
    Wrong,
    /// It explains something, and is as it should be.
    Note,
}

/// One cause.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Which question it answers.
    pub question: Question,
    /// Its name, the same in every version.
    pub code: &'static str,
    /// What it is about: a program, a release, a check, a rule.
    pub subject: String,
    /// Whether somebody has to do something.
    pub weight: Weight,
    /// What is so, in one line.
    pub what: String,
    /// What to do next, in one line; empty where there is nothing to do.
    pub next: String,
}

impl Finding {
    /// Something that is wrong.
    pub fn wrong(
        question: Question,
        code: &'static str,
        subject: &str,
        what: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            question,
            code,
            subject: subject.to_owned(),
            weight: Weight::Wrong,
            what: what.into(),
            next: next.into(),
        }
    }

    /// Something that is good to know.
    pub fn note(
        question: Question,
        code: &'static str,
        subject: &str,
        what: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { weight: Weight::Note, ..Self::wrong(question, code, subject, what, next) }
    }

    /// Whether it is wrong.
    pub fn is_wrong(&self) -> bool {
        self.weight == Weight::Wrong
    }

    /// Whether nobody has to do anything but wait: then that is how what to do next begins.
    pub fn waits(&self) -> bool {
        self.next.starts_with("wait")
    }
}
