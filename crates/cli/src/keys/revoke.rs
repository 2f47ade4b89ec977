//! `writ keys revoke`: the next trust root, in which a key counts for nothing any more.

use std::path::PathBuf;

use writ_trust::rotation::revoke;
use writ_trust::time::Time;

use super::change::{Change, Drafting, Reason, refused};
use super::roots;
use crate::failure::{Answer, Outcome};
use crate::trust::draft;
use crate::{clock, screen};

/// Draft the trust root in which a key is revoked
///
/// For a key that may be in other hands. From the moment on in which they have the next root, appliances and depots take
/// nothing that the key signed, whatever its date. Of what it signed before, an audit counts what the site's log is proven to
/// have held before --at: choose the last time at which the key was surely in the right hands. The key stays listed.
///
/// The root must leave enough keys for every threshold, or nobody could release any more: otherwise it is refused, and --new
/// puts another key in its place in the same step. The holders of the others sign it (`writ trust sign`); the revoked key's
/// own signature does not count for it, except as one of the root before.
///
/// An appliance's own key is in no trust root: `writ release draft --revoke` ends that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ keys revoke --trust releases/trust --key ../keys/alice.pub --reason 'laptop stolen on Friday'
  writ keys revoke --trust releases/trust --key ../keys/alice.pub --at 2026-11-27T16:00:00Z \\
      --new ../keys/alice-2.pub --reason 'laptop stolen between 16:00 and 18:00'

The whole procedure: https://github.com/writ-project/writ/blob/main/docs/keys.md")]
pub struct Arguments {
    /// The newest trust root, or the folder of them
    #[arg(long, value_name = "PATH")]
    trust: PathBuf,
    /// The public key that counts no more
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Since when it may have been in other hands; now if absent
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
    /// Why, for those who sign and for the archive
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
    /// A public key that takes over its roles at once
    #[arg(long, value_name = "FILE")]
    new: Option<PathBuf>,
    #[command(flatten)]
    drafting: Drafting,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let (chain, folder) = roots::chain(&self.trust)?;
        let (before, now) = (chain.newest(), clock::now_in_seconds());
        let key = draft::read_public_key(&self.key)?;
        let new = self.new.as_ref().map(|file| self.drafting.successor(file, now)).transpose()?;
        let at = self.at.unwrap_or(now);
        let root = revoke(before, &key, at, new.as_ref(), now)
            .map_err(|error| refused("this key cannot be revoked so", &self.key, before, &error))?;
        let new = new.map(|new| new.public_key);
        let change = Change { old: &key, new: new.as_ref(), reason: &self.reason.0 };
        self.drafting.write(before, root, &folder, &change, now)?;
        screen::aside(&format!(
            "what {} signed counts only where a log is proven to have held it before {at}: writ audit verify",
            self.key.display()
        ));
        Ok(Answer::Yes)
    }
}
