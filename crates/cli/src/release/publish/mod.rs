//! `writ release publish`: a signed draft into a folder that appliances read, or to a depot.

mod depot;
mod fit;
mod folder;
mod log_folder;
mod upload;
mod uploaded;

use std::path::{Path, PathBuf};

use writ_nix::cache_key::CacheKey;
use writ_nix::publish;
use writ_nix::tool::Nix;
use writ_trust::root_chain::TrustChain;

use self::depot::Depot;
use self::fit::Fit;
use super::draft::ledger_path;
use super::ledger::{Entry, Event, Ledger};
use crate::clock;
use crate::depot::{DepotOptions, ReaderOptions};
use crate::failure::{Answer, Failure, Outcome};
use crate::layout::Layout;
use crate::passphrase::PassphraseOptions;
use crate::screen;
use crate::trust::folder as roots;

/// Publish a signed draft to a depot, into a release folder, or both
///
/// Judges the draft by every rule that appliances apply, and refuses it unless it follows the release that is newest where
/// it goes: publishing is a compare-and-swap, and publishing the same draft again changes nothing, or adds signatures that
/// came later.
///
/// To a depot: first trust roots that it lacks go up, by which it judges all that follows. What it shows as newest is held
/// against the head of the site's log, which must be signed, and hold nothing newer. Then the draft is judged, and the signed
/// release goes up, and of the documents and store paths that it names those that are missing; with the last one the depot
/// logs the release and gives it to appliances. What was uploaded is asked for again: the release, its place in the log, its
/// documents and narinfos are compared, of the files in the cache it is asked whether they are there. May be interrupted at
/// any point and run again.
///
/// Into a folder: closures go into DIR/cache (signed with the cache key), documents into DIR/documents, and last, in one
/// rename, DIR/releases/<site>/<epoch>-<serial>. Where the site has a log, appliances need its word too: with --depot, its
/// head, its tiles of hashes and the orders by which it began come into DIR/log, and its receipt beside the release.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ release publish draft --to releases --cache-key ../keys/cache-1.nix-key
  writ release publish draft --to releases --cache-key ../keys/cache-1.nix-key \\
      --depot https://depot.example.org --read-key ../keys/alice-read.key
  writ release publish draft --depot https://depot.example.org --read-key ../keys/alice-read.key --trust releases/trust

Appliances read a folder over any file transport: writ-enforce --releases releases")]
pub struct Arguments {
    /// The draft
    draft: PathBuf,
    /// The release folder
    #[arg(long, value_name = "DIR", required_unless_present = "depot")]
    to: Option<PathBuf>,
    /// The secret cache key, in Nix's form; needed when the draft has systems
    #[arg(long, value_name = "FILE")]
    cache_key: Option<PathBuf>,
    /// A folder of trust roots: added to DIR/trust first, and to the depot's; without --to, the one to judge by
    #[arg(long, value_name = "DIR", required_unless_present = "to")]
    trust: Option<PathBuf>,
    /// The ledger; `ledger.json` beside the draft if absent
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// The depot's address: https://host or https://host:port
    #[arg(long, value_name = "URL", requires = "read_key")]
    depot: Option<String>,
    /// The secret half of a key to which the trust root gives the role read: for looking at what the depot has
    #[arg(long, value_name = "FILE")]
    read_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Certificates (PEM) of the authorities that may vouch for the depot's name, instead of the public web's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Allow plain HTTP to a depot on another machine
    #[arg(long)]
    allow_http: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let draft = Layout::new(&self.draft);
        let target = self.to.as_deref().map(Layout::new);
        if let (Some(trust), Some(target)) = (&self.trust, &target) {
            folder::add_roots(trust, target)?;
        }
        let trust = target.as_ref().map(Layout::trust).or_else(|| self.trust.clone()).unwrap_or_default();
        let trust = roots::read(&trust)?;
        let chain = trust.chain()?;
        let sites = draft.sites()?;
        if sites.is_empty() {
            return Err(Failure::could_not("there is no draft here").at(self.draft.display()));
        }
        let mut ledger = Ledger::open(&ledger_path(self.ledger.as_deref(), &self.draft))?;
        let key = self.cache_key.as_deref().map(CacheKey::read).transpose();
        let key = key.map_err(|e| Failure::refused("the cache key is not usable").because(e))?;
        let depot =
            self.depot_options().map(|(depot, reader)| Depot::open(&depot, &reader, &chain, &trust)).transpose()?;
        // Every site is judged before any is published.
        let mut fit = Vec::new();
        for site in &sites {
            let mut newest = Vec::new();
            if let Some(target) = &target {
                newest.push(folder::newest(target, site, &chain)?);
            }
            let seen = target.as_ref().map(|target| log_folder::kept(target, &chain, site)).transpose()?.flatten();
            let before = depot.as_ref().map(|depot| depot.before(site, seen)).transpose()?;
            newest.extend(before.as_ref().map(depot::Before::newest));
            fit.push((fit::judge(&draft, &newest, site, &chain, &ledger)?, before));
        }
        let cache = target.as_ref().unwrap_or(&draft).cache();
        for (one, before) in &fit {
            self.systems(one, &cache, &chain, key.as_ref())?;
            let site = &one.release.site;
            let active = match (&depot, before) {
                (Some(depot), Some(before)) => Some(depot.publish(one, before, &cache)?),
                _ => None,
            };
            if let Some(target) = &target {
                // What the release is judged by comes first.
                if let (Some(depot), Some(head)) = (&depot, active.as_ref().and_then(|active| active.head.as_ref())) {
                    depot.log_into(target, site, head)?;
                }
                folder::publish(one, target, &chain, active.as_ref().and_then(|active| active.receipt.as_deref()))?;
                if active.is_none() && !chain.newest().origins(site).is_empty() {
                    screen::warning(&format!(
                        "appliances of {site} take a release only with the receipt of its log: publish it with --depot too"
                    ));
                }
            }
            record(one, &mut ledger)?;
        }
        Ok(Answer::Yes)
    }

    fn depot_options(&self) -> Option<(DepotOptions, ReaderOptions)> {
        let (depot, read_key) = self.depot.clone().zip(self.read_key.clone())?;
        let (ca_file, allow_http) = (self.ca_file.clone(), self.allow_http);
        let reader = ReaderOptions { read_key, passphrase: self.passphrase.clone() };
        Some((DepotOptions { depot, ca_file, allow_http }, reader))
    }

    /// Copies a site's systems into a binary cache, signed and compressed.
    fn systems(&self, fit: &Fit, cache: &Path, chain: &TrustChain, key: Option<&CacheKey>) -> Outcome<()> {
        if fit.closures.is_empty() {
            return Ok(());
        }
        let key = fit::usable_key(key, &fit.release, chain)?;
        let cache = std::path::absolute(cache).unwrap_or_else(|_| cache.to_owned());
        for closure in &fit.closures {
            screen::progress(&format!("copying {} into the cache", screen::count(closure.paths.len(), "path")));
            publish::publish(&Nix::default(), closure, &cache, Some(key))
                .map_err(|e| Failure::could_not("cannot publish the system").at(&closure.toplevel).because(e))?;
        }
        Ok(())
    }
}

fn record(fit: &Fit, ledger: &mut Ledger) -> Outcome<()> {
    let release = &fit.release;
    ledger.record(Entry {
        site: release.site.clone(),
        epoch: release.epoch,
        serial: release.serial,
        digest: fit.files.digest(),
        event: Event::Published,
        key: None,
        at: clock::now_in_seconds(),
    })
}
