//! The memory of a process while it is under load, and the processor time that it takes for each thing it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::process::{cpu_ms, pss_mb};

/// How often it is looked at: often enough for loads of seconds, rarely enough to cost nothing.
const EVERY: Duration = Duration::from_millis(100);

/// Looks at a process's memory until it is told to stop.
pub struct Watch {
    stop: Arc<AtomicBool>,
    looking: Option<JoinHandle<Result<f64>>>,
}

impl Watch {
    /// Begins to look.
    pub fn begin(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let looking = std::thread::spawn(move || {
            let mut most = 0_f64;
            loop {
                most = most.max(pss_mb(pid).with_context(|| format!("the memory of process {pid}"))?);
                if stopped.load(Ordering::Relaxed) {
                    return Ok(most);
                }
                std::thread::sleep(EVERY);
            }
        });
        Self { stop, looking: Some(looking) }
    }

    /// The most that was seen, in MB (PSS); an error when it could not be seen once: no figure is better than a wrong one.
    pub fn end(mut self) -> Result<f64> {
        self.stop.store(true, Ordering::Relaxed);
        let looking = self.looking.take().context("it has ended")?;
        looking.join().ok().context("the looking thread panicked")?
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The processor time of a process since a moment.
pub struct Cost {
    pid: u32,
    before: f64,
}

impl Cost {
    /// From now on.
    pub fn from_now(pid: u32) -> Result<Self> {
        Ok(Self { pid, before: cpu_ms(pid)? })
    }

    /// Microseconds of processor time for each of so many things done since then.
    pub fn each(&self, count: f64) -> Result<f64> {
        Ok((cpu_ms(self.pid)? - self.before) * 1e3 / count)
    }
}
