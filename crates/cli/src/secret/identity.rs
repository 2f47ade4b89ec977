//! `writ secret identity`: the appliance's key for secrets, made where it stays.

use std::path::{Path, PathBuf};

use serde::Serialize;
use writ_age::Identity;
use writ_agent::secrets::unseal;
use zeroize::Zeroizing;

use super::place::{self, PUBLIC, SIGNATURE};
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::{KeyFile, PassphraseOptions};
use crate::{files, random, screen};

/// Make this appliance's key for secrets, or show its public half again
///
/// Run on the appliance, by its first boot: makes an age identity (X25519) that is root's alone and never leaves the machine,
/// unless it is there; and writes its public half, secrets.pub, with the signature of the appliance's own key. Both go into the
/// repository beside key.pub: a recipient without that signature is refused, as whoever put it there could read the secrets.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ secret identity --key /var/lib/writ/secrets.key --signed-by /var/lib/writ/appliance.key --out /media/stick
  writ secret identity --key ../keys/desk.secrets.key --signed-by ../keys/desk.key --out hosts/clinic-001/desk --json

Verify it without Writ: minisign -Vm secrets.pub -p key.pub

Exit codes: 0 written; 1 refused; 2 could not run.")]
pub struct Arguments {
    /// The identity: made where it is not there
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The appliance's own key
    #[arg(long, value_name = "FILE")]
    signed_by: PathBuf,
    /// Where to put secrets.pub and secrets.pub.minisig
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    /// The public half.
    recipient: String,
    /// Whether it was made now.
    new: bool,
    /// The fingerprint of the key that signed it.
    signed_by: String,
    key_file: PathBuf,
    public_file: PathBuf,
    signature_file: PathBuf,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let signer = KeyFile::read(&self.signed_by)?.unlock(&self.passphrase)?;
        let (identity, new) = self.identity()?;
        let file = place::recipient_file(&identity.recipient());
        let signature = place::sign(&file, &signer)?;
        let (public_file, signature_file) = (self.out.join(PUBLIC), self.out.join(SIGNATURE));
        files::make_directory(&self.out)?;
        files::replace(&public_file, file.as_bytes(), 0o644, "the public half")?;
        files::replace(&signature_file, signature.as_bytes(), 0o644, "its signature")?;
        let made = Made {
            recipient: identity.recipient().to_string(),
            new,
            signed_by: signer.public_key().fingerprint(),
            key_file: self.key,
            public_file,
            signature_file,
        };
        if self.json {
            screen::json(&made);
        } else {
            made.print();
        }
        Ok(Answer::Yes)
    }

    /// The identity that is there, or a new one.
    fn identity(&self) -> Outcome<(Identity, bool)> {
        if self.key.symlink_metadata().is_err() {
            let identity = Identity::generate(&*random::bytes()?);
            let file: Zeroizing<String> = identity.to_file();
            if files::create(&self.key, file.as_bytes(), 0o600, "the key for secrets")? {
                return Ok((identity, true));
            }
        }
        unusable(&self.key, unseal::identity(&self.key)).map(|identity| (identity, false))
    }
}

fn unusable(path: &Path, identity: Result<Identity, String>) -> Outcome<Identity> {
    identity.map_err(|why| {
        Failure::refused("what lies there is no key for secrets that could be used")
            .at(path.display())
            .because(why)
            .next("mend it, or move it away if no secret is encrypted to it: it is never overwritten")
    })
}

impl Made {
    fn print(&self) {
        let made = if self.new { "made now: its mode is all that protects it" } else { "was there" };
        screen::line(&format!("recipient   {}", self.recipient));
        screen::line(&format!("key         {} ({made})", self.key_file.display()));
        screen::line(&format!("public      {}", self.public_file.display()));
        screen::line(&format!("signature   {} by {}", self.signature_file.display(), self.signed_by));
        screen::line("next        put both beside key.pub in hosts/SITE/APPLIANCE by a pull request");
    }
}
