//! `writ audit fetch`: an audit folder out of what a depot serves.
//!
//! Nothing that the depot says is believed: entries count because the log's signed tree holds them, and everything else
//! because an entry names its digest and who must have signed it did. What does not hold is never written: it would stand in
//! the way of what does. What all of it is worth is left for `writ audit verify` to judge.

mod evidence;
mod folder;
mod log;
mod logs;
mod releases;
mod restarts;
mod roots;
mod signatures;
mod times;

use std::path::PathBuf;

use serde::Serialize;
use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::root_chain::TrustChain;

use self::folder::Folder;
use crate::depot::{DepotOptions, ReaderOptions};
use crate::failure::{Answer, Failure, Outcome};
use crate::{files, screen};

/// Fetch a site's audit folder from a depot
///
/// Trust roots, logs and what others say of when they had come to what, releases, documents, evidence and batches of logs, in the layout that `writ audit verify` reads. May be interrupted and
/// run again: only what is new is asked for. A log may only grow: where its head does not continue the one of the fetch
/// before, that is refused by name and both are kept; the older checkpoint stays beside the newest in any case.
///
/// Whatever the log says that the depot has and the depot does not give is said, and asked for again the next time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  writ audit fetch --depot https://depot.example.org --site clinic-001 --read-key ../keys/auditor.key \\
      --trust root-you-were-given.json --to audit
  writ audit verify audit --trust root-you-were-given.json

Exit codes: 0 fetched; 1 refused, or something was withheld, and said; 2 could not run.")]
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
    /// The audit folder; made if it is not there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The most that is fetched in one run, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    max_gib: u64,
    /// Print the result as JSON: fetched-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

/// What came of fetching, `writ.fetched.v1`.
#[derive(Debug, Serialize)]
struct Fetched {
    schema: &'static str,
    site: SiteId,
    /// Files that are new.
    files: u64,
    /// Their bytes.
    bytes: u64,
    logs: Vec<LogFetched>,
    /// What the log says that the depot has, and the depot did not give as it should be.
    withheld: Vec<Withheld>,
    /// How many times bundles lead to a batch of logs that the depot does not have: `writ audit verify` says which.
    log_batches_missing: u64,
}

/// One log after fetching.
#[derive(Debug, Serialize)]
struct LogFetched {
    number: u64,
    origin: String,
    /// How many entries it has, and had after the fetch before.
    size: u64,
    before: u64,
}

/// Something that did not come.
#[derive(Debug, Serialize)]
struct Withheld {
    path: String,
    why: String,
}

/// One run.
struct Fetch<'a> {
    client: Client,
    chain: TrustChain,
    site: &'a SiteId,
    to: Folder<'a>,
    withheld: Vec<Withheld>,
    /// Batches of logs that are still to be fetched.
    wanted: logs::Wanted,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let pinned = files::read(&self.trust, MAX_DOCUMENT, "the trust root")?;
        let chain = TrustChain::pinned(&pinned)
            .map_err(|e| Failure::refused("this is not a usable trust root").at(self.trust.display()).because(e))?;
        let client = self.depot.reader(&self.reader)?;
        let to = Folder::open(&self.to, self.max_gib.saturating_mul(1 << 30))?;
        let mut fetch =
            Fetch { client, chain, site: &self.site, to, withheld: Vec::new(), wanted: logs::Wanted::default() };
        fetch.recall_logs()?;
        fetch.roots(&pinned)?;
        let (mut logs, mut heads) = (Vec::new(), Vec::new());
        let origins = fetch.chain.newest().origins(&self.site).to_vec();
        for (index, origin) in origins.iter().enumerate() {
            let number = index as u64 + 1;
            let listed = fetch.list_times(number)?;
            let Some((before, head)) = fetch.log(number, origin, index + 1 == origins.len())? else { continue };
            if number > 1 {
                fetch.restart(number, origin)?;
            }
            fetch.times(number, origin, &listed)?;
            logs.push(LogFetched { number, origin: origin.clone(), size: head.checkpoint.size, before });
            heads.push((number, head));
        }
        // The newest first: what a restored depot was sent again is in that one.
        for (number, head) in heads.iter().rev() {
            fetch.entries(*number, head)?;
        }
        let log_batches_missing = fetch.log_batches()?;
        fetch.unlogged_releases(!heads.is_empty())?;
        fetch.documents()?;
        fetch.to.sync()?;
        let (files, bytes) = fetch.to.written();
        let done = Fetched {
            schema: "writ.fetched.v1",
            site: self.site.clone(),
            files,
            bytes,
            logs,
            withheld: fetch.withheld,
            log_batches_missing,
        };
        if self.json {
            screen::json(&done);
        } else {
            tell(&done);
        }
        Ok(if done.withheld.is_empty() { Answer::Yes } else { Answer::No })
    }
}

fn tell(done: &Fetched) {
    for withheld in &done.withheld {
        screen::warning(&format!("{}: {}", withheld.path, withheld.why));
    }
    for log in &done.logs {
        let LogFetched { number, origin, size, before } = log;
        screen::line(&format!("log {number} {origin}: {size} entries, {} of them new", size - before));
    }
    if done.logs.is_empty() {
        screen::line("log: not configured: nobody can see whether evidence was withheld");
    }
    if done.log_batches_missing > 0 {
        let n = done.log_batches_missing;
        screen::warning(&format!(
            "{n} times bundles lead to a batch of logs that the depot does not have: `writ audit verify` says which"
        ));
    }
    screen::line(&format!("{} new files, {} KiB", done.files, done.bytes.div_ceil(1024)));
}
