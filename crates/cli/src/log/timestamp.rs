//! `writ log timestamp`: the newest checkpoint of a site's log, stamped by authorities of time.

use std::path::PathBuf;

use writ_audit::words::of;
use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::text::one_line;
use writ_trust::time::Span;
use writ_wire::paths;
use writ_wire::timestamp::Timestamp;

use super::authority::{self, Address, Given};
use super::round::rounds;
use crate::depot::{DepotOptions, ReaderOptions, failed};
use crate::failure::{Answer, Failure, Outcome};
use crate::watch::{State, observe};
use crate::{clock, files, screen};

/// The longest answer of a depot to a timestamp, in bytes.
const MAX_ANSWER: u64 = 1024;

/// Have the newest checkpoint of a site's log timestamped (RFC 3161), and give the depot the token
///
/// It asks the depot for the head of the log, holds it against the one seen before (DIR keeps it), has each authority stamp the
/// exact bytes, verifies what comes back by the authorities that the newest trust root lists, and gives it to the depot, which
/// keeps one of each day and authority. A token covers everything that was logged before: a day that was missed is made good by
/// the next one, only later.
///
/// Evidence by a key that was revoked counts where a token shows that it was logged before; without one, only the log's own word
/// does. Run it once a day, by a timer or with --every 24h, anywhere but on the depot. Authorities learn a hash, and nothing else.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ log timestamp --depot https://depot.example.org --site clinic-001 --read-key ../keys/watch.key \\
      --trust first-root.json --state /var/lib/writ-timestamp --tsa http://timestamp.example.com
  writ log timestamp … --tsa https://tsa-1.example --tsa https://tsa-2.example/tsr --every 24h

The authority must be in the trust root: writ trust next --tsa example=certificate.pem

Exit codes: 0 stamped by all; 1 refused by, or for, one of them; 2 could not run, or an authority could not be asked.")]
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
    /// Where to keep what was seen of the log; made if it is not there
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where an authority is asked; may be repeated. Plain HTTP is usual and no harm: the answer is signed
    #[arg(long = "tsa", value_name = "URL", required = true)]
    authorities: Vec<Address>,
    /// Certificates (PEM) of those that may vouch for the authorities' host names in HTTPS, instead of the public web's
    #[arg(long, value_name = "FILE")]
    tsa_ca_file: Option<PathBuf>,
    /// How long an authority may be silent
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    tsa_patience: Span,
    /// Go on, and do it again after each SPAN; after 15 minutes when it did not work
    #[arg(long, value_name = "SPAN")]
    every: Option<Span>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let pinned = files::read(&self.trust, MAX_DOCUMENT, "the trust root")?;
        let client = self.depot.reader(&self.reader)?;
        let state = State::open(&self.state)?;
        rounds(self.every.as_ref(), || self.round(&client, &pinned, &state))
    }

    fn round(&self, client: &Client, pinned: &[u8], state: &State) -> Outcome {
        let (chain, head) = observe::head(client, pinned, &self.site, state, clock::now())?;
        let root = chain.newest();
        if root.timestamp_authorities.is_empty() {
            return Err(Failure::refused("the trust root lists no timestamp authority: no token would count")
                .at(format!("trust root {}", root.version))
                .next("writ trust next --tsa NAME=certificate.pem"));
        }
        let note = head.signed.note.as_bytes();
        let mut failures = Vec::new();
        for address in &self.authorities {
            let given = authority::ask(address, self.tsa_ca_file.as_ref(), &self.tsa_patience, note, root);
            match given.and_then(|given| self.publish(client, note, given, head.signed.checkpoint.size)) {
                Ok(said) => screen::line(&said),
                Err(failure) => failures.push(failure),
            }
        }
        // The last one ends the program; those before it are told of here.
        let last = failures.pop();
        failures.iter().for_each(Failure::print);
        last.map_or(Ok(Answer::Yes), Err)
    }

    /// Gives the depot a token; what came of it, in one line.
    fn publish(&self, client: &Client, note: &[u8], given: Given, size: u64) -> Outcome<String> {
        let Given { stamped, response } = given;
        let (at, by) = (stamped.at, one_line(&stamped.authority));
        let document = Timestamp::new(note.to_vec(), response).canonical();
        let answer = client
            .unsigned()
            .put(&paths::publish_timestamp(&self.site), &document, MAX_ANSWER)
            .map_err(|e| failed("the depot does not take the timestamp", client, &e))?;
        let entries = of(size, "entry");
        Ok(match answer.starts_with(b"held") {
            true => {
                format!("{by} stamped {entries} of {} at {at}; the depot has one of that day by it already", self.site)
            }
            false => format!("{by} stamped {entries} of {} at {at}: {}", self.site, stamped.name),
        })
    }
}
