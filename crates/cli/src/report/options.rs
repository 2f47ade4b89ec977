//! What every packet is asked for with.

use std::path::PathBuf;

use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use crate::audit::{Rejected, Source};
use crate::clock;
use crate::passphrase::PassphraseOptions;

/// The folder to read, and what to make of it.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub source: Source,
    /// Only this site; otherwise each site in the folder, and a page over all of them where there are several
    #[arg(long)]
    pub site: Option<SiteId>,
    #[command(flatten)]
    pub rejected: Rejected,
    /// The folder to make; it must not be there, or be empty
    #[arg(long, value_name = "DIR", required_unless_present = "json")]
    pub out: Option<PathBuf>,
    /// Also as PDF
    #[arg(long)]
    pub pdf: bool,
    /// Sign the list of files with this secret key: SHA256SUMS.minisig
    #[arg(long, value_name = "FILE", requires = "out")]
    pub sign: Option<PathBuf>,
    #[command(flatten)]
    pub passphrase: PassphraseOptions,
    /// Make it as of this instant instead of now, so that it can be made again byte for byte
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Print what was made as JSON: a list of packet-v1 of `writ export schema`
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// As of when it is made.
    pub fn now(&self) -> Time {
        self.now.unwrap_or_else(clock::now_in_seconds)
    }
}
