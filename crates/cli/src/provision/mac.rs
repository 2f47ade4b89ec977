//! `writ provision mac`: which machines wait for a place, and which keys claim one card.

use serde::Serialize;
use writ_trust::time::Time;
use writ_wire::mac::MacAddress;

use super::offered::{self, Offered};
use crate::depot::{DepotOptions, ReaderOptions};
use crate::failure::{Answer, Outcome};
use crate::screen;

/// List the machines that claim a place at a depot, with the claim code of each
///
/// A claim proves nothing but that whoever says it has the key. Where several keys claim one card, one of them may have been exchanged
/// on its way, or a machine was made anew within the hour: the code on the machine's own screen says which is its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ provision mac --depot https://depot.example.org --read-key ../keys/reader.key
  writ provision mac 00-00-5E-00-53-01 --depot https://depot.example.org --read-key ../keys/reader.key --json

Exit codes: 0 listed; 1 several keys claim one card; 2 could not ask.")]
pub struct Arguments {
    /// The address of one network card, as it is printed on the machine; all if absent
    #[arg(value_name = "MAC", value_parser = MacAddress::from_label)]
    mac: Option<MacAddress>,
    #[command(flatten)]
    depot: DepotOptions,
    #[command(flatten)]
    reader: ReaderOptions,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// The schema of [`Seen`].
const SCHEMA: &str = "writ.claims-seen.v1";

#[derive(Serialize)]
struct Seen {
    schema: &'static str,
    claims: Vec<One>,
}

#[derive(Serialize)]
struct One {
    mac: String,
    claim_code: String,
    fingerprint: String,
    public_key: String,
    hardware: String,
    site: Option<String>,
    appliance: Option<String>,
    first_at: Time,
    last_at: Time,
    contested: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let client = self.depot.reader(&self.reader)?;
        let offered = offered::ask(&client, self.mac.as_ref())?;
        let contested = offered::contested(&offered);
        if self.json {
            let one = |one: &Offered| One {
                mac: one.claim.mac.to_string(),
                claim_code: one.code().to_string(),
                fingerprint: one.code().fingerprint(),
                public_key: one.claim.public_key.line(),
                hardware: one.claim.hardware.to_string(),
                site: one.claim.site.as_ref().map(ToString::to_string),
                appliance: one.claim.appliance.as_ref().map(ToString::to_string),
                first_at: one.first_at,
                last_at: one.last_at,
                contested: contested.contains_key(&one.claim.mac),
            };
            screen::json(&Seen { schema: SCHEMA, claims: offered.iter().map(one).collect() });
        } else {
            offered.iter().for_each(|one| tell(one, contested.contains_key(&one.claim.mac)));
            if offered.is_empty() {
                screen::line("no machine claims a place here");
            }
        }
        for (mac, keys) in &contested {
            screen::warning(&format!(
                "{} keys claim {mac}: one may have been exchanged on its way; only the code on the machine's own screen says \
                 which is its own",
                keys.len()
            ));
        }
        Ok(if contested.is_empty() { Answer::Yes } else { Answer::No })
    }
}

fn tell(one: &Offered, contested: bool) {
    let claim = &one.claim;
    let mark = if contested { screen::paint(screen::RED, "  CONTESTED") } else { String::new() };
    screen::line(&format!("{}{mark}", screen::paint(screen::BOLD, &claim.mac.to_string())));
    screen::line(&format!("  machine     {}", claim.hardware));
    if let Some(site) = &claim.site {
        let name = claim.appliance.as_ref().map_or_else(|| "any name".to_owned(), ToString::to_string);
        screen::line(&format!("  wishes      {name} at {site}"));
    }
    for (n, line) in one.code().lines().iter().enumerate() {
        screen::line(&format!("  {:<12}{line}", if n == 0 { "claim code" } else { "" }));
    }
    screen::line(&format!("  heard       {} to {}", one.first_at, one.last_at));
}
