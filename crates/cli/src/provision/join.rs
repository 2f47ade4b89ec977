//! `writ provision join`: a machine's own side of a first boot over the network. It has the key, and needs no network.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use writ_trust::claim_code::ClaimCode;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::root_chain::TrustChain;
use writ_trust::text::one_line;
use writ_trust::time::Span;
use writ_wire::Signed;
use writ_wire::claim::{Claim, ClaimSchema, PlainName};
use writ_wire::placement::{Place, Placement};

use super::machine::{self, Card};
use super::offer::{self, State};
use super::qr_code::Matrix;
use super::recipient;
use super::settle::Settling;
use super::uri::ClaimUri;
use crate::depot::DepotOptions;
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::KeyFile;
use crate::{clock, files, random, screen};

/// How often it is looked whether something came.
const LOOK: Duration = Duration::from_millis(500);

/// On a new machine: make its key, show the claim code, and wait until a signed release says where it belongs
///
/// The image has the trust root and the depot's address; all else comes by a release. The key is made here once and never leaves this
/// machine. What a depot says counts for nothing: a place is taken only where the release that names this key is signed as every
/// release must be, by the trust root of the image. Then enforce.toml and sync.toml are written, and the key takes its place.
///
/// It has no network itself: `writ provision carry`, an ordinary process without the key, sends the claim and brings the answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ provision join --trust /etc/writ/trust.json --depot https://depot.example.org
  writ provision join --trust /etc/writ/trust.json --depot https://depot.example.org --once

Exit codes: 0 this machine has its place; 1 it has none yet (--once); 2 could not run.")]
pub struct Arguments {
    /// The trust root that the image brought
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    #[command(flatten)]
    depot: DepotOptions,
    /// Where the identity is kept; must outlive a restart
    #[arg(long, value_name = "DIR", default_value = "/var/lib/writ")]
    state: PathBuf,
    /// Where the claim is laid, for `writ provision carry` and the status page
    #[arg(long, value_name = "DIR", default_value = offer::CLAIM_FOLDER)]
    claim: PathBuf,
    /// Where `writ provision carry` lays what came
    #[arg(long, value_name = "DIR", default_value = offer::ANSWER_FOLDER)]
    answer: PathBuf,
    /// The site that this machine is for, as a wish for those who give it its place
    #[arg(long)]
    site: Option<SiteId>,
    /// The name that it is to get, as a wish
    #[arg(long, requires = "site")]
    appliance: Option<ApplianceId>,
    /// How often the claim is made anew
    #[arg(long, value_name = "SPAN", default_value = "60s")]
    every: Span,
    /// Look once, and end
    #[arg(long)]
    once: bool,
    /// Where sysfs is: for tests
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
    /// Where the enforcer is to lay out secrets for units: for tests
    #[arg(long, value_name = "DIR", default_value = "/run/writ/secrets", hide = true)]
    secrets_out: PathBuf,
}

/// What a machine waits with.
struct Waiting<'a> {
    arguments: &'a Arguments,
    key: SecretKey,
    /// The public half of its key for secrets, signed by the other.
    secrets: Signed,
    card: Card,
    hardware: PlainName,
    chain: TrustChain,
    trust: Vec<u8>,
    /// What was said already, so that a console is not full of it.
    said: BTreeSet<String>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let state = State::new(&self.state);
        if state.key().exists() {
            screen::line(&format!("{} is there: this machine has its identity", state.key().display()));
            return Ok(Answer::Yes);
        }
        let trust = files::read(&self.trust, MAX_DOCUMENT, "the trust root")?;
        let chain = TrustChain::pinned(&trust)
            .map_err(|e| Failure::refused("this is not a usable trust root").at(self.trust.display()).because(e))?;
        // Before a key is made: a depot that cannot be meant is a mistake of the image.
        drop(self.depot.client()?);
        let card = machine::card(&self.root).ok_or_else(|| {
            Failure::could_not("this machine has no network card to be known by")
                .at(self.root.join("sys/class/net").display())
                .next("connect one, or give the machine its identity with a stick: writ provision usb")
        })?;
        files::make_directory(&self.claim)?;
        let key = own_key(&state)?;
        let secrets = recipient::own(&state, &key)?;
        let hardware = machine::hardware(&self.root);
        let mut waiting =
            Waiting { arguments: &self, key, secrets, card, hardware, chain, trust, said: BTreeSet::new() };
        waiting.show()?;
        waiting.run(&state)
    }
}

