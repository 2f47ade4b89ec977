//! `writ export`: what a tree of policy, or an audit folder, says, in forms that others read.

mod alerts;
mod audited;
mod baselines;
mod docs;
mod junit;
mod oscal;
mod sarif;
mod schema;
mod verify_page;

use std::path::Path;

use crate::failure::Outcome;
use crate::{files, screen};

/// Write references, schemas, alert rules, OSCAL documents and test reports
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Docs(docs::Arguments),
    Schema(schema::Arguments),
    Alerts(alerts::Arguments),
    VerifyPage(verify_page::Arguments),
    #[command(subcommand)]
    Oscal(oscal::Command),
    Junit(junit::Arguments),
    Sarif(sarif::Arguments),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self {
            Self::Docs(arguments) => arguments.run(),
            Self::Schema(arguments) => arguments.run(),
            Self::Alerts(arguments) => arguments.run(),
            Self::VerifyPage(arguments) => arguments.run(),
            Self::Oscal(command) => command.run(),
            Self::Junit(arguments) => arguments.run(),
            Self::Sarif(arguments) => arguments.run(),
        }
    }
}

/// Writes the file of this name into a folder, and says where it is; or to standard output where there is no folder.
fn write(folder: Option<&Path>, name: &str, text: &str, what: &str) -> Outcome<()> {
    let Some(folder) = folder else {
        screen::line(text.trim_end());
        return Ok(());
    };
    files::make_directory(folder)?;
    let path = folder.join(name);
    files::replace(&path, text.as_bytes(), 0o644, what)?;
    screen::line(&path.display().to_string());
    Ok(())
}
