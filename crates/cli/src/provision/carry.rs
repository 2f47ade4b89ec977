//! `writ provision carry`: the network's side of a first boot. It has no key but one of its own, and decides nothing.

use std::path::PathBuf;
use std::time::Duration;

use writ_agent::sandbox;
use writ_client::{Client, Error, Settings, Signer};
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::numbers::TrustVersion;
use writ_trust::root::TrustRoot;
use writ_trust::text::one_line;
use writ_trust::time::Span;
use writ_wire::claims::ClaimReceipt;
use writ_wire::placement::Placement;
use writ_wire::{MAX_ENVELOPE, paths};

use super::offer;
use crate::depot::DepotOptions;
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::KeyFile;
use crate::{files, random, screen};

/// The secret half of the key to ask with, in the folder for what comes.
const KEY: &str = "courier.key";
/// How long a claim is waited for before it is asked again.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest receipt, in bytes.
const MAX_RECEIPT: u64 = 4096;

/// On a new machine: send its claim to the depot, and bring what is answered
///
/// For an ordinary user: it makes a key of its own, which the machine's claim vouches for, and whoever takes this process over has that
/// and nothing else. What it brings is judged by `writ provision join`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ provision carry --trust /etc/writ/trust.json --depot https://depot.example.org
  writ provision carry --trust /etc/writ/trust.json --depot https://depot.example.org --once

Exit codes: 0 a place came; 1 there is none yet, or it could not be asked for (--once); 2 could not run.")]
pub struct Arguments {
    /// The trust root that the image brought: what leads from it to the newest is asked for
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    #[command(flatten)]
    depot: DepotOptions,
    /// Where `writ provision join` lays the claim
    #[arg(long, value_name = "DIR", default_value = offer::CLAIM_FOLDER)]
    claim: PathBuf,
    /// Where what comes is laid
    #[arg(long, value_name = "DIR", default_value = offer::ANSWER_FOLDER)]
    answer: PathBuf,
    /// How often the claim is sent and the depot is asked
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    every: Span,
    /// Send and ask once, and end
    #[arg(long)]
    once: bool,
}

/// What came of one round.
enum Round {
    /// A place.
    Place(Vec<u8>),
    /// The depot knows of none.
    None { others: u64 },
    /// There is no claim that names this process yet.
    NoClaim,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let bytes = files::read(&self.trust, MAX_DOCUMENT, "the trust root")?;
        let root = TrustRoot::parse(&bytes)
            .map_err(|e| Failure::refused("this is not a usable trust root").at(self.trust.display()).because(e))?;
        files::make_directory(&self.answer)?;
        let key = self.own_key()?;
        let own = key.public_key();
        let client = self.depot.client()?;
        // Once this is confined, a folder that comes later could not be seen.
        while !self.claim.is_dir() {
            if self.once {
                return Ok(Answer::No);
            }
            std::thread::sleep(PATIENCE);
        }
        self.confine();
        files::replace(&self.answer.join(offer::COURIER), own.to_file().as_bytes(), 0o644, "the key to ask with")?;
        let client = client.signed_by(Signer::new(key));
        let mut brought = false;
        loop {
            let round = self.round(&client, &own, root.version);
            if brought && matches!(round, Ok(Round::NoClaim)) {
                // The machine has its place, and claims none any more.
                return Ok(Answer::Yes);
            }
            brought |= matches!(round, Ok(Round::Place(_)));
            let trouble = match &round {
                Ok(Round::Place(place)) => {
                    files::replace(&self.answer.join(offer::PLACEMENT), place, 0o644, "the place")?;
                    None
                }
                Ok(Round::None { others: 0 } | Round::NoClaim) => None,
                Ok(Round::None { others }) => Some(format!(
                    "{others} more by another key for this card: somebody may want to be this machine; compare the claim code"
                )),
                Err(why) => Some(why.clone()),
            };
            self.tell(trouble.as_deref())?;
            if self.once {
                return Ok(if matches!(round, Ok(Round::Place(_))) { Answer::Yes } else { Answer::No });
            }
            let wait = if matches!(round, Ok(Round::NoClaim)) { PATIENCE } else { self.every.duration() };
            std::thread::sleep(wait.min(self.every.duration()));
        }
    }

    /// The key to ask with, made once.
    fn own_key(&self) -> Outcome<SecretKey> {
        let path = self.answer.join(KEY);
        if !path.exists() {
            let key = SecretKey::generate(&*random::bytes()?);
            files::create(&path, key.to_open_file().as_bytes(), 0o600, "the key to ask with")?;
        }
        KeyFile::read(&path)?.open()
    }

    fn confine(&self) {
        let settings = Settings { ca_file: self.depot.ca_file.clone(), ..Settings::new(&self.depot.depot) };
        for missing in sandbox::of_claimant(&self.claim, &self.answer, &settings).apply().missing {
            screen::warning(&format!("this process is confined less than it should be: {missing}"));
        }
    }

    /// Sends the claim, and asks.
    fn round(&self, client: &Client, own: &PublicKey, trust: TrustVersion) -> Result<Round, String> {
        let read = offer::claim(&self.claim).map_err(|e| format!("the claim of this machine cannot be read: {e}"))?;
        let Some((claim, bytes)) = read.filter(|(claim, _)| claim.courier_key == *own) else {
            return Ok(Round::NoClaim);
        };
        let receipt = client.unsigned().post(&paths::provision(&claim.mac), &bytes, MAX_RECEIPT).map_err(said)?;
        let receipt = ClaimReceipt::parse(&receipt).map_err(|e| one_line(format!("the depot's answer: {e}")))?;
        let answer =
            client.get(&paths::placement(&claim.mac, &claim.public_key, trust), MAX_ENVELOPE as u64).map_err(said)?;
        let placement = Placement::parse(&answer).map_err(|e| one_line(format!("the depot's answer: {e}")))?;
        Ok(match placement.place {
            Some(_) => Round::Place(answer),
            None => Round::None { others: receipt.others },
        })
    }

    /// Leaves a word of what is in the way, or that nothing is.
    fn tell(&self, trouble: Option<&str>) -> Outcome<()> {
        let path = self.answer.join(offer::TROUBLE);
        let Some(trouble) = trouble else {
            return writ_durable::remove(&path)
                .map_err(|e| Failure::could_not("cannot remove this file").at(path.display()).because(e));
        };
        if offer::trouble(&self.answer).as_deref() != Some(trouble) {
            screen::aside(trouble);
        }
        files::replace(&path, trouble.as_bytes(), 0o644, "what is in the way")
    }
}

/// Why the depot did not answer as it should.
fn said(error: Error) -> String {
    one_line(match error.status() {
        Some(403) => "it refuses this key, which a release revokes: make the machine anew".to_owned(),
        Some(422) => {
            "it refuses the claim: compare this machine's clock, and whether the depot is older than this image"
                .to_owned()
        }
        Some(429) => "too many machines claim from this address: again in a while".to_owned(),
        _ => error.to_string(),
    })
}
