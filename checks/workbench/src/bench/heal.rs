//! L1 time: from the change of a file's mode until the re-scan has passed and the closing bundle is fsynced.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::clinic::{Clinic, FILES};
use super::{figure, percentile};

/// Makes `count` drifts, one after the other, and prints how long each took until its closing bundle was in the outbox.
pub fn run(count: usize) -> Result<()> {
    println!("L1: a file's mode drifts, {count} times; until the closing bundle is durable");
    let clinic = Clinic::open()?;
    let daemon = clinic.start()?;
    let mut times = Vec::with_capacity(count);
    let mut known = names(&clinic.outbox())?;
    for i in 0..count {
        let n = i % FILES + 1;
        let start = Instant::now();
        clinic.set_mode(n, 0o600)?;
        await_closed(&clinic.outbox(), &mut known, &format!("file.{n}"))?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if clinic.mode(n)? != 0o644 {
            bail!("file {n} has a closing bundle but not its mode");
        }
    }
    drop(daemon);
    times.sort_by(f64::total_cmp);
    let p99 = percentile(&times, 0.99);
    figure("p50", &format!("{:.1} ms", percentile(&times, 0.5)), None);
    figure("p99", &format!("{p99:.1} ms"), Some(("under 50 ms", p99 < 50.0)));
    Ok(())
}

fn names(outbox: &Path) -> Result<std::collections::BTreeSet<String>> {
    Ok(fs::read_dir(outbox)?.filter_map(|e| Some(e.ok()?.file_name().to_string_lossy().into_owned())).collect())
}

/// Spins (without sleeping, so as not to measure a sleep) until the bundle that closes an incident of `check` is there.
fn await_closed(outbox: &Path, known: &mut std::collections::BTreeSet<String>, check: &str) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        for name in names(outbox)? {
            if !name.ends_with(".json") || name.starts_with('.') || known.contains(&name) {
                continue;
            }
            let bundle: serde_json::Value = serde_json::from_slice(&fs::read(outbox.join(&name))?)?;
            known.insert(name);
            if bundle["kind"] == "incident-closed" && bundle["incident"]["check"] == check {
                return Ok(());
            }
        }
    }
    bail!("no closing bundle for {check} within 10 s")
}
