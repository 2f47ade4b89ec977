//! What people made of a proposal, written down in the folder of proposals: `answered/<name>.json`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use writ_trust::order::OrderId;
use writ_trust::time::Time;

use super::found::{Kept, Source};
use crate::failure::{Failure, Outcome};
use crate::{clock, files};

/// The folder within.
const FOLDER: &str = "answered";

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// Orders were made.
    Approved,
    /// Nothing is to be run.
    Rejected,
}

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    answer: Answered,
    reason: &'a str,
    at: Time,
    orders: &'a [OrderId],
    proposal: &'a Kept,
}

/// The name of a proposal's file there: of evidence several appliances may have the same id.
fn path(folder: &Path, answer: Answered, one: &Kept) -> PathBuf {
    let name = match (one.source, answer) {
        (Source::Queue, _) => format!("{}.json", one.id),
        (Source::Evidence, Answered::Rejected) => format!("{}.{}.{}.json", one.site, one.appliance, one.id),
        (Source::Evidence, Answered::Approved) => format!("{}.{}.{}.approved.json", one.site, one.appliance, one.id),
    };
    folder.join(FOLDER).join(name)
}

/// Whether a proposal of evidence was rejected.
pub fn is_rejected(folder: &Path, one: &Kept) -> bool {
    fs::symlink_metadata(path(folder, Answered::Rejected, one)).is_ok_and(|found| found.is_file())
}

/// Writes an answer down, and takes a proposal of the folder away from those that wait. Cut off in between, the same command does
/// the rest.
pub fn write(folder: &Path, one: &Kept, answer: Answered, reason: &str, orders: &[OrderId]) -> Outcome<PathBuf> {
    let path = path(folder, answer, one);
    let document =
        Document { schema: "writ.proposal-answered.v1", answer, reason, at: clock::now(), orders, proposal: one };
    files::make_directory(files::parent_of(&path))?;
    let mut bytes = serde_json::to_vec_pretty(&document)
        .map_err(|e| Failure::could_not("the answer cannot be written").caused_by(&e))?;
    bytes.push(b'\n');
    files::replace(&path, &bytes, 0o644, "the answer")?;
    if one.source == Source::Queue {
        let waits = folder.join(format!("{}.json", one.id));
        fs::remove_file(&waits).map_err(|e| {
            Failure::could_not("the proposal cannot be taken away from those that wait").at(waits.display()).because(e)
        })?;
    }
    Ok(path)
}
