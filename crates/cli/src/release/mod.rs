//! `writ release`: what appliances must run and obey, from draft to published.

pub mod draft;
mod evaluated;
mod generations;
pub mod ledger;
pub mod previous;
pub mod promotion;
mod publish;
mod show;
mod sign;
pub mod source;
pub mod summary;
pub mod timing;

use crate::failure::Outcome;

/// Draft, sign, publish and show releases
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Draft(draft::Arguments),
    Sign(sign::Arguments),
    Publish(publish::Arguments),
    Show(show::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::Draft(arguments) => arguments.run(),
            Self::Sign(arguments) => arguments.run(),
            Self::Publish(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
        }
    }
}
