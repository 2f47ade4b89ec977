//! L1 time by what looks: the ten breaks of the demo, each several times, on an appliance with a systemd of its own.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use anyhow::{Result, ensure};
use writ_scenarios::appliance::{Appliance, Supply};
use writ_scenarios::container;
use writ_scenarios::workshop::{SITE, Workshop};

use super::closings::Closings;
use super::{figure, percentile};
use crate::breaks::{ASK, BREAKS, Break};

const NAME: &str = "front-desk";
/// systemd starts no service more than five times in ten seconds, the journal's neither.
const WITHOUT_LIMIT: &str = "mkdir -p /etc/systemd/system/service.d &&
printf '[Unit]\\nStartLimitIntervalSec=0\\n' > /etc/systemd/system/service.d/often.conf && systemctl daemon-reload";

/// Breaks each thing `rounds` times, and prints for each probe how long it took until the closing bundle was durable.
pub fn run(rounds: usize) -> Result<()> {
    println!("L1 by probe: ten things break by hand, {rounds} times each; from the beginning of the command");
    if let Err(why) = container::available() {
        println!("  not measured: there are no containers here ({why})");
        return Ok(());
    }
    let scratch = tempfile::Builder::new().prefix("writ-bench-").tempdir()?;
    let desk = Workshop::open(&scratch.path().join("desk"))?;
    without_rest(&desk)?;
    desk.make_keys()?;
    for appliance in [NAME, "back-office"] {
        desk.enrol(appliance)?;
    }
    desk.commit("An appliance that is broken often")?;
    desk.make_trust_root()?;
    desk.release()?;
    let appliance = Appliance::boot(&desk, NAME, &scratch.path().join(NAME), Supply::Folder)?;
    appliance.run("sh", &["-c", WITHOUT_LIMIT])?;
    appliance.start()?;
    appliance.await_bundle(0, "release 1", |found| found.text(&["kind"]) == "switch")?;
    let mut closings = Closings::from_now(appliance.outbox())?;
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for one in &BREAKS {
            let took = heal(&appliance, &mut closings, one)?;
            times.entry(one.probe).or_default().push(took);
        }
    }
    for (probe, mut times) in times {
        times.sort_by(f64::total_cmp);
        let asked = BREAKS.iter().any(|one| one.probe == probe && one.unannounced);
        let how = if asked { ", asked for by a signal" } else { "" };
        let value = format!("{:.0}; {:.0} ms", percentile(&times, 0.5), percentile(&times, 0.99));
        figure(&format!("{probe}{how}, p50; p99 of {}", times.len()), &value, None);
    }
    Ok(())
}

/// What is broken every second would flap, its rules would rest, and people would have it: as they should, but not here.
fn without_rest(desk: &Workshop) -> Result<()> {
    desk.edit(
        &format!("hosts/{SITE}/site.nix"),
        "{ fires = 5; within = \"1h\"; }",
        "{ fires = 100000; within = \"1h\"; }",
    )?;
    for dir in ["rules".to_owned(), format!("hosts/{SITE}/{NAME}")] {
        for entry in fs::read_dir(desk.flake().join(dir))? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "nix") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let lines = text.lines().map(|line| match line.split_once("cooldown = \"") {
                Some((before, _)) => format!("{before}cooldown = \"1s\";\n"),
                None => format!("{line}\n"),
            });
            fs::write(&path, lines.collect::<String>())?;
        }
    }
    Ok(())
}

fn heal(appliance: &Appliance, closings: &mut Closings, one: &Break) -> Result<f64> {
    let look = || appliance.run("sh", &["-c", &format!("{} || true", one.look)]);
    let before = look()?;
    let start = Instant::now();
    appliance.run("sh", &["-c", one.command])?;
    if one.unannounced {
        appliance.run("sh", &["-c", ASK])?;
    }
    closings.wait_for(one.check).map_err(|error| error.context(appliance.last_words()))?;
    let took = start.elapsed().as_secs_f64() * 1e3;
    ensure!(look()? == before, "{} has a closing bundle, but is not as it was", one.what);
    Ok(took)
}
