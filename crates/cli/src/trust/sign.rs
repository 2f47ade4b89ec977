//! `writ trust sign`: one trust key's signature over a root.

use std::path::PathBuf;

use writ_trust::json::MAX_DOCUMENT;
use writ_trust::minisign::PublicKey;
use writ_trust::role::Role;
use writ_trust::root::TrustRoot;

use super::{folder, show, why};
use crate::failure::{Answer, Failure, Outcome};
use crate::files;
use crate::passphrase::{KeyFile, PassphraseOptions};
use crate::screen;
use crate::signatures;

/// Sign a trust root with one trust key
///
/// Shows the root before it asks for the passphrase, and writes FILE.<key id>.minisig beside it. The signature of the
/// next root by a key of the root before it (retired or not) counts too. The reason that `writ keys revoke` and `writ keys
/// rotate` lay beside the root is shown as well, and becomes part of what is signed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ trust sign releases/trust/1.json --key ../keys/alice.key --passphrase-file ../pass")]
pub struct Arguments {
    /// The root: DIR/trust/<version>.json
    file: PathBuf,
    /// The secret key of a trust key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let bytes = files::read(&self.file, MAX_DOCUMENT, "the trust root")?;
        let root = folder::parse(&self.file, &bytes)?;
        let previous = self.previous_of(&root)?;
        for line in show::describe(&root, crate::clock::now()) {
            screen::line(&line);
        }
        let why = why::read(&self.file)?;
        if let Some(why) = &why {
            screen::line(&format!("why: {why}"));
        }
        let key = KeyFile::read(&self.key)?.unlock(&self.passphrase)?;
        let public = key.public_key();
        if !(may_sign(&root, &public) || previous.as_ref().is_some_and(|p| may_sign(p, &public))) {
            return Err(Failure::refused("this key's signature would not count")
                .at(self.key.display())
                .because(format!("key {} is no unrevoked trust key of this root or the one before", public.key_id()))
                .next("sign with a key that has the role trust; nothing was written"));
        }
        let comment = why::comment(root.version, root.epoch, why.as_deref());
        let path = signatures::write(&self.file, &bytes, &key, &comment)?;
        screen::line(&format!("wrote {}", path.display()));
        let (have, need) = folder::own_signatures(&self.file, &root, &bytes)?;
        screen::line(&format!("{have} of the {need} signatures that its own trust keys must give"));
        Ok(Answer::Yes)
    }

    fn previous_of(&self, root: &TrustRoot) -> Outcome<Option<TrustRoot>> {
        let path = self.file.with_file_name(format!("{}.json", root.version.get() - 1));
        match files::read_if_there(&path, MAX_DOCUMENT, "the root before this one")? {
            Some(bytes) => folder::parse(&path, &bytes).map(Some),
            None => Ok(None),
        }
    }
}

fn may_sign(root: &TrustRoot, key: &PublicKey) -> bool {
    root.key(key.key_id()).is_some_and(|entry| {
        entry.public_key == *key && entry.revoked_at.is_none() && entry.serves(Role::Trust, None).is_ok()
    })
}
