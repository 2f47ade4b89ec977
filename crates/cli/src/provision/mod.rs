//! `writ provision`: from a machine that belongs nowhere to an appliance of a site.

mod branch;
mod carry;
mod claim;
mod join;
mod mac;
pub mod machine;
pub mod offer;
mod offered;
mod qr;
pub mod qr_code;
mod recipient;
mod settle;
mod show;
mod uri;
mod usb;

pub use self::uri::ClaimUri;

use crate::failure::Outcome;

/// First boot: give new machines their place, by comparing the claim code that each shows
///
/// A machine makes its key itself and shows the key's claim code: on its console, as a QR code, on its status page. Whoever gives it a
/// name compares that code with the key, and the key enters by a pull request. Nothing on the way between can exchange it unseen.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
With a stick:
  writ provision usb --site clinic-001 --appliance front-desk --depot https://depot.example.org \\
      --trust releases/trust --to /mnt/stick
  (start the machine with it, and bring it back)
  writ provision claim --site clinic-001 --appliance front-desk --public-key /mnt/stick/writ/front-desk.pub \\
      --code '3f8a 91c2 …'
Over the network:
  writ provision mac --depot https://depot.example.org --read-key ../keys/reader.key
  writ provision claim --site clinic-001 --appliance front-desk --code '3f8a 91c2 …' \\
      --depot https://depot.example.org --read-key ../keys/reader.key")]
pub enum Command {
    Usb(usb::Arguments),
    Qr(qr::Arguments),
    Claim(Box<claim::Arguments>),
    Mac(mac::Arguments),
    Show(show::Arguments),
    Join(join::Arguments),
    Carry(carry::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::Usb(arguments) => arguments.run(),
            Self::Qr(arguments) => arguments.run(),
            Self::Claim(arguments) => arguments.run(),
            Self::Mac(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
            Self::Join(arguments) => arguments.run(),
            Self::Carry(arguments) => arguments.run(),
        }
    }
}
