//! CPU time and memory of a process, from /proc.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// CPU time of all threads of a process so far, in milliseconds.
pub fn cpu_ms(pid: u32) -> Result<f64> {
    let mut nanoseconds = 0_u64;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    }
    #[allow(clippy::cast_precision_loss)]
    Ok(nanoseconds as f64 / 1e6)
}

/// CPU time of a process, of all that it has running, and of all that it has waited for, in milliseconds.
pub fn cpu_of_family_ms(pid: u32) -> Result<f64> {
    let living: f64 = family(pid).into_iter().filter_map(|pid| cpu_ms(pid).ok()).sum();
    Ok(living + cpu_of_children_ms(pid)?)
}

/// Proportional set size of a process and of all that it has running, in MB.
pub fn pss_of_family_mb(pid: u32) -> f64 {
    family(pid).into_iter().filter_map(|pid| pss_mb(pid).ok()).sum()
}

/// CPU time of all processes that a process has started and waited for, in milliseconds (proc(5): cutime and cstime, in
/// ticks of ten milliseconds).
fn cpu_of_children_ms(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name in the stat file")?;
    let ticks = fields.split_whitespace().skip(13).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * 10.0)
}

/// Proportional set size of a process, in MB.
pub fn pss_mb(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find(|l| l.starts_with("Pss:")).context("no Pss line")?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kilobytes / 1024.0)
}

/// The most memory that a program and its children had at once, as the sum of their proportional set sizes, in MB.
pub fn peak_pss_mb(command: &mut Command) -> Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("cannot run {}", writ_scenarios::run::line(command)))?;
    let mut peak = 0.0_f64;
    while child.try_wait()?.is_none() {
        // One that has just ended has no memory.
        let all = family(child.id()).into_iter().filter_map(|pid| pss_mb(pid).ok()).sum();
        peak = peak.max(all);
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(peak)
}

/// A process and all below it.
fn family(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(&one) = family.get(at) {
        family.extend(all.iter().filter(|(_, parent)| *parent == one).map(|(child, _)| *child));
        at += 1;
    }
    family
}

/// The parent of a process; its name, in parentheses, may hold anything.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// What one run of a program took.
pub struct Cost {
    /// Wall time in milliseconds.
    pub wall_ms: f64,
    /// CPU time in milliseconds, children included.
    pub cpu_ms: f64,
    /// Largest resident set in MB.
    pub peak_mb: f64,
}

/// Runs a program to its end and measures it, with what it waited for.
pub fn cost(command: &mut Command) -> Result<Cost> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot run {}", writ_scenarios::run::line(command)))?;
    let pid = libc::pid_t::try_from(child.id())?;
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `pid` is our own child that nobody else waits for; both pointers are valid for the call. The standard
    // library's wait gives no resource usage.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
    if waited != pid {
        bail!("cannot wait for {}", writ_scenarios::run::line(command));
    }
    let wall_ms = start.elapsed().as_secs_f64() * 1e3;
    // SAFETY: wait4 filled it, and all zeroes would be valid too.
    let usage = unsafe { usage.assume_init() };
    #[allow(clippy::cast_precision_loss)]
    let ms = |t: libc::timeval| t.tv_sec as f64 * 1e3 + t.tv_usec as f64 / 1e3;
    #[allow(clippy::cast_precision_loss)]
    Ok(Cost { wall_ms, cpu_ms: ms(usage.ru_utime) + ms(usage.ru_stime), peak_mb: usage.ru_maxrss as f64 / 1024.0 })
}
