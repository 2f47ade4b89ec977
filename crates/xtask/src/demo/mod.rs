//! `cargo xtask demo`: one clinic on one machine, from Nix to a healed appliance and a verdict anyone can check.

mod auditor;
mod breaks;
mod engineer;
mod processes;
mod releases;
mod screen;
mod timeline;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use writ_scenarios::appliance::{Appliance, Supply};
use writ_scenarios::container;
use writ_scenarios::flake::copy;
use writ_scenarios::workshop::Workshop;

use crate::phase::{cargo, show};
use crate::setup;
use screen::{say, title};
use timeline::Timeline;

/// The main job on real input: evaluate, sign, enforce, break, heal, prove, judge.
#[derive(clap::Args)]
pub struct Arguments {
    /// Leave flake/, keys/, releases/, audit/, report.html and timeline.json in this new folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Runs the story to its end; an error means that something did not do what it promises.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(if setup::can_install() { setup::ALL } else { setup::PROCESSES })?;
    show(cargo().args(["build", "--quiet", "--bins", "-p", "writ-cli", "-p", "writ-agent"]))?;
    let start = Instant::now();
    let scratch = tempfile::Builder::new().prefix("writ-demo-").tempdir()?;
    let kept = match &arguments.keep {
        Some(dir) if dir.exists() && dir.read_dir()?.next().is_some() => {
            bail!("{} is not empty; name a new folder for --keep", dir.display())
        }
        Some(dir) => dir.clone(),
        None => tempfile::Builder::new().prefix("writ-report-").tempdir()?.keep(),
    };
    let desk = Workshop::open(&kept)?;
    let mut timeline = Timeline::new();
    let outboxes = match container::available() {
        Ok(()) => in_containers(&desk, scratch.path(), &mut timeline)?,
        Err(why) => {
            say(&format!(
                "no containers here ({why}): the appliance is a process on this machine, which it observes and"
            ));
            say("does not change; what needs a systemd, a packet filter or a system of its own is not shown");
            processes::play(&desk, &kept.join("appliance"), &mut timeline)?
        }
    };
    title("The auditor, offline");
    let report = auditor::verify_and_report(&desk, &outboxes, scratch.path())?;
    timeline.write(&kept.join("timeline.json"))?;
    finish(arguments, &kept, &report, start)
}

/// The story with appliances as containers; returns their outboxes, at rest.
fn in_containers(desk: &Workshop, scratch: &Path, timeline: &mut Timeline) -> Result<Vec<PathBuf>> {
    title("An engineer's desk: policy in Nix, checked like code");
    engineer::keys_and_identities(desk)?;
    engineer::check(desk)?;

    title("An operator releases it: two signatures of two");
    releases::first(desk)?;

    title("An appliance boots, verifies, and switches to it");
    let appliance = Appliance::boot(desk, "front-desk", &scratch.join("front-desk"), Supply::Folder)?;
    let neighbour = Appliance::boot(desk, "back-office", &scratch.join("back-office"), Supply::Folder)?;
    releases::await_first(&appliance, timeline)?;
    neighbour.start()?;

    title("Six things break, one after the other");
    breaks::all(&appliance, timeline)?;

    title("A good release is switched to; a bad one is rolled back");
    releases::second(desk, &appliance, timeline)?;
    releases::third(desk, &appliance, timeline)?;

    title("A typo in the policy");
    engineer::typo(desk)?;

    for one in [&appliance, &neighbour] {
        one.run("systemctl", &["stop", "writ-enforce.service"])?;
    }
    Ok(vec![keep(&appliance)?, keep(&neighbour)?])
}

/// Copies an appliance's outbox to where it stays when the container is gone.
fn keep(appliance: &Appliance) -> Result<PathBuf> {
    let kept = appliance.container.path("/").with_extension("outbox");
    copy(&appliance.outbox(), &kept)?;
    Ok(kept)
}

fn finish(arguments: &Arguments, kept: &Path, report: &Path, start: Instant) -> Result<()> {
    for leftover in ["draft", "keys/passphrase"] {
        let path = kept.join(leftover);
        if arguments.keep.is_none() && path.is_dir() {
            std::fs::remove_dir_all(&path)?;
        }
    }
    say(&format!("done in {:.0} s", start.elapsed().as_secs_f64()));
    println!("\nThe report: {}", report.display());
    if arguments.keep.is_none() {
        println!("Everything it rests on is beside it; `--keep DIR` chooses the folder.");
    }
    Ok(())
}
