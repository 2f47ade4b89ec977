//! `writ export`: what a tree of policy says, in forms that others read.

mod alerts;
mod docs;
mod schema;
mod verify_page;

use crate::failure::Outcome;

/// Write references, schemas and alert rules as files
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Docs(docs::Arguments),
    Schema(schema::Arguments),
    Alerts(alerts::Arguments),
    VerifyPage(verify_page::Arguments),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self {
            Self::Docs(arguments) => arguments.run(),
            Self::Schema(arguments) => arguments.run(),
            Self::Alerts(arguments) => arguments.run(),
            Self::VerifyPage(arguments) => arguments.run(),
        }
    }
}
