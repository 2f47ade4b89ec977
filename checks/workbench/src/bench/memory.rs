//! Memory of the enforcer after many full scans.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use writ_scenarios::run;

use super::clinic::{Clinic, Daemon, FILES};
use super::figure;
use super::process::pss_mb;

/// Prints the enforcer's memory (PSS) after `count` full scans.
pub fn run(count: usize) -> Result<()> {
    println!("Memory after {count} full scans of {FILES} checks");
    let clinic = Clinic::open()?;
    let daemon = clinic.start()?;
    // A heal first: what it loads stays.
    clinic.set_mode(7, 0o600)?;
    run::wait("the file to be healed", Duration::from_secs(5), || Ok((clinic.mode(7)? == 0o644).then_some(())))?;
    for _ in 0..count {
        let before = scans(&clinic)?;
        scan(&daemon, &clinic, before)?;
    }
    let memory = pss_mb(daemon.pid())?;
    figure("writ-enforce, PSS", &format!("{memory:.1} MB"), Some(("under 14 MB", memory < 14.0)));
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
