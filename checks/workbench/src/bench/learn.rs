//! `writ learn`: what counting patterns in a hundred thousand bundles takes beyond verifying them.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use writ_scenarios::binaries;
use writ_tools::run;

use super::figure;
use super::process::cost;
use super::verify::folder::Folder;

/// How many bundles there are, a third of them the end of an incident that a plan healed.
const BUNDLES: u64 = 100_000;
/// What counting may take, beyond loading, in seconds.
const MOST_SECONDS: f64 = 2.0;
/// How often each is measured; the least counts.
const TIMES: usize = 3;
const VERIFY: &[&str] = &["audit", "verify"];
const LEARN: &[&str] = &["learn", "status", "--audit"];

/// Prints the figures.
pub fn run() -> Result<()> {
    println!("Learning: writ learn over {BUNDLES} bundles, beside writ audit verify of the same folder");
    let folder = Folder::healed_by_plans(BUNDLES)?;
    let patterns = counted(&folder)?;
    let (mut verified, mut learned, mut peak) = (f64::INFINITY, f64::INFINITY, 0.0_f64);
    for _ in 0..TIMES {
        verified = verified.min(cost(&mut command(&folder, VERIFY)?)?.wall_ms / 1e3);
        let cost = cost(&mut command(&folder, LEARN)?)?;
        learned = learned.min(cost.wall_ms / 1e3);
        peak = peak.max(cost.peak_mb);
    }
    figure("patterns in it, occurrences", &patterns, None);
    figure("writ audit verify", &format!("{verified:.2} s"), None);
    figure("writ learn status", &format!("{learned:.2} s"), None);
    let (beyond, target) = (learned - verified, format!("under {MOST_SECONDS:.0} s"));
    figure("what it takes beyond that", &format!("{beyond:.2} s"), Some((&target, beyond < MOST_SECONDS)));
    figure("the second beside the first", &format!("{:.2}", learned / verified), None);
    figure("memory of the second, largest resident set", &format!("{peak:.0} MB"), None);
    Ok(())
}

fn command(folder: &Folder, words: &[&str]) -> Result<Command> {
    let mut command = Command::new(binaries::folder()?.join("writ"));
    command.args(words).arg(folder.path()).arg("--trust").arg(folder.root()).arg("--json");
    Ok(command)
}

/// Every incident is counted, or what is measured is something else.
fn counted(folder: &Folder) -> Result<String> {
    let status: Value = serde_json::from_str(&run::checked(&mut command(folder, LEARN)?)?)?;
    let patterns = status["patterns"].as_array().context("no patterns")?;
    let occurrences: u64 = patterns.iter().filter_map(|pattern| pattern["occurrences"].as_u64()).sum();
    ensure!(occurrences == folder.bundles / 3, "{occurrences} incidents are counted of {}", folder.bundles / 3);
    Ok(format!("{}; {occurrences}", patterns.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_counted() {
        let folder = Folder::healed_by_plans(30).unwrap();
        assert_eq!(counted(&folder).unwrap(), "1; 10");
    }
}
