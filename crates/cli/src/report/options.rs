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
    #[arg(long, value_name = "DIR", required_unless_present_any = ["json", "into"], group = "place")]
    pub out: Option<PathBuf>,
    /// Make the folder within this one, named by site and period, as in clinic-001-2026-10. What is there already is left as it is,
    /// and the exit code is that of when it was made: for timers, which may run again
    #[arg(long, value_name = "DIR", conflicts_with = "json", group = "place")]
    pub into: Option<PathBuf>,
    /// Also as PDF
    #[arg(long)]
    pub pdf: bool,
    /// Sign the list of files with this secret key: SHA256SUMS.minisig
    #[arg(long, value_name = "FILE", requires = "place")]
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

    /// The folder to make, where one is: `name` is what the packet is called besides its site.
    pub fn place(&self, name: &str) -> Option<PathBuf> {
        let of_site = |name: &str| self.site.as_ref().map_or_else(|| name.to_owned(), |site| format!("{site}-{name}"));
        self.out.clone().or_else(|| self.into.as_ref().map(|into| into.join(of_site(name))))
    }
}
