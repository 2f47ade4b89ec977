//! `writ order broadcast`: an order to every appliance of a site.

use writ_trust::order::Audience;

use super::make::Making;
use crate::failure::Outcome;

/// Make an order to every appliance of a site
///
/// As `writ order new`, for all of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ order broadcast collect --site clinic-001 --reason 'the quarterly review' \\
      --trust releases/trust --key ../keys/alice.key --to order.json --depot https://depot.example.org")]
pub struct Arguments {
    #[command(flatten)]
    making: Making,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        self.making.run(Audience::All)
    }
}
