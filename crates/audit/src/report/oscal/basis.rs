//! What a document about evidence rests on: whether the folder verified, and what of it could not be judged.

use super::common::{Metadata, Property};
use super::text::{markup, paragraphs};
use crate::verify::VerifyReport;

/// The most problems that are named; the folder's own report has all.
const MOST_NAMED: usize = 20;

/// What a document rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// Whether the folder verified.
    pub verified: bool,
    /// What must be known of that, as markup; empty where nothing must.
    pub remarks: String,
}

impl Basis {
    /// What a report on a folder comes to, and further things to know.
    pub fn new(report: &VerifyReport, more: impl IntoIterator<Item = String>) -> Self {
        let mut said = Vec::new();
        if !report.ok {
            said.push(
                "The folder that this was made from does NOT verify: what it says may be incomplete or altered, and nothing in \
                 it counts as satisfied."
                    .to_owned(),
            );
            let bad = report.problems.list.iter().filter(|p| p.weight == crate::problem::Weight::Bad);
            said.extend(
                bad.take(MOST_NAMED)
                    .map(|p| markup(format!("{} at {}: {}. {}.", p.code, p.path, p.what, p.consequence))),
            );
        }
        if !report.pinned {
            said.push(
                "The first trust root was taken from the folder itself, not given from outside of it.".to_owned(),
            );
        }
        said.extend(more.into_iter().map(markup));
        Self { verified: report.ok, remarks: paragraphs(said) }
    }

    /// Says so in the head of a document.
    pub fn told_in(&self, metadata: &mut Metadata) {
        metadata.props.push(Property::ours("verified", self.verified));
        metadata.remarks = self.said();
    }

    /// The remarks, if there are any.
    pub fn said(&self) -> Option<String> {
        (!self.remarks.is_empty()).then(|| self.remarks.clone())
    }
}
