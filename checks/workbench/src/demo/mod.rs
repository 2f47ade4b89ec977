//! `cargo xtask demo`: one clinic on one machine, from Nix to a healed appliance and a verdict anyone can check.

mod auditor;
mod breaks;
mod cast;
mod engineer;
mod learning;
mod lies;
mod offline;
mod processes;
mod releases;
mod screen;
mod stage;
mod timeline;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail};
use writ_scenarios::container;
use writ_scenarios::workshop::Workshop;
use writ_tools::setup;

use screen::{say, title};
use stage::Stage;
use timeline::Timeline;

/// The main job on real input: evaluate, sign, enforce, break, heal, prove, judge.
#[derive(clap::Args)]
pub struct Arguments {
    /// Leave flake/, keys/, releases/, audit/, report.html and timeline.json in this new folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Record the ten breaks as an asciicast into this file, and as text into the .md beside it, with pauses for whoever reads.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// Runs the story to its end; an error means that something did not do what it promises.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure(if setup::can_install() { setup::ALL } else { setup::PROCESSES })?;
    let start = Instant::now();
    let scratch = tempfile::Builder::new().prefix("writ-demo-").tempdir()?;
    let kept = match &arguments.keep {
        Some(dir) if dir.exists() && dir.read_dir()?.next().is_some() => {
            bail!("{} is not empty; name a new folder for --keep", dir.display())
        }
        Some(dir) => dir.clone(),
        None => tempfile::Builder::new().prefix("writ-report-").tempdir()?.keep(),
    };
    let mut desk = Workshop::open(&kept)?;
    let mut timeline = Timeline::new();
    match container::available() {
        Ok(()) => {
            desk.logged = true;
            in_containers(&desk, scratch.path(), &mut timeline, arguments.record.as_deref())?;
        }
        Err(why) if arguments.record.is_some() => bail!("nothing to record: there are no containers here ({why})"),
        Err(why) => {
            say(&format!(
                "no containers here ({why}): the appliance is a process on this machine, which it observes and"
            ));
            say(
                "does not change; what needs a systemd, a packet filter, a network or a system of its own is not shown",
            );
            let outboxes = processes::play(&desk, &kept.join("appliance"), &mut timeline)?;
            desk.collect(&outboxes, &desk.dir.join("audit"))?;
        }
    }
    title("The auditor, offline");
    let report = auditor::verify_and_report(&desk, scratch.path())?;
    timeline.write(&kept.join("timeline.json"))?;
    finish(arguments, &kept, &report, start)
}

/// The story with appliances as containers and a depot between them and the desk; leaves the audit folder as `writ audit
/// fetch` gathers it.
fn in_containers(desk: &Workshop, scratch: &Path, timeline: &mut Timeline, record: Option<&Path>) -> Result<()> {
    title("An engineer's desk: policy in Nix, checked like code");
    learning::prepare(desk)?;
    engineer::keys_and_identities(desk)?;
    engineer::check(desk)?;

    title("An operator releases it: two signatures of two, to a depot that is trusted with nothing");
    desk.make_trust_root()?;
    let mut stage = Stage::set(desk, &desk.dir.join("depot"))?;
    let overheard = lies::listen(&stage);
    releases::first(desk, &|desk| stage.release(desk))?;

    title("Two appliances boot, each on a cable of its own; couriers pull, enforcers verify, and switch");
    let appliance = stage.boot(desk, "front-desk", &scratch.join("front-desk"))?;
    let neighbour = stage.boot(desk, "back-office", &scratch.join("back-office"))?;
    for one in [&appliance, &neighbour] {
        learning::furnish(one)?;
    }
    releases::await_first(&appliance, timeline)?;
    neighbour.start()?;
    neighbour.start_courier()?;
    auditor::fetch(desk, &stage)?;

    title("Ten things break, one after the other");
    if record.is_some() {
        screen::begin_recording("Writ: ten things broken by hand in a container, and healed");
    }
    breaks::all(&appliance, timeline)?;
    if let (Some(file), Some(recording)) = (record, screen::end_recording()) {
        recording.write(file)?;
        say(&format!("recorded: {}", file.display()));
    }

    title("No rule answers it: a planner chooses among signed runbooks, and what helped five times becomes a rule");
    learning::play(&stage, desk, [&neighbour, &appliance], timeline)?;

    title("A good release is switched to; a bad one is rolled back");
    releases::second(desk, &|desk| stage.release(desk), &appliance, timeline)?;
    say("it brought the rule that was learned:");
    learning::again(&appliance, timeline)?;
    releases::third(desk, &|desk| stage.release(desk), &appliance, timeline)?;

    title("A cable is pulled");
    offline::play(&stage, &neighbour, timeline)?;

    title("Whoever stands in front of the depot lies, five times");
    lies::tell(&stage, desk, &appliance, &overheard, timeline)?;

    title("A typo in the policy");
    engineer::typo(desk)?;

    for one in [&appliance, &neighbour] {
        one.run("systemctl", &["stop", "writ-enforce.service"])?;
        offline::await_delivery(one)?;
    }
    title("The auditor fetches what there is, without trusting where it comes from");
    auditor::fetch(desk, &stage)?;
    auditor::keep_log(desk)
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
