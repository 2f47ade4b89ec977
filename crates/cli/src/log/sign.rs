//! `writ log sign`: one trust key's signature over a log restart.

use std::path::PathBuf;

use writ_trust::document;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::restart::{LogRestart, RESTART_SCHEMA, RestartError};
use writ_trust::role::Role;

use super::{describe, not_a_restart};
use crate::failure::{Answer, Failure, Outcome};
use crate::files;
use crate::passphrase::{KeyFile, PassphraseOptions};
use crate::screen;
use crate::signatures;
use crate::trust::folder;

/// Sign a log restart with one trust key
///
/// Shows the restart before it asks for the passphrase, and writes FILE.<key id>.minisig beside it. It counts once enough
/// trust keys of the newest root signed it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ log sign restart.json --trust releases/trust --key ../keys/alice.key --passphrase-file ../pass")]
pub struct Arguments {
    /// The restart that `writ log restart` wrote
    file: PathBuf,
    /// The folder of trust roots
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
    /// The secret key of a trust key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let bytes = files::read(&self.file, MAX_DOCUMENT, "the log restart")?;
        let restart: LogRestart = document::parse(&bytes, RESTART_SCHEMA).map_err(|e| not_a_restart(&self.file, e))?;
        let chain = folder::read(&self.trust)?.chain()?;
        let root = chain.newest();
        describe(&restart).iter().for_each(|line| screen::line(line));
        let step = [&restart.previous.origin, &restart.origin];
        if !root.origins(&restart.site).windows(2).any(|pair| [&pair[0], &pair[1]] == step) {
            let (from, to) = (restart.previous.origin.clone(), restart.origin.clone());
            return Err(not_a_restart(&self.file, RestartError::Origins { from, to }).next(format!(
                "append it: writ trust next --from … --log-origin {}={}",
                restart.site, restart.origin
            )));
        }
        let key = KeyFile::read(&self.key)?.unlock(&self.passphrase)?;
        let public = key.public_key();
        let counts = root.key(public.key_id()).is_some_and(|entry| {
            entry.public_key == public && entry.revoked_at.is_none() && entry.serves(Role::Trust, None).is_ok()
        });
        if !counts {
            return Err(Failure::refused("this key's signature would not count")
                .at(self.key.display())
                .because(format!("key {} is no unrevoked trust key of root {}", public.key_id(), root.version))
                .next("sign with a key that has the role trust; nothing was written"));
        }
        let comment = format!("log restart site={} origin={}", restart.site, restart.origin);
        let path = signatures::write(&self.file, &bytes, &key, &comment)?;
        screen::line(&format!("wrote {}", path.display()));
        match LogRestart::verify(&bytes, &signatures::of(&self.file)?, &chain, &restart.site) {
            Ok(_) => screen::line("it has all the signatures that it needs"),
            Err(RestartError::BelowThreshold { found, needed, .. }) => {
                screen::line(&format!("{found} of the {needed} signatures that trust keys must give"));
            }
            Err(error) => return Err(not_a_restart(&self.file, error)),
        }
        Ok(Answer::Yes)
    }
}
