//! A folder of proposals: `<id>.json`, written by anybody, so all of it is taken for hostile.

use std::path::Path;

use serde::Serialize;
use writ_agent::enforce::hostile;
use writ_evidence::IncidentId;
use writ_trust::text::{escaped, one_line};
use writ_wire::proposal::{MAX_PROPOSAL, Proposal};

use crate::failure::{Failure, Outcome};

/// How many proposals are read.
const MOST: usize = 1_000;

/// A file that is no proposal.
#[derive(Debug, Clone, Serialize)]
pub struct Unusable {
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    pub why: String,
}

/// The proposals of a folder by their ids, and what is none.
pub fn read(folder: &Path) -> Outcome<(Vec<Proposal>, Vec<Unusable>)> {
    // Whoever runs this chose the folder; what is in it they did not.
    std::fs::read_dir(folder).map_err(|e| {
        let failure = Failure::could_not("cannot open the folder of proposals").at(folder.display()).because(e);
        failure.next("it is the one that `writ mcp` was given")
    })?;
    let mut names: Vec<String> = hostile::names(folder);
    names.retain(|name| name.starts_with("P-") && name.ends_with(".json"));
    names.sort_unstable();
    let (mut proposals, mut unusable) = (Vec::new(), Vec::new());
    for name in names.iter().take(MOST) {
        match one(folder, name) {
            Ok(proposal) => proposals.push(proposal),
            Err(why) => unusable.push(Unusable { file: escaped(name), why: one_line(why) }),
        }
    }
    if let Some(left) = names.len().checked_sub(MOST).filter(|left| *left > 0) {
        unusable.push(Unusable { file: "…".to_owned(), why: format!("{left} more files are not looked at") });
    }
    proposals.sort_by_key(|proposal| proposal.proposed_at);
    Ok((proposals, unusable))
}

fn one(folder: &Path, name: &str) -> Result<Proposal, String> {
    let bytes = hostile::read(&folder.join(name), MAX_PROPOSAL).map_err(|e| format!("it cannot be read: {e}"))?;
    let proposal = Proposal::parse(&bytes).map_err(|e| format!("it is no proposal: {e}"))?;
    if let Some(what) = proposal.excess() {
        return Err(format!("its {what} is too long, no plain text, or not what it says"));
    }
    if proposal.file_name() != name {
        return Err(format!("it is {}, under the name of another", proposal.id));
    }
    if proposal.incident.as_ref().is_some_and(|incident| incident.parse::<IncidentId>().is_err()) {
        return Err("its incident is none".to_owned());
    }
    Ok(proposal)
}
