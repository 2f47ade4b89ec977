//! `writ provision show`: the claim of this machine, or of a key.

use std::path::{Path, PathBuf};

use serde::Serialize;
use writ_trust::claim_code::ClaimCode;
use writ_trust::minisign::PublicKey;
use writ_wire::mac::MacAddress;

use super::machine;
use super::offer::State;
use super::qr_code::Matrix;
use super::uri::ClaimUri;
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::KeyFile;
use crate::screen;
use crate::trust::draft::read_public_key;

/// The schema of [`Shown`].
const SCHEMA: &str = "writ.claim-shown.v1";

/// Show the claim code of this machine's key, or of another public key
///
/// On an appliance, as root: of its own key, whether it has its place or waits for one. Everywhere else: of the file that is named.
/// The code is the fingerprint of the key with four digits more, by which a slip in typing is told from another key.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ provision show                                            on an appliance, as root
  writ provision show --qr
  writ provision show --public-key hosts/clinic-001/front-desk/key.pub --json")]
pub struct Arguments {
    /// A public key instead of this machine's
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// Where the machine's identity is kept
    #[arg(long, value_name = "DIR", default_value = "/var/lib/writ", conflicts_with = "public_key")]
    state: PathBuf,
    /// As a QR code as well
    #[arg(long)]
    qr: bool,
    /// Print the result as JSON
    #[arg(long, conflicts_with = "qr")]
    json: bool,
    /// Where sysfs is: for tests
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

#[derive(Serialize)]
struct Shown {
    schema: &'static str,
    claim_code: String,
    fingerprint: String,
    public_key: String,
    mac: Option<String>,
    hardware: Option<String>,
    uri: String,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let own = self.public_key.is_none();
        let key = match &self.public_key {
            Some(file) => read_public_key(file)?,
            None => own_key(&self.state)?,
        };
        let mac = if own { machine::card(&self.root).map(|card| card.mac) } else { None };
        let hardware = own.then(|| machine::hardware(&self.root).to_string());
        show(&key, mac, hardware, self.qr, self.json)?;
        Ok(Answer::Yes)
    }
}

fn show(key: &PublicKey, mac: Option<MacAddress>, hardware: Option<String>, qr: bool, json: bool) -> Outcome<()> {
    let code = ClaimCode::of(key);
    let uri = ClaimUri { mac, code, site: None, appliance: None };
    if json {
        screen::json(&Shown {
            schema: SCHEMA,
            claim_code: code.to_string(),
            fingerprint: code.fingerprint(),
            public_key: key.line(),
            mac: mac.map(|mac| mac.to_string()),
            hardware,
            uri: uri.to_string(),
        });
        return Ok(());
    }
    if qr {
        Matrix::of(&uri.for_qr())?.lines(false).iter().for_each(|line| screen::line(line));
    }
    for (n, line) in code.lines().iter().enumerate() {
        screen::line(&format!("{:<12} {line}", if n == 0 { "claim code" } else { "" }));
    }
    screen::line(&format!("{:<12} {}", "fingerprint", code.fingerprint()));
    screen::line(&format!("{:<12} {}", "public key", key.line()));
    if let Some(mac) = mac {
        screen::line(&format!("{:<12} {mac}", "card"));
    }
    if let Some(hardware) = hardware {
        screen::line(&format!("{:<12} {hardware}", "machine"));
    }
    screen::line(&format!("{:<12} {uri}", "uri"));
    Ok(())
}

/// The public half of a machine's own key.
pub fn own_key(state: &Path) -> Outcome<PublicKey> {
    let path = State::new(state).any_key();
    if !path.exists() {
        return Err(Failure::could_not("this machine has no key yet").at(state.display()).next(
            "name a public key with --public-key, or see what first boot waits for: journalctl -u writ-first-boot",
        ));
    }
    Ok(KeyFile::read(&path)?.open()?.public_key())
}
