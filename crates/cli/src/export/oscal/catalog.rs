//! `writ export oscal catalog`.

use std::path::PathBuf;

use writ_audit::report::oscal::catalog::catalog;

use super::tree::{NEXT, Options};
use crate::check::tree::Tree;
use crate::failure::{Answer, Outcome};
use crate::library::Library;

/// Write the controls of baselines as an OSCAL catalog
///
/// One group for each baseline, and in it one for each family of safeguards. A control has its title, how far machines show it, how
/// bad it is when it does not hold, its ids in SOC 2 and NIST SP 800-53, what its checks expect, and what people do. The words of
/// the rule book itself are not in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export oscal catalog > catalog.json
  writ export oscal catalog --baseline hipaa --out oscal clinics/

It needs Nix (nix-instantiate) and no network.

Exit codes: 0 written; 1 the tree has mistakes, no such baseline, or two have one control; 2 could not run.")]
pub struct Arguments {
    /// The folder with baselines/, rules/, hosts/ and modules/, or one below it
    #[arg(default_value = ".")]
    path: PathBuf,
    #[command(flatten)]
    options: Options,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let library = Library::declared(Tree::find(&self.path)?)?;
        let document = super::document(catalog(&self.options.baselines(&library)?, self.options.now()))?;
        super::write(&document, &document.ids(), self.options.out.as_deref(), NEXT)?;
        Ok(Answer::Yes)
    }
}
