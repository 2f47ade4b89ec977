//! `writ site`: the sites of a tree of policy.

mod new;

pub use self::new::policy_nix;

use crate::failure::Outcome;

/// Begin sites
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    New(Box<new::Arguments>),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::New(arguments) => arguments.run(),
        }
    }
}
