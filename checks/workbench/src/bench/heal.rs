//! L1 time: from the change of a file's mode until the re-scan has passed and the closing bundle is fsynced.

use std::time::Instant;

use anyhow::{Result, bail};

use super::clinic::{Clinic, FILES};
use super::closings::Closings;
use super::{figure, percentile};

/// Makes `count` drifts, one after the other, and prints how long each took until its closing bundle was in the outbox.
pub fn run(count: usize) -> Result<()> {
    println!("L1: a file's mode drifts, {count} times; until the closing bundle is durable");
    let clinic = Clinic::open()?;
    let daemon = clinic.start()?;
    let mut times = Vec::with_capacity(count);
    let mut closings = Closings::from_now(clinic.outbox())?;
    for i in 0..count {
        let n = i % FILES + 1;
        let start = Instant::now();
        clinic.set_mode(n, 0o600)?;
        closings.wait_for(&format!("file.{n}"))?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if clinic.mode(n)? != 0o644 {
            bail!("file {n} has a closing bundle but not its mode");
        }
    }
    drop(daemon);
    times.sort_by(f64::total_cmp);
    let p99 = percentile(&times, 0.99);
    figure("p50", &format!("{:.1} ms", percentile(&times, 0.5)), None);
    figure("p99", &format!("{p99:.1} ms"), Some(("under 15 ms", p99 <= 15.0)));
    Ok(())
}
