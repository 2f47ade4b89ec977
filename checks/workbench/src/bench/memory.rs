//! Memory of the enforcer after many full scans: that it is small, and that it does not grow.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use writ_scenarios::run;

use super::clinic::{Clinic, Daemon, FILES};
use super::figure;
use super::process::pss_mb;

/// What is counted as no growth, in MB: an allocator gives back and takes anew.
const STILL: f64 = 0.3;

/// Prints the enforcer's memory (PSS) after a tenth of `count` full scans and after all of them. A look at everything once a
/// minute makes 10,080 in a week.
pub fn run(count: usize) -> Result<()> {
    println!("Memory after {count} full scans of {FILES} checks");
    let clinic = Clinic::open()?;
    let daemon = clinic.start()?;
    // A heal first: what it loads stays.
    clinic.set_mode(7, 0o600)?;
    run::wait("the file to be healed", Duration::from_secs(5), || Ok((clinic.mode(7)? == 0o644).then_some(())))?;
    let after = |scans_now: usize| {
        for _ in 0..scans_now {
            let before = scans(&clinic)?;
            scan(&daemon, &clinic, before)?;
        }
        pss_mb(daemon.pid())
    };
    let early = after(count / 10)?;
    let memory = after(count - count / 10)?;
    figure(&format!("writ-enforce, PSS after {} scans", count / 10), &format!("{early:.1} MB"), None);
    figure("the same after all", &format!("{memory:.1} MB"), Some(("under 14 MB", memory < 14.0)));
    let growth = memory - early;
    figure("growth between the two", &format!("{growth:+.2} MB"), Some(("none (0.3 MB)", growth < STILL)));
    Ok(())
}

/// How many full scans the enforcer has done, as its status file says.
pub fn scans(clinic: &Clinic) -> Result<u64> {
    let text = fs::read(clinic.state().join("status.json")).unwrap_or_default();
    let status: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    Ok(status["counters"]["full_scans"].as_u64().unwrap_or(0))
}

/// Asks the daemon for a full scan and waits until it has done it.
pub fn scan(daemon: &Daemon, clinic: &Clinic, before: u64) -> Result<()> {
    run::checked(Command::new("kill").args(["-USR1", &daemon.pid().to_string()]))?;
    run::wait("a full scan", Duration::from_secs(10), || Ok((scans(clinic)? > before).then_some(())))
}
