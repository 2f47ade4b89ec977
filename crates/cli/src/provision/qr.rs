//! `writ provision qr`: a claim as a QR code.

use std::path::PathBuf;

use writ_trust::claim_code::ClaimCode;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_wire::mac::MacAddress;

use super::qr_code::Matrix;
use super::uri::ClaimUri;
use crate::failure::{Answer, Outcome};
use crate::trust::draft::read_public_key;
use crate::{files, screen};

/// Show the claim of a key as a QR code
///
/// It holds `writ:claim/MAC/CODE/SITE/APPLIANCE`, as far as that is known: what `writ provision claim --code` takes instead of a typed
/// code. It proves nothing by itself; what it is scanned from does.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ provision qr --public-key /mnt/stick/writ/front-desk.pub --mac 00:00:5e:00:53:01
  writ provision qr --public-key hosts/clinic-001/front-desk/key.pub --site clinic-001 --appliance front-desk --svg claim.svg")]
pub struct Arguments {
    /// The public key
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
    /// The network card that the machine is known by
    #[arg(long, value_parser = MacAddress::from_label)]
    mac: Option<MacAddress>,
    /// The site
    #[arg(long)]
    site: Option<SiteId>,
    /// The name there
    #[arg(long, requires = "site")]
    appliance: Option<ApplianceId>,
    /// For a terminal with dark letters on a light ground
    #[arg(long)]
    inverted: bool,
    /// Write it as SVG into FILE instead
    #[arg(long, value_name = "FILE", conflicts_with = "inverted")]
    svg: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let code = ClaimCode::of(&read_public_key(&self.public_key)?);
        let uri = ClaimUri { mac: self.mac, code, site: self.site, appliance: self.appliance };
        let matrix = Matrix::of(&uri.for_qr())?;
        match &self.svg {
            Some(path) => files::replace(path, matrix.svg(&uri.to_string()).as_bytes(), 0o644, "the QR code")?,
            None => matrix.lines(self.inverted).iter().for_each(|line| screen::line(line)),
        }
        screen::line(&uri.to_string());
        Ok(Answer::Yes)
    }
}
