//! What people turned down of what was learned, for commands that tell of it.

use std::path::PathBuf;

use writ_audit::decided::{MAX_REJECTED, rejected};
use writ_audit::learn::Decisions;

use crate::failure::{Failure, Outcome};
use crate::files;

/// Where that stands.
#[derive(Debug, clap::Args)]
pub struct Rejected {
    /// What people turned down of what was learned: what `nix eval --json --file rules/learned/rejected.nix` prints
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

impl Rejected {
    /// What they turned down; nothing where nobody says.
    pub fn decisions(&self) -> Outcome<Decisions> {
        let Some(path) = &self.rejected else { return Ok(Decisions::default()) };
        let bytes = files::read(path, MAX_REJECTED, "the list of rejected patterns")?;
        rejected(&bytes).map_err(|error| {
            let failure = Failure::could_not("the list of rejected patterns cannot be read").at(path.display());
            failure.because(error).next("make it with: nix eval --json --file rules/learned/rejected.nix")
        })
    }
}
