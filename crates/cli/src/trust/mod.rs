//! `writ trust`: whose keys may do what, and how many of them it takes.

pub mod draft;
pub mod folder;
mod init;
mod next;
mod publish;
mod show;
mod sign;
pub mod why;

use crate::failure::Outcome;

/// Make, sign, inspect and publish trust roots: whose keys may do what, and how many it takes
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Init(init::Arguments),
    Next(next::Arguments),
    Sign(sign::Arguments),
    Show(show::Arguments),
    Publish(publish::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::Init(arguments) => arguments.run(),
            Self::Next(arguments) => arguments.run(),
            Self::Sign(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
            Self::Publish(arguments) => arguments.run(),
        }
    }
}
