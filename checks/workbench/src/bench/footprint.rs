//! What an appliance takes of its machine: how large its programs are, what its processes have of memory together, and what
//! looking costs while nothing happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use writ_scenarios::appliance::{Appliance, PATIENCE, Supply};
use writ_scenarios::depot::Depot;
use writ_scenarios::network::{HUB, Network};
use writ_scenarios::workshop::Workshop;
use writ_scenarios::{container, run};
use writ_tools::setup;

use super::figure;
use super::process::{cpu_of_family_ms, peak_pss_mb, pss_of_family_mb};

const NAME: &str = "front-desk";
/// The processes that run all the time.
const PROCESSES: [&str; 3] = ["writ-enforce", "writ-sync", "writ-probe"];

/// How much is measured.
#[derive(clap::Args)]
#[group(skip)]
pub struct Amounts {
    /// How often an appliance looks at everything before its memory is measured; once a minute would be 10,080 in a week.
    #[arg(long, default_value_t = 200)]
    looks: usize,
    /// How many minutes an appliance is left alone while its processor time is measured.
    #[arg(long, default_value_t = 3)]
    minutes: u64,
}

/// Prints sizes, and memory and processor time of the example's front desk.
pub fn run(amounts: &Amounts) -> Result<()> {
    setup::ensure(&[("strip", "binutils")])?;
    let scratch = tempfile::Builder::new().prefix("writ-bench-").tempdir()?;
    let mut desk = Workshop::open(&scratch.path().join("desk"))?;
    sizes(&desk.bin, scratch.path())?;
    if let Err(why) = container::available() {
        println!("Footprint: not measured, there are no containers here ({why})");
        return Ok(());
    }
    desk.logged = true;
    desk.make_keys()?;
    for appliance in [NAME, "back-office"] {
        desk.enrol(appliance)?;
    }
    desk.commit("Two appliances join the clinic")?;
    desk.make_trust_root()?;
    let mut network = Network::new("foot")?;
    let _depot = Depot::start(&desk, &scratch.path().join("depot"), "0.0.0.0:8080", Some(&network))?;
    desk.release_to_depot("http://127.0.0.1:8080", |writ| network.at_hub(writ))?;
    let namespace = network.join(NAME)?;
    let supply = Supply::Depot { url: &format!("http://{HUB}:8080"), namespace: &namespace };
    let appliance = Appliance::boot(&desk, NAME, &scratch.path().join(NAME), supply)?;
    // As patient as an appliance is.
    for (file, settings) in [
        ("/etc/writ/enforce.toml", &["heartbeat = \"1s\"\n", "poll_releases = \"1s\"\n"]),
        ("/etc/writ/sync.toml", &["checkin = \"1s\"\n", "sync = \"10s\"\n"]),
    ] {
        let path = appliance.container.path(file);
        let text = fs::read_to_string(&path)?;
        fs::write(&path, settings.iter().fold(text, |text, setting| text.replace(setting, "")))?;
    }
    appliance.start_probe()?;
    appliance.start_courier()?;
    appliance.start()?;
    appliance.await_bundle(0, "release 1", |found| found.text(&["kind"]) == "switch")?;
    measure(&appliance, amounts)
}

fn sizes(binaries: &Path, scratch: &Path) -> Result<()> {
    println!("Programs, without debugging information");
    let mut all: Vec<_> = fs::read_dir(binaries)?.collect::<std::io::Result<_>>()?;
    all.sort_by_key(fs::DirEntry::file_name);
    for entry in all {
        let name = entry.file_name().to_string_lossy().into_owned();
        let metadata = entry.metadata()?;
        let program = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
        if !program || !name.starts_with("writ") || name == "writ-workbench" {
            continue;
        }
        let stripped = scratch.join(&name);
        run::checked(Command::new("strip").arg("-o").arg(&stripped).arg(entry.path()))?;
        #[allow(clippy::cast_precision_loss)]
        let size = fs::metadata(&stripped)?.len() as f64 / 1e6;
        figure(&name, &format!("{size:.1} MB"), Some(("under 12 MB", size < 12.0)));
    }
    Ok(())
}

fn counter(appliance: &Appliance, name: &str) -> Result<u64> {
    let text = fs::read(appliance.state().join("status.json")).unwrap_or_default();
    let status: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    Ok(status["counters"][name].as_u64().unwrap_or(0))
}

fn measure(appliance: &Appliance, amounts: &Amounts) -> Result<()> {
    println!("An appliance of the example ({NAME}), in a container, with a depot");
    let pids = PROCESSES.map(|name| (name, appliance.container.processes(name)));
    let pid = |name: &str| -> Result<u32> {
        let found = pids.iter().find(|(known, _)| *known == name).and_then(|(_, pids)| pids.first().copied());
        found.with_context(|| format!("{name} does not run\n{}", appliance.last_words()))
    };
    let enforcer = pid("writ-enforce")?;
    for _ in 0..amounts.looks {
        let before = counter(appliance, "full_scans")?;
        run::checked(Command::new("kill").args(["-USR1", &enforcer.to_string()]))?;
        run::wait("a full scan", PATIENCE, || Ok((counter(appliance, "full_scans")? > before).then_some(())))?;
    }
    let cpu = || -> Result<Vec<f64>> { PROCESSES.iter().map(|name| cpu_of_family_ms(pid(name)?)).collect() };
    let (before, scans, start) = (cpu()?, counter(appliance, "scans")?, Instant::now());
    std::thread::sleep(Duration::from_secs(60 * amounts.minutes));
    let (after, elapsed) = (cpu()?, start.elapsed().as_secs_f64());
    #[allow(clippy::cast_precision_loss)]
    let a_minute = (counter(appliance, "scans")? - scans) as f64 / elapsed * 60.0;
    let (mut memory, mut share) = (0.0, 0.0);
    for ((name, before), after) in PROCESSES.iter().zip(&before).zip(&after) {
        let (mb, percent) = (pss_of_family_mb(pid(name)?), (after - before) / elapsed / 10.0);
        figure(
            &format!("{name} and what it has running, PSS; processor time"),
            &format!("{mb:.1} MB; {percent:.2} %"),
            None,
        );
        memory += mb;
        share += percent;
    }
    figure(
        &format!("all that run all the time, PSS after {} looks at everything", amounts.looks),
        &format!("{memory:.1} MB"),
        Some(("under 20 MB", memory < 20.0)),
    );
    let logs = peak_pss_mb(&mut appliance.container.command("/opt/writ/writ-logs", &[]))?;
    figure("writ-logs besides, every five minutes for a moment, peak PSS", &format!("{logs:.1} MB"), None);
    figure("checks a minute", &format!("{a_minute:.0}"), None);
    let at_sixty = share / a_minute * 60.0;
    figure(
        "all, of one core, at 60 checks a minute",
        &format!("{at_sixty:.2} %"),
        Some(("under 0.5 %", at_sixty < 0.5)),
    );
    Ok(())
}