/// The key of a machine that belongs nowhere yet: made once, and the same after every restart.
fn own_key(state: &State) -> Outcome<SecretKey> {
    let path = state.claimed_key();
    files::make_directory(&state.claimed())?;
    if !path.exists() {
        let key = SecretKey::generate(&*random::bytes()?);
        files::create(&path, key.to_open_file().as_bytes(), 0o600, "the machine's key")?;
    }
    KeyFile::read(&path)?.open()
}

impl Waiting<'_> {
    fn run(&mut self, state: &State) -> Outcome {
        let every = self.arguments.every.duration();
        let (mut made, mut courier) = (None::<Instant>, None);
        loop {
            let asks = offer::courier(&self.arguments.answer);
            if made.is_none_or(|made| made.elapsed() >= every) || asks != courier {
                self.lay(asks.as_ref())?;
                (made, courier) = (Some(Instant::now()), asks);
            }
            if let Some(place) = self.placed() {
                let depot = &self.arguments.depot;
                let (site, appliance) = (&place.site, &place.appliance);
                let secrets_out = &self.arguments.secrets_out;
                Settling { site, appliance, trust: &self.trust, depot, secrets_out }.write(state)?;
                let _ = writ_durable::remove(&self.arguments.claim.join(offer::CLAIM));
                screen::line(&format!("\n  This machine is  {appliance}  of  {site}\n"));
                return Ok(Answer::Yes);
            }
            if let Some(trouble) = offer::trouble(&self.arguments.answer) {
                self.say(&format!("the depot: {trouble}"));
            }
            if self.arguments.once {
                screen::line("no release names this machine yet");
                return Ok(Answer::No);
            }
            std::thread::sleep(LOOK.min(every));
        }
    }

    /// Lays out the claim as of now.
    fn lay(&self, asks: Option<&PublicKey>) -> Outcome<()> {
        let public_key = self.key.public_key();
        let claim = Claim {
            schema: ClaimSchema::V1,
            mac: self.card.mac,
            courier_key: asks.unwrap_or(&public_key).clone(),
            public_key,
            hardware: self.hardware.clone(),
            at: clock::now(),
            site: self.arguments.site.clone(),
            appliance: self.arguments.appliance.clone(),
            agent_version: PlainName::of(env!("CARGO_PKG_VERSION")),
            secrets: Some(self.secrets.clone()),
        };
        let signed = claim.sign(&self.key).map_err(|e| Failure::could_not("the claim cannot be signed").because(e))?;
        files::replace(&self.arguments.claim.join(offer::CLAIM), &signed.canonical(), 0o644, "the claim")
    }

    /// The place that a release gives this machine. What came and says something else is told.
    fn placed(&mut self) -> Option<Place> {
        let bytes = match offer::placement(&self.arguments.answer) {
            Ok(bytes) => bytes?,
            Err(e) => {
                self.say(&format!("what came cannot be read: {e}"));
                return None;
            }
        };
        let judged = Placement::parse(&bytes).map_err(|e| e.to_string()).and_then(|placement| {
            let place = placement.place.ok_or_else(|| "it says nothing".to_owned())?;
            let accepted = place.judge(&self.chain, &self.key.public_key(), clock::now());
            accepted.map(|_| place).map_err(|e| e.to_string())
        });
        judged.map_err(|why| self.say(&format!("what came is no place for this machine: {}", one_line(why)))).ok()
    }

    fn say(&mut self, what: &str) {
        if self.said.len() < 100 && self.said.insert(what.to_owned()) {
            screen::aside(&format!("first boot: {what}"));
        }
    }

    /// Shows the claim, for whoever stands before the machine.
    fn show(&self) -> Outcome<()> {
        let code = ClaimCode::of(&self.key.public_key());
        let Arguments { site, appliance, depot, .. } = self.arguments;
        let uri = ClaimUri { mac: Some(self.card.mac), code, site: site.clone(), appliance: appliance.clone() };
        for line in Matrix::of(&uri.for_qr())?.lines(false) {
            screen::line(&line);
        }
        screen::line(&format!("  Card        {} ({})", self.card.mac, self.card.name));
        screen::line(&format!("  Machine     {}", self.hardware));
        for (n, line) in code.lines().iter().enumerate() {
            screen::line(&format!("  {:<12}{line}", if n == 0 { "Claim code" } else { "" }));
        }
        screen::line(&format!("\n  It waits until a release at {} names this key.", depot.depot));
        Ok(())
    }
}
