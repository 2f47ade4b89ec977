//! `writ order show`: what an order says, whether appliances would take it, and what they told of it.

use std::path::PathBuf;

use serde::Serialize;
use writ_trust::digest::Digest;
use writ_trust::order::Order;
use writ_trust::order::judge::OrderRefusal;

use super::progress::{self, Told};
use super::{OrderFile, TrustOptions, describe};
use crate::failure::{Answer, Outcome};
use crate::screen;

/// Show an order, verify it, and tell what came of it
///
/// Verifies the signatures under the newest trust root. With --audit it tells which appliances took the order and what came
/// of it, by their signed evidence: `writ audit fetch` makes such a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ order show order.json --trust releases/trust
  writ order show order.json --trust releases/trust --audit audit --json | jq .told

Exit codes: 0 appliances would take it, or could until it expired; 1 they would not; 2 could not run.")]
pub struct Arguments {
    /// The order, with its signature files beside it
    file: PathBuf,
    #[command(flatten)]
    trust: TrustOptions,
    /// An audit folder with the appliances' evidence
    #[arg(long, value_name = "AUDITDIR")]
    audit: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    digest: Digest,
    holds: bool,
    expired: bool,
    refused: Option<String>,
    order: Order,
    told: Option<Vec<Told>>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let file = OrderFile::read(&self.file)?;
        let folder = self.trust.read()?;
        let refusal = file.judge(&folder)?.err();
        let expired = matches!(refusal, Some(OrderRefusal::Expiry { .. }));
        let digest = Digest::of(&file.bytes);
        let told = match &self.audit {
            Some(audit) => Some(progress::of(audit, &folder, &file.order, digest)?),
            None => None,
        };
        let shown = Shown {
            digest,
            holds: refusal.is_none(),
            expired,
            refused: refusal.as_ref().map(ToString::to_string),
            order: file.order,
            told,
        };
        if self.json {
            screen::json(&shown);
        } else {
            shown.print();
        }
        Ok(if shown.holds || expired { Answer::Yes } else { Answer::No })
    }
}

impl Shown {
    fn print(&self) {
        describe(&self.order).iter().for_each(|line| screen::line(line));
        screen::line(&format!("digest  {}", self.digest));
        screen::line(&match &self.refused {
            None => "its signatures count: the appliances that it is for take it until it expires".to_owned(),
            Some(refused) => format!("no appliance takes it now: {refused}"),
        });
        for told in self.told.iter().flatten() {
            screen::line(&told.line());
        }
        if self.told.as_ref().is_some_and(Vec::is_empty) {
            screen::line("no appliance has told of it yet");
        }
    }
}
