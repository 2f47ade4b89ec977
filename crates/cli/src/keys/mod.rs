//! `writ keys`: making keys and looking at them.

mod new;
mod show;

use crate::failure::Outcome;

/// Make and inspect keys in minisign's format
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    New(new::Arguments),
    Show(show::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::New(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
        }
    }
}
