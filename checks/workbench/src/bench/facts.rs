//! What machine this is, and its limit for durable writes.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::figure;

/// Prints the machine's facts and how many durable file replacements it does in a second.
pub fn print() -> Result<()> {
    println!("Machine");
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown");
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = memory.lines().next().and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0);
    figure("processor", model, None);
    figure("cores", &std::thread::available_parallelism()?.to_string(), None);
    figure("memory", &format!("{} MiB", memory / 1024), None);
    figure("processor time that others take, just before", &format!("{:.0} %", others()? * 100.0), None);
    figure("kernel", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(), None);
    let dir = tempfile::tempdir()?;
    let start = Instant::now();
    let count = 500;
    for _ in 0..count {
        writ_durable::replace(&dir.path().join("file"), &[0; 4096], 0o600)?;
    }
    let each = start.elapsed().as_secs_f64() * 1e3 / f64::from(count);
    figure("one durable replacement of 4 KiB (write, fsync, rename, fsync)", &format!("{each:.2} ms"), None);
    Ok(())
}

/// The share of all cores that was not idle during a second in which this task did nothing. What others take is missing
/// from every figure.
fn others() -> Result<f64> {
    let before = times()?;
    std::thread::sleep(Duration::from_secs(1));
    let after = times()?;
    let (idle, all) = (after.0 - before.0, after.1 - before.1);
    Ok(1.0 - idle / all.max(1.0))
}

/// Idle time and all time of the cores since the machine started, in ticks (proc(5): /proc/stat).
fn times() -> Result<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line.split_whitespace().skip(1).take(8).map(str::parse).collect::<Result<_, _>>()?;
    Ok((ticks.iter().skip(3).take(2).sum(), ticks.iter().sum()))
}
