//! Talking to a depot as a person's tool: which depot, who asks, and what its answers are worth.
//!
//! Everything that a depot answers is hostile until the signatures in it, or the log's tree, were verified.

pub mod beats;
pub mod growth;
pub mod head;
pub mod log;
pub mod roots;

use std::path::PathBuf;

use writ_client::{Client, Error, Settings, Signer};

use crate::failure::{Failure, Outcome};
use crate::passphrase::{KeyFile, PassphraseOptions};

/// Which depot, and how it is reached.
#[derive(Debug, Clone, clap::Args)]
pub struct DepotOptions {
    /// The depot's address: https://host or https://host:port
    #[arg(long, value_name = "URL")]
    pub depot: String,
    /// Certificates (PEM) of the authorities that may vouch for the depot's name, instead of the public web's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Allow plain HTTP to another machine: everything is verified all the same, but others can read along
    #[arg(long)]
    pub allow_http: bool,
}

/// Who asks.
#[derive(Debug, Clone, clap::Args)]
pub struct ReaderOptions {
    /// The secret half of a key to which the trust root gives the role read
    #[arg(long, value_name = "FILE")]
    pub read_key: PathBuf,
    #[command(flatten)]
    pub passphrase: PassphraseOptions,
}

impl DepotOptions {
    /// A client that signs nothing.
    pub fn client(&self) -> Outcome<Client> {
        let mut settings = Settings::new(&self.depot);
        settings.ca_file = self.ca_file.clone();
        settings.allow_http = self.allow_http;
        Client::new(&settings).map_err(|e| Failure::could_not("the depot cannot be talked to like that").caused_by(&e))
    }

    /// A client that asks as a reader.
    pub fn reader(&self, reader: &ReaderOptions) -> Outcome<Client> {
        let client = self.client()?;
        let key = KeyFile::read(&reader.read_key)?.unlock(&reader.passphrase)?;
        Ok(client.signed_by(Signer::new(key)))
    }
}

/// What a request came to, as a failure of this command.
pub fn failed(what: impl std::fmt::Display, client: &Client, error: &Error) -> Failure {
    let failure = Failure::could_not(what).at(client.depot()).caused_by(error);
    match error.status() {
        Some(401 | 403) => failure.next(
            "the newest trust root that the depot has must give the read key its role here, and the clocks must agree to \
             5 minutes: writ trust show",
        ),
        Some(429 | 503) => failure.next("the depot is busy: try again in a while"),
        _ => failure,
    }
}

/// The answer, or nothing where the depot has no such thing.
pub fn if_there<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.status() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}
