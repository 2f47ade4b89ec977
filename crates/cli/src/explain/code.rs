//! A kind of mistake, as `writ check` names it: what it is, why it matters, and what to do about it.

use serde::Serialize;
use writ_policy::validate::Level;
use writ_policy::validate::codes::code;

use super::page::Page;
use super::{Details, Explanation, Kind};

/// A kind of mistake.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// Whether it stands in the way of a release.
    pub level: Level,
    /// Why it matters, and what to do about it.
    pub help: String,
    /// Whether only a document that the policy library did not write can have it.
    pub documents_only: bool,
}

/// Explains a code.
pub fn explain(id: &str) -> Option<Explanation> {
    let code = code(id)?;
    let details = Explained { level: code.level, help: code.help.to_owned(), documents_only: code.documents_only };
    Some(Explanation::of(Kind::Code, id, code.title, Details::Code(details)))
}

impl Explained {
    /// In a few words, for the head of the page.
    pub fn summary(&self) -> String {
        match self.level {
            Level::Error => "error: it stands in the way of a release".to_owned(),
            Level::Warning => "warning: a finding only where warnings are denied".to_owned(),
        }
    }

    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        page.section("What to do");
        page.text(2, &self.help);
        if self.documents_only {
            page.text(2, "Only a document that the policy library did not write can have it.");
        }
    }
}
