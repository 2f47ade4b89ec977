//! `writ keys`: the life of a key, from the day it is made to the archive.

mod age;
mod archive;
mod change;
mod new;
pub mod register;
mod revoke;
mod roots;
mod rotate;
mod show;

use crate::failure::Outcome;

/// Make, inspect, replace, revoke and archive keys in minisign's format
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    New(new::Arguments),
    Show(show::Arguments),
    Age(age::Arguments),
    Rotate(rotate::Arguments),
    Revoke(revoke::Arguments),
    Archive(archive::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::New(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
            Self::Age(arguments) => arguments.run(),
            Self::Rotate(arguments) => arguments.run(),
            Self::Revoke(arguments) => arguments.run(),
            Self::Archive(arguments) => arguments.run(),
        }
    }
}
