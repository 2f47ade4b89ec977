//! `writ order publish`: a signed order to a depot, from where the appliances' couriers fetch it.

use std::path::PathBuf;

use writ_wire::{Blob, MAX_ENVELOPE, Signed, paths};

use super::{OrderFile, TrustOptions};
use crate::depot::{DepotOptions, failed, roots};
use crate::failure::{Answer, Failure, Outcome};
use crate::screen;
use crate::trust::folder::Folder;

/// Publish a signed order to a depot
///
/// Gives the depot the trust roots that it lacks first. The depot tells appliances of it with their next check-in, within a
/// minute. Publishing the same order again changes nothing; an order that was published cannot be taken back, but it ends
/// by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ order publish order.json --trust releases/trust --depot https://depot.example.org")]
pub struct Arguments {
    /// The order, with its signature files beside it
    file: PathBuf,
    #[command(flatten)]
    trust: TrustOptions,
    #[command(flatten)]
    depot: DepotOptions,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        put(&OrderFile::read(&self.file)?, &self.trust.read()?, &self.depot, false)?;
        Ok(Answer::Yes)
    }
}

/// Publishes an order that holds.
pub fn put(file: &OrderFile, folder: &Folder, depot: &DepotOptions, quiet: bool) -> Outcome<()> {
    if let Err(refusal) = file.judge(folder)? {
        return Err(file.unfit(&refusal));
    }
    let client = depot.client()?;
    roots::publish(&client, folder)?;
    let signatures = file.signatures.iter().map(|one| Blob(one.bytes.clone())).collect();
    let signed = Signed { document: Blob(file.bytes.clone()), signatures }.canonical();
    let refused = "the depot does not take the order";
    client.put(&paths::publish_order(&file.order.site), &signed, MAX_ENVELOPE as u64).map_err(|e| match e.status() {
        Some(409) => Failure::refused(refused).at(client.depot()).because(&e).next(
            "the site has as many orders as are kept, or another one with this id, or the depot's trust root has expired",
        ),
        _ => failed(refused, &client, &e),
    })?;
    if !quiet {
        screen::line(&format!("{} has order {} for {}", client.depot(), file.order.id, file.order.audience));
    }
    Ok(())
}
