//! `mistakes.md`: every kind of mistake that `writ check` finds, as this version of writ has them.

use writ_policy::validate::Level;
use writ_policy::validate::codes::CODES;

use super::markdown::{Target, text};
use super::reference::Reference;

/// The page.
pub fn page(reference: &Reference<'_>) -> String {
    let mut out = "# Mistakes\n\nWhat `writ check` finds, by the code that it prints.\n".to_owned();
    for code in CODES {
        out += &format!("\n{}\n", reference.links.heading(2, Target::Code, code.name, code.title));
        let level = if code.level == Level::Error { "error" } else { "warning" };
        let only = if code.documents_only { "; only in documents that the policy library did not write" } else { "" };
        out += &format!("- {level}{only}\n- {}\n", text(code.help));
    }
    out
}
