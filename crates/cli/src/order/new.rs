//! `writ order new`: an order to named appliances.

use writ_trust::ids::ApplianceId;
use writ_trust::order::Audience;

use super::make::Making;
use crate::failure::Outcome;

/// Make an order to named appliances of a site
///
/// Writes FILE, and a signature beside it where a key is given. Where the trust root asks for more than one order key, others sign
/// the same file with `writ order sign`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ order new rescan --site clinic-001 --appliance front-desk --reason 'after the power cut' \\
      --trust releases/trust --key ../keys/alice.key --to order.json
  writ order new run-runbook --runbook RB-SERVICE-001 --check service.ehr --site clinic-001 \\
      --appliance front-desk --reason 'the vendor asks' --trust releases/trust --key ../keys/alice.key \\
      --to order.json --depot https://depot.example.org
  writ order new pause --check service.ehr --for 30m --site clinic-001 --appliance front-desk \\
      --reason 'the vendor updates it' --expires 1h --trust releases/trust --to order.json --json")]
pub struct Arguments {
    #[command(flatten)]
    making: Making,
    /// An appliance of the site; may be given several times
    #[arg(long, value_name = "APPLIANCE", required = true)]
    appliance: Vec<ApplianceId>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        self.making.run(Audience::Appliances(self.appliance))
    }
}
