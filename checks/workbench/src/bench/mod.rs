//! `cargo xtask bench`: figures, each beside the machine's limit or a peer measured in the same run.

mod answer;
mod clinic;
mod closings;
mod compare;
mod depot;
mod facts;
mod families;
mod footprint;
mod heal;
mod learn;
mod load;
mod memory;
mod oscap;
mod packet;
mod phi;
mod planner;
mod policy;
mod portal;
mod posture;
mod process;
mod scan;
mod second_tier;
mod verify;

use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, ensure};
use writ_tools::setup;

/// Figures of this machine, in one run: healing, scanning beside cf-agent, monit and oscap, memory, what an appliance takes, policy evaluation, what evidence
/// takes and how long comparing it does; check-ins, evidence and the binary cache of a depot, beside the machine's limits and nginx; what the PHI scrubber finds; an
/// audit, beside what the processor can verify; what a packet takes; the portal's pages; what a language model's choice and what
/// learning from evidence take.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only these families of figures, with commas between them.
    #[arg(long, value_name = "FAMILY", value_delimiter = ',')]
    only: Vec<Family>,
    /// End with 1 when a target is missed.
    #[arg(long)]
    strict: bool,
    /// Also run lynis (more than a minute) for scale.
    #[arg(long)]
    lynis: bool,
    /// How often a drift is made and healed.
    #[arg(long, default_value_t = 300)]
    heals: usize,
    /// How often each of the demo's ten breaks is made and healed.
    #[arg(long, default_value_t = 20)]
    breaks: usize,
    /// How often a language model chooses what heals.
    #[arg(long, default_value_t = 100)]
    plans: usize,
    /// How many full scans before memory is measured.
    #[arg(long, default_value_t = 10_000)]
    scans: usize,
    #[command(flatten)]
    footprint: footprint::Amounts,
    #[command(flatten)]
    depot: depot::Amounts,
    #[command(flatten)]
    phi: phi::Amounts,
    #[command(flatten)]
    verify: verify::Amounts,
}

/// Figures that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Family {
    /// From drift to healed.
    Heal,
    /// The same by probe, on an appliance in a container.
    Probes,
    /// From no rule to healed, by a language model's choice.
    SecondTier,
    /// The planner's memory, with a language model and without.
    Planner,
    /// One scan, beside cf-agent, monit and oscap.
    Scan,
    /// The enforcer's memory.
    Memory,
    /// All processes of an appliance together: sizes, memory, processor time.
    Footprint,
    /// Evaluating policy.
    Policy,
    /// What posture takes in six years.
    Posture,
    /// A year of evidence held against its baseline.
    Compare,
    /// The portal's pages over a thousand sites.
    Portal,
    /// The PHI scrubber: recall, precision, cost. Installs Faker from PyPI.
    Phi,
    /// Verifying an audit folder of a hundred thousand bundles.
    Verify,
    /// A month's packet of five thousand bundles.
    Packet,
    /// Patterns in a hundred thousand bundles.
    Learn,
    /// Check-ins a second.
    CheckIns,
    /// Durable bundles a second.
    Evidence,
    /// Evidence of which 1 % is damaged.
    Corrupted,
    /// The binary cache, beside nginx.
    Cache,
    /// Ten thousand appliances.
    Fleet,
    /// One hundred thousand appliances that check in every minute.
    Steady,
    /// Adding to logs of ten thousand to ten million entries.
    Append,
    /// A courier's memory.
    Courier,
    /// All of a depot's, and the courier's.
    Depot,
}

impl Family {
    const OF_DEPOT: [Self; 8] = [
        Self::CheckIns,
        Self::Evidence,
        Self::Corrupted,
        Self::Cache,
        Self::Fleet,
        Self::Steady,
        Self::Append,
        Self::Courier,
    ];
}

impl Arguments {
    fn wants(&self, family: Family) -> bool {
        let group = self.only.contains(&Family::Depot) && Family::OF_DEPOT.contains(&family);
        self.only.is_empty() || self.only.contains(&family) || group
    }
}

/// What the figures mean.
const DEFINITIONS: &str = "\
Definitions
  L1 time      from the change until the re-scan has passed and the closing bundle is fsynced
  L2 time      from when no rule is of use until the re-scan has passed, as the closing bundle tells it
  CPU          process CPU time, user and system; of a scan: of one full scan in the running daemon
  memory       proportional set size (PSS) of the process; peak: largest resident set
  met, MISSED  against the target beside it; peers are Debian's packages, unpacked, measured in this run";

/// How many targets were missed.
static MISSED: AtomicUsize = AtomicUsize::new(0);

/// Prints all figures; a missed target is printed as missed, and is an error when asked so: a figure is of a machine and a moment.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(setup::ALL)?;
    println!("{DEFINITIONS}");
    if Family::OF_DEPOT.into_iter().any(|family| arguments.wants(family)) {
        println!("{}", depot::DEFINITIONS);
    }
    facts::print()?;
    let families: [(Family, &dyn Fn() -> Result<()>); 23] = [
        (Family::Heal, &|| heal::run(arguments.heals)),
        (Family::Probes, &|| families::run(arguments.breaks)),
        (Family::SecondTier, &|| second_tier::run(arguments.plans)),
        (Family::Planner, &planner::run),
        (Family::Scan, &|| scan::run(arguments.lynis)),
        (Family::Memory, &|| memory::run(arguments.scans)),
        (Family::Footprint, &|| footprint::run(&arguments.footprint)),
        (Family::Policy, &policy::run),
        (Family::Posture, &posture::run),
        (Family::Compare, &compare::run),
        (Family::Portal, &portal::run),
        (Family::Phi, &|| phi::run(&arguments.phi)),
        (Family::Verify, &|| verify::run(&arguments.verify)),
        (Family::Packet, &packet::run),
        (Family::Learn, &learn::run),
        (Family::CheckIns, &|| depot::check_ins(&arguments.depot)),
        (Family::Evidence, &|| depot::evidence(&arguments.depot)),
        (Family::Corrupted, &|| depot::corrupted(&arguments.depot)),
        (Family::Cache, &|| depot::cache(&arguments.depot)),
        (Family::Fleet, &|| depot::fleet(&arguments.depot)),
        (Family::Steady, &|| depot::steady(&arguments.depot)),
        (Family::Append, &|| depot::append(&arguments.depot)),
        (Family::Courier, &|| depot::courier(&arguments.depot)),
    ];
    for (family, figures) in families {
        if arguments.wants(family) {
            figures()?;
        }
    }
    let missed = MISSED.load(Ordering::Relaxed);
    ensure!(!arguments.strict || missed == 0, "{missed} targets were missed");
    Ok(())
}

/// One line of result: what, how much, and whether a target was met.
fn figure(what: &str, value: &str, target: Option<(&str, bool)>) {
    match target {
        Some((target, met)) => {
            MISSED.fetch_add(usize::from(!met), Ordering::Relaxed);
            println!("  {what:<58} {value:>16}   target {target}: {}", if met { "met" } else { "MISSED" })
        }
        None => println!("  {what:<58} {value:>16}"),
    }
}

/// The value below which this share of sorted values lies.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let index = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len()) - 1;
    sorted[index]
}
