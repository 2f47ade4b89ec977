//! `writ log witness`: saying of a site's log that it goes on from what was seen of it before, and when.

use std::path::PathBuf;

use writ_audit::words::of;
use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::note::NoteKey;
use writ_trust::log::witness::witnesses;
use writ_trust::minisign::SecretKey;
use writ_trust::time::Span;
use writ_wire::paths;

use super::round::rounds;
use crate::depot::{DepotOptions, ReaderOptions, failed};
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::{KeyFile, PassphraseOptions};
use crate::watch::{State, observe};
use crate::{clock, files, screen};

/// The longest answer of a depot to a cosignature, in bytes.
const MAX_ANSWER: u64 = 4096;

/// Cosign the newest checkpoint of a site's log, if it goes on from the one that was seen before (C2SP tlog-cosignature)
///
/// A log can show one history to the clinic and another to the auditor as long as nobody compares. A witness is somebody else
/// who does: it keeps the last checkpoint that it saw (DIR), cosigns the next one only if that continues it, and gives the
/// depot the cosignature. Auditors and `writ watch` hold what it saw against what they are shown. A head that does not go on is
/// refused, and both are kept: they prove it.
///
/// Whoever witnesses should be another than whoever runs the depot. The trust root lists them: `writ trust next --witness`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ keys new --name witness --out ../keys --passphrase-file ../pass
  writ trust next --from releases/trust --witness witness.example.org=../keys/witness.pub
  writ log witness --depot https://depot.example.org --site clinic-001 --read-key ../keys/watch.key \\
      --trust first-root.json --state /var/lib/writ-witness --key ../keys/witness.key \\
      --key-passphrase-file ../pass --name witness.example.org --every 1h

Exit codes: 0 cosigned; 1 refused: the log was shown differently, or the trust root does not list this witness; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    depot: DepotOptions,
    #[command(flatten)]
    reader: ReaderOptions,
    /// The site
    #[arg(long)]
    site: SiteId,
    /// The first trust root, as a file that you were given by a way you trust
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Where to keep what was seen of the log; made if it is not there. Losing it loses what a witness is for
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The witness's secret key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Read the passphrase of the witness's key from the first line of FILE; otherwise it is asked for, if it has one
    #[arg(long, value_name = "FILE")]
    key_passphrase_file: Option<PathBuf>,
    /// The name by which it cosigns, as the trust root lists it
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Go on, and do it again after each SPAN; after 15 minutes when it did not work
    #[arg(long, value_name = "SPAN")]
    every: Option<Span>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let pinned = files::read(&self.trust, MAX_DOCUMENT, "the trust root")?;
        let client = self.depot.reader(&self.reader)?;
        let options = PassphraseOptions { passphrase_file: self.key_passphrase_file.clone(), passphrase_env: None };
        let secret = KeyFile::read(&self.key)?.unlock(&options)?;
        let state = State::open(&self.state)?;
        rounds(self.every.as_ref(), || self.round(&client, &pinned, &state, &secret))
    }

    fn round(&self, client: &Client, pinned: &[u8], state: &State, secret: &SecretKey) -> Outcome {
        let (chain, head) = observe::head(client, pinned, &self.site, state, clock::now())?;
        let own = NoteKey::new(&self.name, &secret.public_key());
        if !witnesses(chain.newest()).iter().any(|listed| listed.cosigner_key() == own.cosigner_key()) {
            return Err(Failure::refused("the trust root does not list this witness: its cosignature would not count")
                .at(format!("trust root {}", chain.newest().version))
                .because(format!("its verifier key is {}", own.cosigner_key()))
                .next("writ trust next --witness NAME=FILE.pub"));
        }
        let (checkpoint, at) = (&head.signed.checkpoint, clock::now_in_seconds());
        // The log's own lines: what others said of it is theirs to give.
        let note = format!("{}{}", head.signed.own_lines(), own.cosign(&checkpoint.text(), secret, at));
        client
            .unsigned()
            .put_text(&paths::publish_cosignature(&self.site), &note, MAX_ANSWER)
            .map_err(|e| failed("the depot does not take the cosignature", client, &e))?;
        let entries = of(checkpoint.size, "entry");
        screen::line(&format!("cosigned {entries} of {} at {at}, as {}", self.site, self.name));
        Ok(Answer::Yes)
    }
}
