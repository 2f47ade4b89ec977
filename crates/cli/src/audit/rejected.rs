//! What people turned down of what was learned, for commands that tell of it.

use std::path::PathBuf;

use writ_audit::decided::{MAX_REJECTED, rejected};
use writ_audit::learn::Decisions;

use crate::failure::{Failure, Outcome};
use crate::files;
use crate::learn::rejected::Rejected as Kept;

/// Where that stands.
#[derive(Debug, clap::Args)]
pub struct Rejected {
    /// What people turned down of what was learned: rules/learned/rejected.nix of the tree of policy, or its JSON
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

impl Rejected {
    /// What they turned down; nothing where nobody says.
    pub fn decisions(&self) -> Outcome<Decisions> {
        let Some(path) = &self.rejected else { return Ok(Decisions::default()) };
        let bytes = files::read(path, MAX_REJECTED, "the list of rejected patterns")?;
        let read = match path.extension().is_some_and(|ending| ending == "nix") {
            true => as_it_stands(bytes),
            false => rejected(&bytes).map_err(|error| error.to_string()),
        };
        read.map_err(|why| {
            let failure = Failure::could_not("the list of rejected patterns cannot be read").at(path.display());
            failure.because(why).next("name rules/learned/rejected.nix of the tree of policy")
        })
    }
}

fn as_it_stands(bytes: Vec<u8>) -> Result<Decisions, String> {
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    let kept = Kept::parse(text)?;
    Ok(Decisions { rejected: kept.entries.into_iter().map(|entry| entry.id).collect() })
}
