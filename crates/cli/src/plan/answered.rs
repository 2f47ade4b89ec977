//! What people made of a proposal, written down in the folder of proposals: `answered/<name>.json`.
//!
//! An answer is written once, and before anything comes of it: it names the orders that are to be made, so whoever is cut off in
//! between gets these very orders from the same command, and nobody else answers otherwise meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use writ_agent::enforce::hostile;
use writ_trust::json;
use writ_trust::order::OrderId;
use writ_trust::text::{escaped, one_line};
use writ_trust::time::Time;
use writ_wire::plan_request::file_name;

use super::found::{Kept, Source};
use crate::failure::{Failure, Outcome};
use crate::files;

/// The folder within.
const FOLDER: &str = "answered";
/// The schema of the document.
const SCHEMA: &str = "writ.proposal-answered.v1";
/// The largest such document that is read, in bytes: what an appliance told of orders is in it too.
const MAX_ANSWER: usize = 1024 * 1024;

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// Orders were made.
    Approved,
    /// Nothing is to be run.
    Rejected,
    /// Something lies there that says neither of this very plan.
    Unreadable,
}

/// An answer as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Written {
    /// What was answered.
    pub answer: Answered,
    /// Why.
    pub reason: String,
    /// When; the orders were made then.
    #[serde(default)]
    pub at: Option<Time>,
    /// When the orders expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// The orders, one for each runbook.
    pub orders: Vec<OrderId>,
}

impl Written {
    /// The same in words, in one line.
    pub fn told(&self) -> String {
        let at = self.at.map_or_else(String::new, |at| format!(" {at}"));
        match self.answer {
            Answered::Approved => {
                let orders: Vec<&str> = self.orders.iter().map(OrderId::as_str).collect();
                format!("approved{at}: {}", orders.join(", "))
            }
            Answered::Rejected => format!("rejected{at}: {}", escaped(&self.reason)),
            Answered::Unreadable => format!("nobody can say how: {}", escaped(&self.reason)),
        }
    }
}

/// The document.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    written: &'a Written,
    proposal: &'a Kept,
}

/// The name of a proposal's file there: of evidence several appliances may have the same id.
fn path(folder: &Path, one: &Kept) -> Option<PathBuf> {
    let name = file_name(&one.id)?;
    Some(folder.join(FOLDER).join(match one.source {
        Source::Queue => name,
        Source::Evidence => format!("{}.{}.{name}", one.site, one.appliance),
    }))
}

/// What is written down about a proposal.
pub fn read(folder: &Path, one: &Kept) -> Option<Written> {
    let path = path(folder, one)?;
    // Approvals of what is in evidence had a name of their own once.
    let once = path.with_extension("approved.json");
    let is_there = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    let there = [path, once].into_iter().find(is_there)?;
    let unreadable =
        |why| Written { answer: Answered::Unreadable, reason: why, at: None, expires_at: None, orders: Vec::new() };
    Some(parse(&there, one).unwrap_or_else(unreadable))
}

fn parse(path: &Path, one: &Kept) -> Result<Written, String> {
    let bytes = hostile::read(path, MAX_ANSWER).map_err(|e| format!("the answer cannot be read: {e}"))?;
    let value = json::parse_value(&bytes, MAX_ANSWER).map_err(|e| format!("it is no answer: {}", one_line(e)))?;
    if value.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
        return Err("it is no answer".to_owned());
    }
    // Orders of one id are to be the same orders: an appliance that begins anew counts its incidents anew.
    let same = ["id", "site", "appliance", "bundle_id", "check", "runbooks"];
    let now = serde_json::to_value(one).map_err(|e| e.to_string())?;
    let then = value.get("proposal");
    if same.iter().any(|&name| then.and_then(|then| then.get(name)) != now.get(name)) {
        return Err("it is of another plan of this name".to_owned());
    }
    json::from_value(value).map_err(|e| format!("it is no answer: {}", one_line(e)))
}

/// Writes an answer down, unless it was read from there.
pub fn write(folder: &Path, one: &Kept, written: &Written) -> Outcome<PathBuf> {
    let no_name = || Failure::could_not("the id of the proposal cannot be the name of a file");
    let path = path(folder, one).ok_or_else(no_name)?;
    if one.answered.is_some() {
        return Ok(path);
    }
    let document = Document { schema: SCHEMA, written, proposal: one };
    files::make_directory(files::parent_of(&path))?;
    let mut bytes = serde_json::to_vec_pretty(&document)
        .map_err(|e| Failure::could_not("the answer cannot be written").caused_by(&e))?;
    bytes.push(b'\n');
    if files::create(&path, &bytes, 0o644, "the answer")? {
        return Ok(path);
    }
    Err(Failure::refused(format!("{} was answered by somebody else just now", one.id))
        .at(path.display())
        .next("see what they said: writ plan show"))
}

/// Takes a proposal of the folder away from those that wait: all that was answered is done.
pub fn done(folder: &Path, one: &Kept) -> Outcome<()> {
    let Some(name) = file_name(&one.id).filter(|_| one.source == Source::Queue) else { return Ok(()) };
    let waits = folder.join(name);
    writ_durable::remove(&waits).map_err(|e| {
        Failure::could_not("the proposal cannot be taken away from those that wait").at(waits.display()).because(e)
    })
}
