//! What a site lives without for a while: why, at what risk, what is done instead, and who answers for it.

use super::super::model::{Section, Shape, Table, instant, text};
use super::super::site::Site;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("exceptions", "Exceptions and risks");
    let all = &site.whole.exceptions;
    let in_force = all.iter().filter(|e| e.in_force).count();
    section.say(format!(
        "{in_force} of {} exceptions that policies of the period name are in force at its end.",
        all.len()
    ));
    let mut table = Table::new(
        "exceptions",
        "Exceptions: what they lift, the risk, and what is done instead",
        &[
            ("Exception", Shape::Words),
            ("Lifts", Shape::Words),
            ("In force", Shape::Words),
            ("Approved", Shape::Words),
            ("By", Shape::Words),
            ("Expires", Shape::Words),
            ("Owner of the risk", Shape::Words),
            ("Reason", Shape::Words),
            ("Risk", Shape::Words),
            ("Done instead", Shape::Words),
            ("Changes the verdict on", Shape::Words),
            ("Approval document", Shape::Code),
        ],
    );
    for finding in all {
        let exception = &finding.exception;
        let lifts = exception.control.iter().map(|c| format!("control {c}"));
        let lifts: Vec<String> = lifts.chain(exception.check.iter().map(|c| format!("check {c}"))).collect();
        table.row(vec![
            text(&finding.id),
            text(lifts.join(", ")),
            text(if finding.in_force { "yes" } else { "no" }),
            instant(Some(exception.approved_at)),
            text(&exception.approved_by),
            instant(Some(exception.expires)),
            text(&exception.owner),
            text(&exception.reason),
            text(&exception.risk),
            text(&exception.compensating),
            text(if finding.changes.is_empty() { "no control".to_owned() } else { finding.changes.join(", ") }),
            text(exception.approval),
        ]);
    }
    section.table(table, "The site has no exceptions.");
    section
}
