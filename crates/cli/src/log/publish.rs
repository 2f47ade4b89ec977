//! `writ log publish`: a signed log restart to a depot, which then begins the new log.

use std::path::PathBuf;

use writ_trust::document;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::restart::{LogRestart, RESTART_SCHEMA};
use writ_wire::{Blob, MAX_ENVELOPE, Signed, paths};

use super::not_a_restart;
use crate::depot::{DepotOptions, failed, roots};
use crate::failure::{Answer, Outcome};
use crate::trust::folder;
use crate::{files, screen, signatures};

/// Publish a signed log restart to a depot
///
/// Gives the depot the trust roots that it lacks first. It begins the new log with this order, and logs the trust root and
/// the active release again; appliances then send the evidence that it has lost.
///
/// An order counts under the newest trust root. When a key that signed it is revoked later, sign the same document with a key
/// that remains and publish it again: the depot adds the signatures to those that it has.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ log publish restart.json --trust releases/trust --depot https://depot.example.org")]
pub struct Arguments {
    /// The restart, with its signature files beside it
    file: PathBuf,
    /// The folder of trust roots
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
    #[command(flatten)]
    depot: DepotOptions,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let bytes = files::read(&self.file, MAX_DOCUMENT, "the log restart")?;
        let restart: LogRestart = document::parse(&bytes, RESTART_SCHEMA).map_err(|e| not_a_restart(&self.file, e))?;
        let given = folder::read(&self.trust)?;
        let signatures = signatures::of(&self.file)?;
        let site = restart.site;
        let restart = LogRestart::verify(&bytes, &signatures, &given.chain()?, &site).map_err(|e| {
            not_a_restart(&self.file, e).next("writ log sign, by enough trust keys; nothing was published")
        })?;
        let client = self.depot.client()?;
        roots::publish(&client, &given)?;
        let count = signatures.len();
        let signatures = signatures.into_iter().map(|file| Blob(file.bytes)).collect();
        let signed = Signed { document: Blob(bytes), signatures }.canonical();
        client
            .put(&paths::publish_restart(&site), &signed, MAX_ENVELOPE as u64)
            .map_err(|e| failed("the depot does not take the log restart", &client, &e))?;
        // The depot says the same whether it began the log now, added signatures, or had all of it.
        let (origin, count) = (restart.origin, screen::count(count, "signature"));
        screen::line(&format!(
            "{} has this order and its {count}: the log {origin} of {site} begins with it",
            client.depot()
        ));
        Ok(Answer::Yes)
    }
}
