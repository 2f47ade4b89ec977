//! `writ order sign`: one order key's signature over an order.

use std::path::{Path, PathBuf};

use writ_trust::ids::SiteId;
use writ_trust::minisign::SecretKey;
use writ_trust::order::judge::OrderRefusal;
use writ_trust::role::Role;

use super::{OrderFile, TrustOptions, describe};
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::{KeyFile, PassphraseOptions};
use crate::trust::folder::Folder;
use crate::{clock, screen, signatures};

/// Sign an order with one order key
///
/// Shows the order before it asks for the passphrase, and writes FILE.<key id>.minisig beside it. Appliances take it once
/// as many order keys have signed it as the newest trust root asks for.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ order sign order.json --trust releases/trust --key ../keys/bob.key
Check a signature without Writ:
  minisign -Vm order.json -x order.json.KEYID.minisig -p ../keys/bob.pub")]
pub struct Arguments {
    /// The order
    file: PathBuf,
    #[command(flatten)]
    trust: TrustOptions,
    /// The secret key of an order key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let file = OrderFile::read(&self.file)?;
        let folder = self.trust.read()?;
        describe(&file.order).iter().for_each(|line| screen::line(line));
        let key = unlock(&self.key, &self.passphrase, &folder, &file.order.site)?;
        write(&file, &key, false)?;
        match OrderFile::read(&self.file)?.judge(&folder)? {
            Ok(_) => screen::line("it has all the signatures that it needs; next: writ order publish"),
            Err(OrderRefusal::Threshold { found, needed, .. }) => {
                screen::line(&format!("{found} of the {needed} signatures that order keys must give"));
            }
            Err(refusal) => return Err(file.unfit(&refusal)),
        }
        Ok(Answer::Yes)
    }
}

/// Unlocks a key, unless its signature would not count at a site.
pub fn unlock(path: &Path, passphrase: &PassphraseOptions, folder: &Folder, site: &SiteId) -> Outcome<SecretKey> {
    let key = KeyFile::read(path)?.unlock(passphrase)?;
    let public = key.public_key();
    let chain = folder.chain()?;
    let root = chain.newest();
    let entry = root.key(public.key_id()).filter(|entry| entry.public_key == public);
    let why = match entry.map(|entry| entry.counts_now(Role::Order, Some(site), clock::now())) {
        Some(Ok(())) => return Ok(key),
        Some(Err(problem)) => problem.to_string(),
        None => format!("trust root {} does not list it", root.version),
    };
    Err(Failure::refused("this key's signature would not count")
        .at(path.display())
        .because(format!("key {}: {why}", public.key_id()))
        .next("sign with a key that has the role order; no signature was written"))
}

/// Writes a signature beside an order.
pub fn write(file: &OrderFile, key: &SecretKey, quiet: bool) -> Outcome<()> {
    let path = signatures::write(&file.path, &file.bytes, key, &file.order.trusted_comment())?;
    if !quiet {
        screen::line(&format!("wrote {}", path.display()));
    }
    Ok(())
}
