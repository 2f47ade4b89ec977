//! The limits of this machine for evidence: what no depot on it can exceed.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::appliance::key;
use super::cores::cores;
use super::stats::float;

/// How many keys take turns, so that no table of one key stays in the processor's cache.
const KEYS: usize = 64;
/// Bytes appended before each fsync.
const PIECE: [u8; 4096] = [0x5a; 4096];

/// Strict Ed25519 verifications per second of 64-byte messages (a minisign file signs a digest of 64 bytes), on all cores at
/// the same time.
pub fn verifies(time: Duration) -> Result<f64> {
    let message = [7; 64];
    let signed: Vec<_> = (0..KEYS)
        .map(|n| {
            let key = key(&format!("limit {n}"));
            (key.public_key(), key.sign_message(&message))
        })
        .collect();
    let (count, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                let mut done = 0;
                while start.elapsed() < time {
                    for (key, signature) in &signed {
                        if key.verify_message(&message, signature).is_err() {
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    done += KEYS;
                }
                count.fetch_add(done, Ordering::Relaxed);
            });
        }
    });
    if failed.into_inner() > 0 {
        bail!("a good signature did not verify");
    }
    Ok(float(count.into_inner()) / start.elapsed().as_secs_f64())
}

/// How often per second 4 KiB can be appended to a file of this folder and fsynced, one after another.
pub fn fsyncs(folder: &Path, time: Duration) -> Result<f64> {
    let path = folder.join("fsync");
    let mut file = File::create(&path)?;
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < time {
        file.write_all(&PIECE)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = float(count) / start.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}
