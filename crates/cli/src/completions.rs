//! `writ completions`: what a shell needs to complete commands.

use clap::CommandFactory as _;

use crate::failure::{Answer, Outcome};

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ completions bash > /etc/bash_completion.d/writ
  writ completions zsh > ~/.zfunc/_writ")]
pub struct Arguments {
    /// Which shell
    shell: clap_complete::Shell,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let mut command = crate::Cli::command();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "writ", &mut script);
        crate::screen::line(String::from_utf8_lossy(&script).trim_end());
        Ok(Answer::Yes)
    }
}
