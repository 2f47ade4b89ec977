//! `writ export`: what others build on, as files.

mod schema;

use crate::failure::Outcome;

/// Write references, schemas and alert rules as files
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Schema(schema::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::Schema(arguments) => arguments.run(),
        }
    }
}
