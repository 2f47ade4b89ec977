//! `writ report`: a month of five thousand bundles as HTML, PDF, CSV and JSON: how long, how much memory, and that twice as much takes
//! twice as long.

use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::json;
use writ_scenarios::binaries;
use writ_trust::json as strict;
use writ_trust::time::Time;

use super::figure;
use super::process::{Cost, cost};
use crate::world::{HOUR, MINUTE, World, policy_json};

/// How many checks the policy has beside the three of the world.
const CHECKS: usize = 60;
/// Bundles of an hour: three incidents that open and close, and one of posture.
const PER_HOUR: i64 = 7;
/// What a packet of five thousand bundles may take.
const MOST_SECONDS: f64 = 5.0;
const MOST_MB: f64 = 300.0;
/// How much longer twice as much may take.
const TWICE: f64 = 2.6;

/// Prints the figures.
pub fn run() -> Result<()> {
    let month = 30 * 24;
    println!("Packets: a month of {} bundles of {} checks, with PDF", PER_HOUR * month + 1, CHECKS + 3);
    let half = packet(month / 2)?;
    let whole = packet(month)?;
    let seconds = whole.wall_ms / 1e3;
    let target = format!("under {MOST_SECONDS:.0} s");
    figure("writ report monthly --pdf, wall", &format!("{seconds:.2} s"), Some((&target, seconds < MOST_SECONDS)));
    let target = format!("under {MOST_MB:.0} MB");
    figure("largest resident set", &format!("{:.0} MB", whole.peak_mb), Some((&target, whole.peak_mb < MOST_MB)));
    let ratio = whole.cpu_ms / half.cpu_ms;
    let target = format!("at most {TWICE}");
    figure("processor time beside that of half as many", &format!("{ratio:.2}"), Some((&target, ratio <= TWICE)));
    Ok(())
}

/// Makes a folder of so many hours, and a packet of it.
fn packet(hours: i64) -> Result<Cost> {
    let world = lived(hours);
    let to = tempfile::Builder::new().prefix("writ-bench-").tempdir()?;
    let root = to.path().join("root.json");
    std::fs::write(&root, strict::canonical(&world.root))?;
    let mut report = Command::new(binaries::folder()?.join("writ"));
    report.args(["report", "monthly", "--month", "2026-12", "--now", "2027-01-01T00:00:00Z", "--pdf"]);
    report.arg(world.path()).arg("--trust").arg(&root).arg("--out").arg(to.path().join("packet"));
    let cost = cost(&mut report)?;
    let made = std::fs::read(to.path().join("packet/clinic-001-2026-12.json"))?;
    let made: serde_json::Value = serde_json::from_slice(&made)?;
    let bundles = made["bundles"].as_array().map_or(0, Vec::len);
    ensure!(bundles as i64 == PER_HOUR * hours + 1, "the packet rests on {bundles} bundles");
    Ok(cost)
}

/// An appliance that lived through December, and healed three incidents each hour.
fn lived(hours: i64) -> World {
    let mut world = World::empty();
    let policy = policy_json(|policy| {
        for n in 0..CHECKS {
            let mut check = policy["checks"]["file.motd"].clone();
            check["title"] = json!(format!("File {n} is as released"));
            check["probe"]["file"]["path"] = json!(format!("/etc/file-{n}"));
            policy["checks"][format!("file.n{n}")] = check;
        }
    });
    world.release(1, &policy, |_| {});
    let first = Time::from_unix_millis(1_796_083_200_000);
    world.started(first);
    for hour in 0..hours {
        let from = first.plus_millis(hour * HOUR);
        for minute in [5, 25, 45] {
            let drift = from.plus_millis(minute * MINUTE);
            let opened = world.open("file.motd", drift);
            world.close("file.motd", opened, drift, drift.plus_millis(42_500));
        }
        world.vector(from, from.plus_millis(HOUR), |_, _| {});
    }
    world
}
