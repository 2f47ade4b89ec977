//! `writ secret`: what an appliance must know and nobody else, as age files that only it can decrypt.

mod chosen;
mod identity;
mod list;
pub mod place;
mod rotate;
mod set;
mod state;
mod value;
mod write;

pub use self::state::{State, state};

use crate::failure::Outcome;

/// Set, list and rotate secrets, which only the appliance can decrypt
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Identity(identity::Arguments),
    Set(set::Arguments),
    List(list::Arguments),
    Rotate(rotate::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::Identity(arguments) => arguments.run(),
            Self::Set(arguments) => arguments.run(),
            Self::List(arguments) => arguments.run(),
            Self::Rotate(arguments) => arguments.run(),
        }
    }
}
