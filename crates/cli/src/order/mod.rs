//! `writ order`: what people ask of appliances besides releases.

mod broadcast;
pub mod make;
mod new;
mod progress;
mod publish;
mod show;
pub mod sign;

use std::path::{Path, PathBuf};

use writ_trust::order::judge::{self, OrderRefusal, SignedOrder};
use writ_trust::order::{MAX_ORDER, Order};
use writ_trust::text::escaped;

use crate::clock;
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::signatures::{self, SignatureFile};
use crate::trust::folder::{self, Folder};

/// Ask appliances to do something now: look, collect, pause, run a runbook
///
/// An order is signed by enough keys that have the role `order`, is for named appliances of one site or for all of them, and
/// ends by itself after at most 7 days. Each appliance judges it alone, takes it once, and tells in evidence that it took it
/// and what came of it. Nothing that an order asks for reaches beyond the signed policy: a runbook must be one of the policy,
/// and the policy's limits on runbooks hold.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Where two keys must sign:
  writ order new rescan --site clinic-001 --appliance front-desk --reason 'after the power cut' \\
      --trust releases/trust --key ../keys/alice.key --to order.json
  writ order sign order.json --trust releases/trust --key ../keys/bob.key
  writ order publish order.json --trust releases/trust --depot https://depot.example.org
Later, by the evidence:
  writ audit fetch --depot https://depot.example.org --site clinic-001 --read-key ../keys/auditor.key \\
      --trust first-root.json --to audit
  writ order show order.json --trust releases/trust --audit audit")]
pub enum Command {
    New(new::Arguments),
    Broadcast(broadcast::Arguments),
    Sign(sign::Arguments),
    Publish(publish::Arguments),
    Show(show::Arguments),
}

impl Command {
    /// Runs the subcommand.
    pub fn run(self) -> Outcome {
        match self {
            Self::New(arguments) => arguments.run(),
            Self::Broadcast(arguments) => arguments.run(),
            Self::Sign(arguments) => arguments.run(),
            Self::Publish(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
        }
    }
}

/// The trust root that orders are judged by.
#[derive(Debug, Clone, clap::Args)]
pub struct TrustOptions {
    /// The folder of trust roots
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
}

impl TrustOptions {
    /// Reads its trust roots.
    pub fn read(&self) -> Outcome<Folder> {
        folder::read(&self.trust)
    }
}

/// An order as it lies in a file, with the signature files beside it.
pub struct OrderFile {
    path: PathBuf,
    bytes: Vec<u8>,
    /// What it says.
    pub order: Order,
    signatures: Vec<SignatureFile>,
}

impl OrderFile {
    fn read(path: &Path) -> Outcome<Self> {
        let bytes = files::read_shared(path, MAX_ORDER, "the order")?;
        let order = Order::parse(&bytes).map_err(|e| {
            let failure = Failure::refused("this is not a usable order").at(path.display()).because(e);
            failure.next("make one with `writ order new`")
        })?;
        Ok(Self { path: path.to_owned(), bytes, order, signatures: signatures::of(path)? })
    }

    /// Judges it now, as far as everybody can.
    fn judge(&self, folder: &Folder) -> Outcome<Result<SignedOrder, OrderRefusal>> {
        let chain = folder.chain()?;
        Ok(judge::verify(&self.bytes, &self.signatures, chain.newest(), &self.order.site, clock::now()))
    }

    fn unfit(&self, refusal: &OrderRefusal) -> Failure {
        let next = match refusal {
            OrderRefusal::Threshold { .. } => "have others sign it: writ order sign",
            OrderRefusal::Expiry { .. } => "make a new one: writ order new",
            _ => "appliances would refuse it",
        };
        Failure::refused("no appliance would take this order").at(self.path.display()).because(refusal).next(next)
    }
}

/// An order in words, one line per fact.
pub fn describe(order: &Order) -> Vec<String> {
    vec![
        format!("order   {}", order.id),
        format!("site    {}", order.site),
        format!("for     {}", order.audience),
        format!("action  {}", escaped(&order.action)),
        format!("reason  {}", escaped(&order.reason)),
        format!("made    {}", order.issued_at),
        format!("expires {}", order.expires_at),
    ]
}
