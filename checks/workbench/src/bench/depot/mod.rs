//! The network half: what a depot takes and serves in a second, beside what the machine or another server can.
//!
//! The depot is the release binary on a data directory of its own under `target/`, on loopback, with its own defaults. The
//! client shares the machine with it.

mod append;
pub mod appliance;
mod cache;
mod check_ins;
mod closure;
mod cores;
mod corrupted;
mod courier;
mod delivery;
pub mod drafts;
mod evidence;
mod fleet;
pub mod limits;
mod nginx;
pub mod stats;
mod steady;
mod watch;
mod world;
mod wrk;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use writ_scenarios::depot::Depot;

use self::watch::Watch;
use super::figure;

/// How much is measured.
#[derive(clap::Args)]
#[command(next_help_heading = "Of the network half")]
#[group(skip)]
pub struct Amounts {
    /// How often each figure is measured; the median counts.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = counted(1))]
    rounds: usize,
    /// How long the binary cache is asked in each round, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    seconds: u64,
    /// How many bundles are delivered in each round.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = counted(1))]
    bundles: usize,
    /// How many appliances check in.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = counted(1))]
    appliances: usize,
    /// How many appliances check in every minute.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = counted(1))]
    steady: usize,
    /// For how many minutes they do.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = counted(1))]
    steady_minutes: usize,
    /// How often a courier goes round before its memory is measured.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = counted(1))]
    cycles: usize,
}

impl Amounts {
    /// Sites of the fleet, and appliances of each.
    fn fleet(&self) -> (usize, usize) {
        let sites = self.appliances.div_ceil(APPLIANCES_OF_A_SITE);
        (sites, self.appliances.div_ceil(sites))
    }
}

/// Appliances that one release of the fleet names.
const APPLIANCES_OF_A_SITE: usize = 100;

fn counted(least: usize) -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser as _;
    clap::value_parser!(u64).range(least as u64..=10_000_000).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
}

/// What the figures of the network half mean.
pub const DEFINITIONS: &str = "\
  HTTP         plain HTTP/1.1 on loopback over kept-alive connections, the client on the same machine; requests are made
               and signed beforehand; figures are medians of the rounds, smallest and largest in brackets
  check-in     an appliance's signed heartbeat, as its courier sends it: one strict Ed25519 verification each, by the
               appliance's own key; the courier's signature over the request proves less and is not asked for
  bundle       sealed by an appliance, written and fsynced by the depot before its receipt leaves. A minisign file holds
               two Ed25519 signatures (over the bundle, and over signature and trusted comment): two strict verifications
               each, and one more for the request that carries a batch. Every receipt is verified after the measurement
  limit        of the machine, measured in the same rounds: strict Ed25519 verifications a second on all cores, by two for
               each bundle; appends of 4 KiB with fsync a second, times the batch; shares are of the smaller one. More than
               100 % of it means that batches of several couriers shared an fsync (group commit)
  fleet        each appliance opens a connection, asks what is new, checks in, delivers 10 bundles and hangs up
  steady       check-ins evenly in time, each over a connection of its own, signed as they are sent; how long one took
               counts from when it was due
  largest PSS  of looks every 0.1 s while the load was on
  nginx        Debian's, 2 workers, sendfile, open_file_cache, no access log, the depot's own files; both asked by Debian's
               wrk with 2 threads, in turns; ratio of the medians";

/// The families of figures.
pub use self::{
    append::run as append, cache::run as cache, check_ins::run as check_ins, corrupted::run as corrupted,
    courier::run as courier, evidence::run as evidence, fleet::run as fleet, steady::run as steady,
};

/// Where a depot listens.
fn address(depot: &Depot) -> Result<SocketAddr> {
    depot.address.parse().with_context(|| format!("the depot listens on {:?}", depot.address))
}

/// Prints the most memory that a depot took.
fn memory(what: &str, watch: Watch) -> Result<()> {
    let most = watch.end()?;
    figure(&format!("{what}, largest PSS"), &format!("{most:.0} MB"), Some(("under 80 MB", most < 80.0)));
    Ok(())
}
