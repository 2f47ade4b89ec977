//! That nothing could be looked at, as a mistake: a program that reads only findings must not take silence for success.

use std::collections::BTreeSet;

use writ_policy::validate::Level;

use super::mistake::Mistake;
use crate::failure::Failure;

/// The code of it.
pub const CODE: &str = "not-evaluated";

/// A failure of the whole command.
pub fn failed(failure: &Failure) -> Mistake {
    mistake(failure.to_string(), failure.advice().map(str::to_owned))
}

/// More files than these cannot be evaluated.
pub fn too_many(files: usize) -> Mistake {
    mistake(
        format!("more than {files} files cannot be evaluated: nothing else was looked at"),
        Some("mend those that are named first, and run it again".to_owned()),
    )
}

fn mistake(message: String, help: Option<String>) -> Mistake {
    Mistake {
        code: CODE.to_owned(),
        severity: Level::Error,
        message,
        expected: None,
        nearest: None,
        help,
        path: Vec::new(),
        place: None,
        related: Vec::new(),
        appliances: BTreeSet::new(),
    }
}
