//! `writ export`: what a tree of policy says, in forms that others read.

mod alerts;
mod docs;

use crate::failure::Outcome;

/// Write out what a tree of policy says, in forms that others read
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Alerts(alerts::Arguments),
    Docs(docs::Arguments),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self {
            Self::Alerts(arguments) => arguments.run(),
            Self::Docs(arguments) => arguments.run(),
        }
    }
}
