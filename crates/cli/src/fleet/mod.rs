//! `writ fleet`: who runs what, who gets a release when, and letting a ring have it.

mod against;
mod look;
mod promote;
mod report;
mod standing;
mod status;
mod table;

use crate::failure::Outcome;

/// See who runs what, and let a ring have the newest release
///
/// Where site.nix has rings, a release says for each appliance from when on it may take it up, and people sign that. The first
/// ring tries it; the others come by time, or once people have signed a promotion. An appliance that has not yet heard of its
/// time obeys the release before.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Status(status::Arguments),
    Promote(promote::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::Status(arguments) => arguments.run(),
            Self::Promote(arguments) => arguments.run(),
        }
    }
}
