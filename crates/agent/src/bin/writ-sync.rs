//! `writ-sync`: carries files between a depot and this appliance's spool.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use tracing_subscriber::filter::LevelFilter;
use writ_agent::sandbox;
use writ_agent::sync::config::{Config, DEFAULT_PATH};
use writ_agent::sync::courier::Courier;
use writ_agent::sync::daemon::{self, Wake};
use writ_agent::sync::once;
use writ_agent::told;

/// Something could not be carried.
const FAILED: u8 = 1;
/// It could not run.
const COULD_NOT_RUN: u8 = 2;

/// Carries releases from a depot to this appliance, and its evidence back.
///
/// Runs as an ordinary user and has no authority: the enforcer verifies whatever it brings, and evidence counts as delivered
/// only when the depot has proven that the site's log holds it. Makes a key of its own on the first start and waits until
/// the enforcer vouches for it.
#[derive(Parser)]
#[command(
    name = "writ-sync",
    version,
    after_help = "\
Examples:
  writ-sync                                as a daemon, by /etc/writ/sync.toml
  writ-sync --once --config ./sync.toml    check in, pull, fetch and deliver once

The least configuration:
  site = \"clinic-001\"
  appliance = \"front-desk\"
  depot = \"https://depot.example\"
  trust = \"/etc/writ/trust.json\"

Signals: SIGHUP does everything now; SIGTERM stops in an orderly way.
status.json in its state directory says how it is; WRIT_LOG=debug says more.

Exit codes of --once: 0 all was carried; 1 something was not, and said why; 2 could not run."
)]
struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Do everything once, and end.
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    writ_agent::memory::keep_little();
    let arguments = Arguments::parse();
    let usual = if arguments.once { LevelFilter::WARN } else { LevelFilter::INFO };
    let level = std::env::var("WRIT_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(usual);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            eprintln!("writ-sync: {}", told::chain(&e));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    // Before anything that takes time: whoever has just started it may signal already.
    let wake = if arguments.once { None } else { Some(Wake::by_signals().context("signals cannot be caught")?) };
    let config = Config::read(&arguments.config)?;
    // What it may write must be there before everything else is closed to it.
    for folder in [&config.state_dir, &config.inbox()] {
        writ_durable::create_directories(folder).with_context(|| folder.display().to_string())?;
    }
    let confined = sandbox::of_sync(&config).apply();
    let mut courier = Courier::open(config)?;
    courier.status.confined = confined;
    if let Some(wake) = wake {
        daemon::run(courier, wake).context("the daemon cannot run")?;
        return Ok(0);
    }
    let report = once::run(&mut courier)?;
    for (job, trouble) in &report.troubles {
        eprintln!("writ-sync: {}: {trouble}", job.name());
    }
    Ok(if report.troubles.is_empty() { 0 } else { FAILED })
}
