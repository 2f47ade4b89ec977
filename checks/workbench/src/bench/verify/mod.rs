//! `writ audit verify`: how many bundles it verifies in a second, beside what the processor can, and whether its memory grows.

pub mod folder;
mod log;

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use writ_scenarios::binaries;
use writ_tools::run;

use self::folder::Folder;
use super::depot::limits::verifies;
use super::depot::stats::{Rounds, float};
use super::figure;
use super::process::{Cost, cost};

/// How much is verified.
#[derive(clap::Args)]
pub struct Amounts {
    /// How many bundles an audit verifies; a tenth of them shows whether its memory grows.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    verify_bundles: u64,
    /// How often that is measured; the median counts.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    verify_rounds: u64,
}

/// The share of the machine's rate that is to be reached.
const SHARE: f64 = 70.0;
/// The most memory, in MB, however many bundles there are.
const MOST_MB: f64 = 64.0;
/// How long the processor's rate is looked at in each round.
const LOOK: Duration = Duration::from_secs(1);

/// Prints the figures.
pub fn run(amounts: &Amounts) -> Result<()> {
    let bundles = amounts.verify_bundles;
    println!(
        "Auditing: writ audit verify of {bundles} bundles; a signature file holds two signatures, each verified strictly, beside as \
         many by themselves on all cores"
    );
    for (what, logged) in [("without a log", false), ("with a log and receipts, acknowledged ten by ten", true)] {
        println!("  {what}");
        let few = Folder::make(bundles / 10, logged)?;
        let tenth = verify(&few)?.peak_mb;
        drop(few);
        let folder = Folder::make(bundles, logged)?;
        let (mut limit, mut rate, mut peak) = (Rounds::default(), Rounds::default(), 0.0_f64);
        for _ in 0..amounts.verify_rounds {
            limit.push(verifies(LOOK)?);
            let cost = verify(&folder)?;
            rate.push(float(usize::try_from(bundles)?) / cost.wall_ms * 1e3);
            peak = peak.max(cost.peak_mb);
        }
        figure("verified", &rate.shown(" bundles/s"), None);
        figure("the machine alone", &limit.shown(" signatures/s"), None);
        let share = 200.0 * rate.median() / limit.median();
        let target = format!("at least {SHARE:.0} %");
        figure("signatures of bundles beside that", &format!("{share:.0} %"), Some((&target, share >= SHARE)));
        figure(&format!("memory at {} bundles, largest resident set", bundles / 10), &format!("{tenth:.0} MB"), None);
        let target = format!("under {MOST_MB:.0} MB");
        figure("the same at all", &format!("{peak:.0} MB"), Some((&target, peak < MOST_MB)));
        let each = (peak - tenth) * 1024.0 * 1024.0 / float(usize::try_from(bundles - bundles / 10)?);
        figure("growth for each bundle", &format!("{each:.0} bytes"), None);
    }
    Ok(())
}

/// Verifies a folder, which must be sound and whole.
fn verify(folder: &Folder) -> Result<Cost> {
    let command = || -> Result<Command> {
        let mut command = Command::new(binaries::folder()?.join("writ"));
        command.args(["audit", "verify", "--json"]).arg(folder.path());
        command.arg("--trust").arg(folder.root());
        Ok(command)
    };
    let report: serde_json::Value = serde_json::from_str(&run::checked(&mut command()?)?)?;
    let found = report["bundles"].as_u64().unwrap_or(0);
    ensure!(report["ok"] == true && found == folder.bundles, "{found} bundles verified: {}", report["problems"]);
    cost(&mut command()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_verifies() {
        for logged in [false, true] {
            let folder = Folder::make(25, logged).unwrap();
            assert!(verify(&folder).unwrap().wall_ms > 0.0);
        }
    }
}
