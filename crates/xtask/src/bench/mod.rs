//! `cargo xtask bench`: figures, each beside the machine's limit or a peer measured in the same run.

mod clinic;
mod facts;
mod heal;
mod memory;
mod policy;
mod process;
mod scan;

use anyhow::Result;

use crate::phase::{cargo, root, show};
use crate::setup;

/// Figures of this machine, in one run: healing, scanning beside cf-agent and monit, memory, policy evaluation.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also run lynis (more than a minute) for scale.
    #[arg(long)]
    lynis: bool,
    /// How often a drift is made and healed.
    #[arg(long, default_value_t = 300)]
    heals: usize,
    /// How many full scans before memory is measured.
    #[arg(long, default_value_t = 1000)]
    scans: usize,
}

/// What the figures mean.
const DEFINITIONS: &str = "\
Definitions
  L1 time      from the change until the re-scan has passed and the closing bundle is fsynced
  CPU          process CPU time, user and system; of a scan: of one full scan in the running daemon
  memory       proportional set size (PSS) of the process; peak: largest resident set
  met, MISSED  against the target beside it; peers are Debian's packages, unpacked, measured in this run";

/// Prints all figures; a missed target is printed as missed and is no error.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(setup::ALL)?;
    show(cargo().args(["build", "--quiet", "--release", "--bins", "-p", "writ-cli", "-p", "writ-agent"]))?;
    // The products of the release profile are measured, whatever profile this task was built in.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("WRIT_BINARIES", target.join("release")) };
    println!("{DEFINITIONS}");
    facts::print()?;
    heal::run(arguments.heals)?;
    scan::run(arguments.lynis)?;
    memory::run(arguments.scans)?;
    policy::run()
}

/// One line of result: what, how much, and whether a target was met.
fn figure(what: &str, value: &str, target: Option<(&str, bool)>) {
    match target {
        Some((target, met)) => {
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
