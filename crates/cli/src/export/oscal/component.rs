//! `writ export oscal component-definition`.

use std::path::PathBuf;

use writ_audit::report::oscal::catalog::catalog;
use writ_audit::report::oscal::component::component_definition;

use super::tree::{NEXT, Options};
use crate::check::tree::Tree;
use crate::failure::{Answer, Outcome};
use crate::library::Library;

/// Write the appliance as an OSCAL component definition
///
/// The appliance is the component and each check of the baselines a rule; each control that checks support is a requirement that it
/// implements, wholly or in part, with what the checks leave out. Controls that people or others see to are not its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export oscal component-definition > component-definition.json
  writ export oscal component-definition --baseline hipaa --out oscal clinics/

It needs Nix (nix-instantiate) and no network.

Exit codes: 0 written; 1 the tree has mistakes, or no such baseline; 2 could not run.")]
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
        let (baselines, now) = (self.options.baselines(&library)?, self.options.now());
        let ids = super::document(catalog(&baselines, now))?.ids();
        let document = super::document(component_definition(&baselines, now))?;
        super::write(&document, &ids, self.options.out.as_deref(), NEXT)?;
        Ok(Answer::Yes)
    }
}
