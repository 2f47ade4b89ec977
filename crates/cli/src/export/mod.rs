//! `writ export`: what a tree of policy says, in forms that other tools read.

mod alerts;

use crate::failure::Outcome;

/// Write out what a tree of policy says, in forms that other tools read
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Alerts(alerts::Arguments),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self {
            Self::Alerts(arguments) => arguments.run(),
        }
    }
}
