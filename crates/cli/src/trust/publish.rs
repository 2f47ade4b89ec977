//! `writ trust publish`: signed roots to a depot, without a release.

use std::path::PathBuf;

use super::folder;
use crate::depot::{DepotOptions, roots};
use crate::failure::{Answer, Outcome};
use crate::screen;

/// Give a depot the trust roots that it lacks
///
/// The chain of the folder must hold: each root signed by enough trust keys of the one before and of its own. The depot judges
/// them by the same rules, and needs no other word for it. Appliances take a new root with their next check-in; from then on
/// what a key may do that it revokes is nothing, also where no release follows. `writ release publish` does this by itself
/// before each release.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ trust publish releases/trust --depot https://depot.example.org")]
pub struct Arguments {
    /// The folder of roots
    folder: PathBuf,
    #[command(flatten)]
    depot: DepotOptions,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let folder = folder::read(&self.folder)?;
        let chain = folder.chain()?;
        let client = self.depot.client()?;
        roots::publish(&client, &folder)?;
        let newest = chain.newest().version;
        screen::line(&format!("{} has the trust roots up to version {newest}", self.depot.depot));
        Ok(Answer::Yes)
    }
}
