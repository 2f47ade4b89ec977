//! What a verification found, in order, for people and for programs.

use serde::Serialize;
use writ_trust::text::escaped;
use writ_trust::time::Time;

use crate::screen;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Verified,
    Failed,
    NotVerified,
}

#[derive(Debug, Serialize)]
struct Finding {
    state: State,
    subject: String,
    what: String,
}

/// Findings in the order in which they were made.
#[derive(Debug)]
pub struct Findings {
    /// The instant that everything is judged by.
    pub now: Time,
    all: Vec<Finding>,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    holds: bool,
    at: Time,
    findings: &'a [Finding],
}

impl Findings {
    /// No findings yet.
    pub fn new(now: Time) -> Self {
        Self { now, all: Vec::new() }
    }

    /// Something was proven.
    pub fn verified(&mut self, subject: &str, what: impl Into<String>) {
        self.push(State::Verified, subject, what.into());
    }

    /// Something does not hold.
    pub fn failed(&mut self, subject: &str, what: impl Into<String>) {
        self.push(State::Failed, subject, what.into());
    }

    /// Something was not looked at, or cannot be: never a pass.
    pub fn not_verified(&mut self, subject: &str, what: impl Into<String>) {
        self.push(State::NotVerified, subject, what.into());
    }

    fn push(&mut self, state: State, subject: &str, what: String) {
        self.all.push(Finding { state, subject: subject.to_owned(), what });
    }

    /// Whether nothing failed.
    pub fn hold(&self) -> bool {
        self.all.iter().all(|finding| finding.state != State::Failed)
    }

    /// Prints them.
    pub fn print(&self, json: bool) {
        if json {
            let report = Report { schema: "writ.verify.v1", holds: self.hold(), at: self.now, findings: &self.all };
            screen::json(&report);
            return;
        }
        for Finding { state, subject, what } in &self.all {
            let (style, word) = match state {
                State::Verified => (screen::GREEN, "verified    "),
                State::Failed => (screen::RED, "FAILED      "),
                State::NotVerified => (screen::YELLOW, "not verified"),
            };
            // Both may quote what lies in a folder that nobody vouches for.
            screen::line(&format!("{}  {}: {}", screen::paint(style, word), escaped(subject), escaped(what)));
        }
        let count = |state| self.all.iter().filter(|f| f.state == state).count();
        screen::line(&format!(
            "{} verified, {} failed, {} not verified",
            count(State::Verified),
            count(State::Failed),
            count(State::NotVerified)
        ));
    }
}
