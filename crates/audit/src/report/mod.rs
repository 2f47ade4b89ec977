//! Telling the result: one format per file, each a pure function of the comparison, so that the same evidence always
//! gives the same bytes.

mod csv;
mod doubt;
pub mod html;
pub mod json;
pub mod junit;
pub mod openmetrics;
pub mod oscal;
pub mod packet;
pub mod rows_csv;
pub mod sarif;
pub mod terminal;
pub mod uri;
pub mod verify_page;

use crate::verify::VerifyReport;
use crate::words::of;

/// What was verified, in numbers.
pub(crate) fn counted(report: &VerifyReport) -> String {
    let [bundles, documents, roots] =
        [(report.bundles, "evidence bundle"), (report.documents, "document"), (report.roots.len(), "trust root")]
            .map(|(n, thing)| of(n as u64, thing));
    format!("{bundles}, {documents} and {roots}")
}
